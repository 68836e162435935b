//go:build gms_pure_go

package embedded

import (
	"strings"

	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
)

// provider gives the engine its databases, and functions that come before its own.
type provider struct {
	*memory.DbProvider
	functions map[string]sql.Function
	// visible tells whether a user has any privilege on a database.
	visible func(ctx *sql.Context, database string) bool
}

var (
	_ sql.MutableDatabaseProvider         = (*provider)(nil)
	_ sql.FunctionProvider                = (*provider)(nil)
	_ sql.ExternalStoredProcedureProvider = (*provider)(nil)
)

// Database answers in MySQL's words for a database that the user may not know of. The
// engine would notice itself, in words that lose their number on the way out.
func (p *provider) Database(ctx *sql.Context, name string) (sql.Database, error) {
	if statementOf(ctx) != nil && !p.visible(ctx, name) {
		client := ctx.Session.Client()
		return nil, sqlError(mysql.ERDBAccessDenied, "Access denied for user '%s'@'%s' to database '%s'", client.User, client.Address, name)
	}
	db, err := p.DbProvider.Database(ctx, name)
	if err != nil {
		return nil, err
	}
	return wrap(db), nil
}

func (p *provider) AllDatabases(ctx *sql.Context) []sql.Database {
	all := p.DbProvider.AllDatabases(ctx)
	for i, db := range all {
		all[i] = wrap(db)
	}
	return all
}

func (p *provider) Function(_ *sql.Context, name string) (sql.Function, bool) {
	f, ok := p.functions[strings.ToLower(name)]
	return f, ok
}

// ExternalStoredProcedure hides the procedures that the engine has for its own tests.
func (*provider) ExternalStoredProcedure(*sql.Context, string, int) (*sql.ExternalStoredProcedureDetails, error) {
	return nil, nil
}

func (*provider) ExternalStoredProcedures(*sql.Context, string) ([]sql.ExternalStoredProcedureDetails, error) {
	return nil, nil
}

func wrap(db sql.Database) sql.Database {
	if db, ok := db.(*memory.Database); ok {
		return &database{db}
	}
	return db
}

// database hands out tables that answer right.
type database struct{ *memory.Database }

func (d *database) GetTableInsensitive(ctx *sql.Context, name string) (sql.Table, bool, error) {
	t, ok, err := d.Database.GetTableInsensitive(ctx, name)
	if t, is := t.(*memory.Table); is && ok && err == nil {
		return &table{t}, true, nil
	}
	return t, ok, err
}

// table is a table of the engine, read without its secondary indexes. Copies of a table
// share the entries of those, and an entry is changed in place when its row moves: after
// a rollback, and for concurrent readers, it leads to another row. Looking a row up
// takes the engine a look at every row with an index, too, so nothing is lost.
type table struct{ *memory.Table }

var (
	_ memory.MemTable              = (*table)(nil)
	_ sql.IndexAddressableTable    = (*table)(nil)
	_ sql.ProjectedTable           = (*table)(nil)
	_ sql.ForeignKeyTable          = (*table)(nil)
	_ sql.InsertableTable          = (*table)(nil)
	_ sql.UpdatableTable           = (*table)(nil)
	_ sql.ReplaceableTable         = (*table)(nil)
	_ sql.DeletableTable           = (*table)(nil)
	_ sql.TruncateableTable        = (*table)(nil)
	_ sql.AutoIncrementTable       = (*table)(nil)
	_ sql.AlterableTable           = (*table)(nil)
	_ sql.RewritableTable          = (*table)(nil)
	_ sql.IndexAlterableTable      = (*table)(nil)
	_ sql.CheckAlterableTable      = (*table)(nil)
	_ sql.PrimaryKeyAlterableTable = (*table)(nil)
	_ sql.StatisticsTable          = (*table)(nil)
)

func (t *table) WithProjections(columns []string) sql.Table {
	if t, ok := t.Table.WithProjections(columns).(*memory.Table); ok {
		return &table{t}
	}
	return t
}

func (t *table) IndexedAccess(ctx *sql.Context, lookup sql.IndexLookup) sql.IndexedTable {
	return narrowed(t.Table.IndexedAccess(ctx, byScan(lookup)))
}

func (t *table) Inserter(ctx *sql.Context) sql.RowInserter {
	return edited(ctx, t, t.Table.Inserter(ctx))
}

func (t *table) Updater(ctx *sql.Context) sql.RowUpdater { return edited(ctx, t, t.Table.Updater(ctx)) }

func (t *table) Deleter(ctx *sql.Context) sql.RowDeleter { return edited(ctx, t, t.Table.Deleter(ctx)) }

func (t *table) Replacer(ctx *sql.Context) sql.RowReplacer {
	return edited(ctx, t, t.Table.Replacer(ctx))
}

func (t *table) GetForeignKeyEditor(ctx *sql.Context) sql.ForeignKeyEditor {
	return edited(ctx, t, t.Table.GetForeignKeyEditor(ctx))
}
