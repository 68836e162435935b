package arm

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump is all that a directory keeps: each table's rows as texts. What grows is left out:
// the activity log, which tells of refusals, too, and the history of changes.
type dump map[string][]string

func (w *world) dump(t *testing.T) dump {
	t.Helper()
	db := w.open(t)
	tables := column(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('activity', 'change') ORDER BY name`)
	if len(tables) < 8 {
		t.Fatalf("only the tables %q", tables)
	}
	all := dump{}
	for _, table := range tables {
		names := column(t, db, `SELECT name FROM pragma_table_info('`+table+`')`)
		all[table] = column(t, db, `SELECT `+"quote("+strings.Join(names, `) || '|' || quote(`)+")"+` AS row FROM `+table+` ORDER BY row`)
	}
	return all
}

// open opens the directory's file beside the directory, to be read.
func (w *world) open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+w.file+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// changed tells what differs, or "".
func (d dump) changed(now dump) string {
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(now)) {
		if diff := cmp.Diff(d[table], now[table]); diff != "" {
			fmt.Fprintf(&b, "%s: %s\n", table, diff)
		}
	}
	return b.String()
}
