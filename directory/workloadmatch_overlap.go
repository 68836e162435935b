package directory

import (
	"context"
	"database/sql"
	"net/netip"
	"strings"

	"github.com/midas-mysql/midas"
)

// checkOverlap refuses a match that lies within another machine's, or around it: the
// narrower one would take callers away from the wider. Marks of one machine may overlap.
func (d *Directory) checkOverlap(ctx context.Context, tx *sql.Tx, machine int64, kind, value string) error {
	rows, err := tx.QueryContext(ctx, `SELECT value FROM recognition WHERE kind = ? AND vm <> ?`, kind, machine)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var theirs string
		if err := rows.Scan(&theirs); err != nil {
			return err
		}
		if overlap(kind, value, theirs) {
			// Whose it is may not be for the caller to know, nor how wide it is.
			return midas.Errorf(midas.Conflict, "The %s '%s' overlaps with a workload match of another virtual machine.", kind, value)
		}
	}
	return rows.Err()
}

// overlap reports whether two matches of one kind, in their one spelling, have something
// in common.
func overlap(kind, a, b string) bool {
	switch kind {
	case "cidr":
		p, err := netip.ParsePrefix(a)
		q, err2 := netip.ParsePrefix(b)
		return err == nil && err2 == nil && p.Overlaps(q)
	case "cgroup":
		return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
	}
	return a == b
}
