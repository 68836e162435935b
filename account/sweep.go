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
	// sweepTableTimeout is how long a sweep tries to have the table as its copy, and how long it
	// writes rows.
	sweepTableTimeout = 2 * time.Second
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
	s.restored.begin()
	// Those who may write to schema midas can keep rows from being written, by a trigger or the
	// lock of a row. That must not keep accounts from being locked.
	mending, stop := context.WithTimeout(ctx, sweepTableTimeout)
	unmended := errors.Join(s.sweepTable(mending), s.renewFormer(mending))
	stop()
	rows, users, err := s.takeInventory(ctx)
	if err != nil {
		return errors.Join(unmended, err)
	}
	found, writes, err := s.survey(ctx, rows, users)
	if err != nil || len(found) == 0 {
		return errors.Join(unmended, err)
	}
	err = s.lockedAsIs(ctx, sweepWait, func(conn *sql.Conn) error {
		var failed []error
		for i, row := range found {
			if i == writes {
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, sweepTableTimeout)
				defer stop()
			}
			failed = append(failed, s.putRight(ctx, conn, row))
			s.Forget(row.User)
		}
		return errors.Join(failed...)
	})
	if errors.Is(err, errBusy) {
		return unmended
	}
	return errors.Join(unmended, err)
}

// survey returns the rows whose account is not as it should be, and leaves the slice as it is.
// Those from writes on, for which midas may write to its table, come last, and of them former
// administrators first, whose account goes before their row: a write that is kept waiting takes
// the connection with it.
func (s *Store) survey(ctx context.Context, rows []Account, byName accountNames) (found []Account, writes int, err error) {
	if len(rows) == 0 {
		return nil, 0, nil
	}
	gone, err := s.gone(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	former, _, err := s.former(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	s.verified.begin()
	found = slices.DeleteFunc(slices.Clone(rows), func(row Account) bool {
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
	})
	rank := func(row Account) int {
		switch u, there := byName[[2]string{row.User, row.Host}]; {
		case !there:
			return 3
		case u.marker != row.Mapping:
			return 2
		case former(row):
			return 1
		}
		return 0
	}
	slices.SortStableFunc(found, func(a, b Account) int { return rank(a) - rank(b) })
	if writes = slices.IndexFunc(found, func(row Account) bool { return rank(row) > 0 }); writes < 0 {
		writes = len(found)
	}
	return found, writes, nil
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
	row, known, err := s.knownAs(ctx, q, row.Mapping)
	if err != nil || !known {
		return err
	}
	users, err := s.dialect.byName(ctx, q, row.User)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(users, func(u backendUser) bool { return s.madeFor(u, row) })
	if at < 0 {
		_, err := s.reconcileRow(ctx, q, row)
		return err
	}
	former, admin, err := s.former(ctx, []Account{row})
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

// knownAs returns the row of a mapping, by the table or by its copy, as Sweep goes by.
func (s *Store) knownAs(ctx context.Context, q querier, mapping string) (row Account, known bool, err error) {
	k, err := s.known(ctx, q, "`server` = ? AND `mapping` = ?", s.server, mapping)
	if err != nil {
		return Account{}, false, err
	}
	all := append(k.rows, k.unwritten...)
	for _, o := range k.outdated {
		all = append(all, o.kept)
	}
	at := slices.IndexFunc(all, func(a Account) bool { return a.Mapping == mapping })
	if at < 0 {
		return Account{}, false, nil
	}
	return all[at], true, nil
}
