//go:build gms_pure_go

package embedded

import (
	"io"
	"sort"

	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
)

// indexed is a table narrowed by a lookup in an index. It is still a table: the engine
// narrows it again, and edits it.
type indexed struct {
	*table
	access *memory.IndexedTable
}

var _ sql.IndexedTable = (*indexed)(nil)

// narrowed is for what the engine returned for a lookup that went through byScan.
func narrowed(t sql.IndexedTable) sql.IndexedTable {
	if t, ok := t.(*memory.IndexedTable); ok {
		return &indexed{&table{t.Table}, t}
	}
	return t
}

// byScan names the index as a primary key is named: for one, the engine filters the rows
// themselves by the same ranges. Other lookups go through the index's own entries.
func byScan(lookup sql.IndexLookup) sql.IndexLookup {
	if index, ok := lookup.Index.(*memory.Index); ok && scannable(lookup) {
		primary := *index
		primary.Name = primaryKey
		lookup.Index = &primary
	}
	return lookup
}

const primaryKey = "PRIMARY"

func scannable(lookup sql.IndexLookup) bool {
	index, ok := lookup.Index.(*memory.Index)
	return ok && !index.Spatial && !index.Fulltext && !index.IsVector() && lookup.VectorOrderAndLimit.OrderBy == nil
}

// LookupPartitions takes the lookup again: the engine repeats it with other values.
func (t *indexed) LookupPartitions(ctx *sql.Context, lookup sql.IndexLookup) (sql.PartitionIter, error) {
	return t.access.LookupPartitions(ctx, byScan(lookup))
}

// PartitionRows sorts the rows that match, in the order of the index. The engine sorts
// all rows for each lookup.
func (t *indexed) PartitionRows(ctx *sql.Context, partition sql.Partition) (sql.RowIter, error) {
	lookup := t.access.Lookup
	if !scannable(lookup) {
		return t.access.PartitionRows(ctx, partition)
	}
	whole := t.access.WithProjections(nil)
	iter, err := whole.PartitionRows(ctx, partition)
	if err != nil {
		return nil, err
	}
	rows, err := sql.RowIterToRows(ctx, iter)
	if err != nil {
		return nil, err
	}
	sorter := &expression.Sorter{Ctx: ctx, Rows: rows}
	for _, e := range lookup.Index.(*memory.Index).Exprs {
		field := sql.SortField{Column: e}
		if lookup.IsReverse {
			field.Order = sql.Descending
		}
		sorter.SortFields = append(sorter.SortFields, field)
	}
	sort.Stable(sorter)
	if sorter.LastError != nil {
		return nil, sorter.LastError
	}
	return projected(rows, whole.Schema(), t.Projections()), nil
}

// projected cuts rows down to the columns that were asked for; nil asks for all.
func projected(rows []sql.Row, schema sql.Schema, columns []string) sql.RowIter {
	if columns == nil {
		return sql.RowsToRowIter(rows...)
	}
	positions := make([]int, len(columns))
	for i, name := range columns {
		positions[i] = schema.IndexOfColName(name)
	}
	return &projection{rows: rows, positions: positions}
}

type projection struct {
	rows      []sql.Row
	positions []int
}

func (p *projection) Next(*sql.Context) (sql.Row, error) {
	if len(p.rows) == 0 {
		return nil, io.EOF
	}
	row := make(sql.Row, len(p.positions))
	for i, at := range p.positions {
		row[i] = p.rows[0][at]
	}
	p.rows = p.rows[1:]
	return row, nil
}

func (*projection) Close(*sql.Context) error { return nil }
