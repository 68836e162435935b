package account

import (
	"context"
	"database/sql"
	"time"

	"github.com/midas-mysql/midas"
)

// Look is one look at all rows and accounts of a backend, for the stores of all servers that
// share it: if each looked for itself, with a thousand of them a round of sweeps would read
// every account a thousand times, and come too late.
type Look struct {
	at    time.Time
	rows  map[string][]mappingRow // by server
	users accountNames
}

// LookAt looks at a backend. Errors are Invalid for an unknown dialect and Unavailable.
func LookAt(ctx context.Context, db *sql.DB, dialect string) (*Look, error) {
	d := dialects[dialect]
	if d == nil {
		return nil, midas.Errorf(midas.Invalid, "unknown dialect %q of the backend", dialect)
	}
	l := &Look{at: time.Now(), rows: map[string][]mappingRow{}}
	_, self, err := serviceNames(ctx, db)
	if err != nil {
		return nil, err
	}
	// Rows first: one that is made meanwhile has its account by the time that is asked for.
	rows, err := readRows(ctx, db, "1 = 1")
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		l.rows[r.ServerID] = append(l.rows[r.ServerID], r)
	}
	users, err := d.all(ctx, db, "", self.user)
	if err != nil {
		return nil, err
	}
	l.users = usersByName(users)
	return l, nil
}

// SweepAfter is Sweep where the look found anything to do. It asks the backend only then, and
// tells so.
func (s *Store) SweepAfter(ctx context.Context, l *Look) (asked bool, err error) {
	if right, err := s.isRightIn(ctx, l); right && err == nil {
		return false, nil
	}
	return true, s.Sweep(ctx)
}

func (s *Store) isRightIn(ctx context.Context, l *Look) (bool, error) {
	if _, there := l.users[[2]string{s.self.user, s.self.host}]; !there {
		return false, nil
	}
	all := l.rows[s.server]
	if s.copies.begun() && uint64(len(all)) != s.copies.sum().rows {
		return false, nil
	}
	rows := make([]Account, 0, len(all))
	for _, r := range all {
		kept, known, _ := s.copies.state(r.Mapping)
		if s.judge(r) != rowCurrent || s.copies.begun() && (!known || r.Account != kept) {
			return false, nil
		}
		rows = append(rows, r.Account)
	}
	found, _, err := s.survey(ctx, rows, l.users)
	if err == nil && len(found) == 0 {
		s.noteInventory(l.at, rows, l.users)
	}
	return len(found) == 0, err
}
