package directory

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/midas-mysql/midas"
)

// record is what one transaction did to the rows of the directory. SQLite reports each row
// while it is written, those that a trigger or a foreign key writes included, so that no
// statement can change something and leave no trace here.
// Source: SQLite, sqlite3_preupdate_hook.
type record struct {
	columns map[string][]string // of the tables
	// written has for each content of a row how often it came, less how often it went: a
	// row that is removed and made again with the same content is no change.
	written map[rowKey]*rowCount
	// resources are those whose own rows were written, by row id: one that was removed can
	// be looked up no more.
	resources map[int64]row
	// groups are the security groups whose own rows were written.
	groups map[string]bool
	err    error
}

type rowKey struct {
	table   string
	content [sha256.Size]byte
}

type rowCount struct {
	row   row
	count int
}

// row has the values of a row that are short enough to be an id, by column.
type row map[string]any

func (r row) text(column string) string { s, _ := r[column].(string); return s }

func (r row) number(column string) int64 { n, _ := r[column].(int64); return n }

// unfed are the tables whose rows nobody remembers, so that consumers of the feed are not
// woken for them.
var unfed = map[string]string{
	"activity":           "the log of what was done is always read from the store",
	"change":             "it is the feed",
	"departed_principal": "the row of the principal itself is a change",
	"refresh_grant":      "each use of a refresh token reads it and most write it",
}

// stamps are the columns that say when or by whom a row was written, and no more.
var stamps = []string{"created", "changed", "changed_by", "etag"}

// maxID bounds what is kept of a row's values: ids and names are shorter.
const maxID = 4096

func newRecord(columns map[string][]string) *record {
	return &record{columns: columns, written: map[rowKey]*rowCount{}, resources: map[int64]row{}, groups: map[string]bool{}}
}

// add takes one row that SQLite is about to write.
func (r *record) add(data sqlite.SQLitePreUpdateData) {
	columns, known := r.columns[data.TableName]
	switch {
	case unfed[data.TableName] != "" || r.err != nil:
		return
	case !known || watched[data.TableName] == nil:
		r.err = midas.Errorf(midas.Internal, "table %s is written and has no kind of change", data.TableName)
		return
	}
	if data.Op != sqlite3.SQLITE_INSERT {
		r.count(data.TableName, columns, data.Old, -1)
	}
	if data.Op != sqlite3.SQLITE_DELETE {
		r.count(data.TableName, columns, data.New, 1)
	}
}

func (r *record) count(table string, columns []string, read func(...any) error, by int) {
	values := make([]any, len(columns))
	if err := read(values...); err != nil {
		r.err = err
		return
	}
	key, content := rowKey{table: table}, row{}
	sum := sha256.New()
	for i, name := range columns {
		if id, ok := values[i].(string); !ok || len(id) <= maxID {
			content[name] = values[i]
		}
		if !slices.Contains(stamps, name) {
			writeValue(sum, values[i])
		}
	}
	sum.Sum(key.content[:0])
	switch table {
	case "resource":
		r.resources[content.number("id")] = content
	case "security_group":
		r.groups[content.text("object_id")] = true
	}
	known := r.written[key]
	if known == nil {
		known = &rowCount{row: content}
		r.written[key] = known
	}
	known.count += by
}

// writeValue writes a value so that no two of different type or length look alike.
func writeValue(to interface{ Write([]byte) (int, error) }, value any) {
	var kind byte
	var text []byte
	switch value := value.(type) {
	case int64:
		kind, text = 'i', binary.BigEndian.AppendUint64(nil, uint64(value))
	case string:
		kind, text = 's', []byte(value)
	case []byte:
		kind, text = 'b', value
	default:
		kind = '0'
	}
	// A hash does not fail.
	_, _ = to.Write(binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(text))))
	_, _ = to.Write(text)
}

// things are what the transaction changed, each once, in no order that means anything.
func (r *record) things(ctx context.Context, d *Directory, tx *sql.Tx) ([]thing, error) {
	if r.err != nil {
		return nil, r.err
	}
	found := map[thing]bool{}
	l := &lookup{Directory: d, record: r, tx: tx}
	for key, written := range r.written {
		if written.count == 0 {
			continue
		}
		named, err := watched[key.table](ctx, l, written.row)
		if err != nil {
			return nil, err
		}
		for _, t := range named {
			found[t] = true
		}
	}
	all := make([]thing, 0, len(found))
	for t := range found {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b thing) int {
		return strings.Compare(string(a.kind)+"\x00"+a.id, string(b.kind)+"\x00"+b.id)
	})
	return all, nil
}

// hook makes conn report its writes to r; nil ends it.
func hook(conn *sql.Conn, r *record) error {
	return conn.Raw(func(driver any) error {
		h, ok := driver.(sqlite.HookRegisterer)
		if !ok {
			return errors.New("this SQLite driver does not report writes")
		}
		if r == nil {
			h.RegisterPreUpdateHook(nil)
		} else {
			h.RegisterPreUpdateHook(r.add)
		}
		return nil
	})
}

// loadColumns reads the columns of all tables, which only a migration changes.
func loadColumns(ctx context.Context, tx *sql.Tx) (map[string][]string, error) {
	columns := map[string][]string{}
	var table, column string
	err := each(ctx, tx, `SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid`,
		nil, []any{&table, &column}, func() { columns[table] = append(columns[table], column) })
	return columns, err
}
