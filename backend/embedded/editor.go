//go:build gms_pure_go

package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
)

// editor changes the rows of a table. The engine collects the changes of a statement
// under the text of the primary key with its columns run together, so that of two rows
// (1, 11) and (11, 1) it would delete one, or call the second a duplicate. Here the
// changes before such a row are applied first.
type editor struct {
	sql.TableEditor
	key  []int  // columns of the primary key, when there are several
	seen keySet // of all editors of the table in this statement
}

// keySet maps the text of a key run together to its text with the columns apart.
type keySet map[string]string

var _ sql.ForeignKeyEditor = (*editor)(nil)

// edited is for the engine's editors, which all have the same methods.
func edited(ctx *sql.Context, t *table, inner any) *editor {
	e := &editor{TableEditor: inner.(sql.TableEditor)}
	if key := t.PrimaryKeySchema().PkOrdinals; len(key) > 1 {
		e.key, e.seen = slices.Clone(key), statementOf(ctx).keysOf(t.Database()+"\x00"+t.Name())
	}
	return e
}

// distinguish applies what has been collected if row would be taken for another row.
func (e *editor) distinguish(ctx *sql.Context, row sql.Row) error {
	if len(e.key) == 0 {
		return nil
	}
	parts := make([]string, len(e.key))
	for i, column := range e.key {
		parts[i] = fmt.Sprintf("%v", row[column])
	}
	joined, exact := strings.Join(parts, ""), fmt.Sprintf("%q", parts)
	if other, ok := e.seen[joined]; ok && other != exact {
		if err := e.TableEditor.StatementComplete(ctx); err != nil {
			return err
		}
		clear(e.seen)
	}
	e.seen[joined] = exact
	return nil
}

func (e *editor) Insert(ctx *sql.Context, row sql.Row) error {
	if err := e.distinguish(ctx, row); err != nil {
		return err
	}
	return e.TableEditor.Insert(ctx, row)
}

func (e *editor) Delete(ctx *sql.Context, row sql.Row) error {
	if err := e.distinguish(ctx, row); err != nil {
		return err
	}
	return e.TableEditor.Delete(ctx, row)
}

func (e *editor) Update(ctx *sql.Context, before, after sql.Row) error {
	if err := e.distinguish(ctx, before); err != nil {
		return err
	}
	if err := e.distinguish(ctx, after); err != nil {
		return err
	}
	return e.TableEditor.Update(ctx, before, after)
}

func (e *editor) IndexedAccess(ctx *sql.Context, lookup sql.IndexLookup) sql.IndexedTable {
	// The engine applies the changes before it looks.
	clear(e.seen)
	return narrowed(e.TableEditor.(sql.ForeignKeyEditor).IndexedAccess(ctx, byScan(lookup)))
}

func (e *editor) GetIndexes(ctx *sql.Context) ([]sql.Index, error) {
	return e.TableEditor.(sql.ForeignKeyEditor).GetIndexes(ctx)
}

func (e *editor) PreciseMatch() bool {
	return e.TableEditor.(sql.ForeignKeyEditor).PreciseMatch()
}
