package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	sweepTimeout = 10 * time.Second
	// sweepWait is how long a sweep waits for its turn to change accounts. Without a wait,
	// sign-ins that have a secret set again all the time would put off every sweep.
	sweepWait = time.Second
	// sweepVerifies bounds the hashes that one sweep checks for the first time: one costs
	// some milliseconds on MySQL, by design.
	sweepVerifies = 64
	// markEvery is how often a mark is tried that midas's own user may have no right to make.
	markEvery = time.Minute
)

// Sweep looks at all accounts of the server and puts right what statements at the backend
// changed, which no gateway need have seen and no sign-in need follow:
//
//   - the row of an account that was dropped goes with its copy, and one that was renamed
//     follows it;
//   - an account in the place of a row that cannot be proven to be the row's own is locked;
//   - a password that is not the secret, or stands beside it, is taken back;
//   - an account whose principal was deleted or disabled in the directory is locked, and
//     unlocked when the principal is active again;
//   - the account of a former administrator is dropped, or locked.
//
// Rows that were lost or changed on the backend are written again from their copy first. It
// costs three queries when all is right. It leaves what it cannot read, and what another
// gateway is changing, to the next sweep. Errors are Unavailable.
func (s *Store) Sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	select {
	case s.sweeping <- struct{}{}: // one is enough of the pool's connections
		defer func() { <-s.sweeping }()
	case <-ctx.Done():
		return unavailable("wait for another sweep", ctx.Err())
	}
	if err := s.sweepTable(ctx); err != nil {
		return err
	}
	rows, users, err := s.takeInventory(ctx)
	if err != nil {
		return err
	}
	found, err := s.survey(ctx, rows, users)
	if err != nil || len(found) == 0 {
		return err
	}
	err = s.locked(ctx, sweepWait, func(conn *sql.Conn) error {
		var failed []error
		for _, row := range found {
			failed = append(failed, s.putRight(ctx, conn, row))
			s.Forget(row.User)
		}
		return errors.Join(failed...)
	})
	if errors.Is(err, errBusy) {
		return nil
	}
	return err
}

// survey returns the rows whose account is not as it should be, and leaves the slice as it is.
func (s *Store) survey(ctx context.Context, rows []Account, byName accountNames) ([]Account, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	gone, err := s.gone(ctx, rows)
	if err != nil {
		return nil, err
	}
	former, _, err := s.former(ctx, rows)
	if err != nil {
		return nil, err
	}
	s.verified.begin()
	return slices.DeleteFunc(slices.Clone(rows), func(row Account) bool {
		u, there := byName[[2]string{row.User, row.Host}]
		switch {
		case !there:
			return false
		case u.marker == row.Mapping:
			return s.isRight(row, u, gone[row.ID]) && !former(row)
		case u.label == row.Mapping: // the password may prove it: then it is to be marked
			return s.marked.within(row.Mapping, s.now(), markEvery)
		}
		return s.staysLocked(u, row)
	}), nil
}

func (s *Store) staysLocked(u backendUser, row Account) bool {
	return u.locked && s.locks.within(row.Mapping, s.now(), lockEvery)
}

// isRight tells whether the account u of row is as it should be.
func (s *Store) isRight(row Account, u backendUser, gone bool) bool {
	switch {
	case !u.bound || !s.verified.holds(s, u, row) || s.isToExpel(row):
		return false
	case gone:
		return s.staysLocked(u, row)
	}
	return !u.suspended
}

// verified remembers by which hash an account was found to hold its secret, so that a
// sweep computes hashes only for accounts that are new or were changed.
type verified struct {
	mu         sync.Mutex
	known, old map[string]string
	left       int // how many more hashes this sweep may compute
}

// begin forgets the accounts that the last sweep did not meet.
func (v *verified) begin() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.old, v.known, v.left = v.known, map[string]string{}, sweepVerifies
}

// holds tells whether the secret of row opens u, and nothing else does. Hashes beyond what
// one sweep may compute are left to the next ones.
func (v *verified) holds(s *Store, u backendUser, row Account) bool {
	if !u.plain {
		return false
	}
	key := row.Mapping + " " + strconv.Itoa(row.Generation)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.old[key] != u.hash {
		if v.left--; v.left < 0 {
			return true
		}
		if !s.dialect.holds(u, s.Secret(row)) {
			return false
		}
	}
	v.known[key] = u.hash
	return true
}

// putRight looks again, under the lock, and does what is to be done about one row.
func (s *Store) putRight(ctx context.Context, q querier, row Account) error {
	rows, err := s.rows(ctx, q, "`server` = ? AND `mapping` = ?", s.server, row.Mapping)
	if err != nil || len(rows) != 1 {
		return err
	}
	row = rows[0]
	users, err := s.dialect.byName(ctx, q, row.User)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(users, func(u backendUser) bool { return s.madeFor(u, row) })
	if at < 0 {
		_, err := s.settle(ctx, q, row)
		return err
	}
	former, admin, err := s.former(ctx, rows)
	if err != nil {
		return err
	}
	if former(row) {
		return s.replaceFormer(ctx, q, row, admin)
	}
	s.marked.note(row.Mapping, s.now())
	s.tryMark(ctx, q, row)
	if _, err := s.mend(ctx, q, row); err != nil {
		return err
	}
	s.expel(ctx, q, row)
	if !users[at].bound {
		if err := s.dialect.bind(ctx, q, row); err != nil {
			return err
		}
	}
	_, err = s.followPrincipal(ctx, q, row)
	return err
}

// Bereft returns the ids of the other servers on this backend that have a row without an
// account of its name: somebody has dropped or renamed one of theirs, and their own Sweep
// follows that. Errors are Unavailable.
func (s *Store) Bereft(ctx context.Context) (servers []string, err error) {
	const doing = "look for rows without an account"
	rows, err := s.db.QueryContext(ctx, "SELECT DISTINCT `server` FROM "+aaduser+" WHERE `server` <> ? AND "+
		"NOT EXISTS (SELECT 1 FROM mysql.user WHERE mysql.user.User = midas.aaduser.`user` AND mysql.user.Host = midas.aaduser.`host`)", s.server)
	if err != nil {
		return nil, unavailable(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var server string
		if err := rows.Scan(&server); err != nil {
			return nil, unavailable(doing, err)
		}
		servers = append(servers, server)
	}
	return servers, unavailable(doing, rows.Err())
}
