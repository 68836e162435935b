package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
)

// lookupTimeout bounds a lookup that several callers may be waiting for, and that
// therefore does not end with one caller's context.
const lookupTimeout = 10 * time.Second

// The requests about a name that callers share: one asks the backend, the others wait for its answer.
const (
	verbLookUp = "look up"
	verbMend   = "mend"
)

// ErrDoubtful is the cause of Lookup's error when rows and accounts of the name do not fit
// together: an account was dropped or renamed, lost its marker, or a row is missing.
var ErrDoubtful = errors.New("rows and accounts do not fit together")

// Lookup returns the accounts of that user name: none for a name that is no AADUSER of
// this server. Answers, also empty ones, may be as old as StoreConfig.CacheTTL. It writes
// nothing. Errors are Unavailable; one with ErrDoubtful calls for Mend.
func (s *Store) Lookup(ctx context.Context, user string) ([]Account, error) {
	return s.find(ctx, user, verbLookUp, (*Store).look)
}

// Mend is Lookup for a name whose rows and accounts do not fit together, and first makes them
// fit: it deletes rows whose account has been dropped, locks accounts that cannot be proven
// (see Unproven), and lets rows follow RENAME USER.
func (s *Store) Mend(ctx context.Context, user string) ([]Account, error) {
	return s.find(ctx, user, verbMend, (*Store).reconcileDoubts)
}

// find answers from memory, or has one caller ask for all that ask the same at a time.
func (s *Store) find(ctx context.Context, user, verb string, ask func(*Store, context.Context, string) ([]Account, bool, error)) ([]Account, error) {
	if checkUserName(user) != nil {
		return nil, nil // no account has such a name, whatever the backend makes of it
	}
	accounts, epoch, ok := s.cache.get(user)
	if ok {
		return accounts, nil
	}
	flight := s.flights.DoChan(verb+" "+user, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		found, final, err := ask(s, ctx, user)
		if err == nil && final {
			s.cache.put(user, found, epoch)
		}
		return found, err
	})
	select {
	case <-ctx.Done():
		return nil, unavailable(verb+" '"+user+"'", ctx.Err())
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return slices.Clone(r.Val.([]Account)), nil
	}
}

// sighted asks the backend about a user name, and takes a table that was lost for one without
// rows.
func (s *Store) sighted(ctx context.Context, user string) (sight, error) {
	seen, err := s.view(ctx, s.db, user)
	if isLost(err) && s.copies.begun() {
		return sight{torn: true}, nil
	}
	return seen, err
}

// look asks the backend and changes nothing.
func (s *Store) look(ctx context.Context, user string) (live []Account, final bool, err error) {
	seen, err := s.sighted(ctx, user)
	if err == nil && seen.doubted() {
		return nil, false, unavailable(verbLookUp+" '"+user+"'", ErrDoubtful)
	}
	return seen.answer(err)
}

// reconcileDoubts asks the backend and reconciles doubtful rows. The answer is not final, and not to be
// cached, while another's change keeps the lock.
func (s *Store) reconcileDoubts(ctx context.Context, user string) (live []Account, final bool, err error) {
	seen, err := s.sighted(ctx, user)
	if err != nil || !seen.doubted() {
		return seen.answer(err)
	}
	// Waiting for the lock would make a sign-in wait for CREATE AADUSER: while another holds
	// it, mending is left to the next sign-in. But a row that is missing is waited for.
	wait := time.Duration(0)
	if seen.torn {
		wait = lookupTimeout / 2
	}
	err = s.locked(ctx, wait, func(conn *sql.Conn) error { // which has mended what was torn
		now, err := s.view(ctx, conn, user)
		if err != nil {
			return err
		}
		for _, row := range now.doubtful {
			if _, err := s.reconcileRow(ctx, conn, row); err != nil {
				return err
			}
		}
		again, err := s.view(ctx, conn, user)
		if err == nil {
			seen = again
		}
		return err
	})
	switch {
	case err == nil:
	case seen.torn:
		return nil, false, err
	case errors.Is(err, errBusy):
		return seen.live, false, nil
	default:
		s.log.WarnContext(ctx, "leftover account rows stay for now", "user", user, "error", err, midas.HintAttr(err))
	}
	return seen.answer(nil)
}

// sight is what rows, their copy and accounts say together about a user name.
type sight struct {
	live []Account // the rows whose account is there
	// doubtful are the rows to reconcile, because their account is gone or has lost its
	// marker, or one of that name carries the marker or label of a row with another name.
	// An unproven account that is locked already is left to Sweep.
	doubtful []Account
	torn     bool  // the table does not have the rows that are kept
	closed   error // why an account that is there does not open
}

// doubted tells whether something is there to be mended.
func (v sight) doubted() bool { return len(v.doubtful) > 0 || v.torn }

func (v sight) answer(err error) ([]Account, bool, error) {
	if err == nil && len(v.live) == 0 {
		err = v.closed
	}
	return v.live, err == nil, err
}

// view asks the backend about a user name.
func (s *Store) view(ctx context.Context, q querier, user string) (v sight, err error) {
	users, err := s.dialect.byName(ctx, q, user)
	if err != nil {
		return sight{}, err
	}
	all, err := readRows(ctx, q, "`server` = ? AND `user` = ?", s.server, user)
	if err != nil {
		return sight{}, err
	}
	v.torn = s.torn(user, all)
	for _, r := range all {
		if verdict := s.judge(r); verdict.confirmable() && slices.ContainsFunc(users, func(u backendUser) bool { return s.madeFor(u, r.Account) }) {
			v.closed = closed(r.Account, verdict)
		}
	}
	for _, row := range s.believed(ctx, all) {
		if row.User != user { // the server ignores trailing spaces, we do not
			continue
		}
		at := slices.IndexFunc(users, func(u backendUser) bool { return u.is(row) })
		switch {
		case at >= 0 && s.proven(users[at], row):
			v.live = append(v.live, row)
			if users[at].marker != row.Mapping {
				v.doubtful = append(v.doubtful, row)
			}
		case at < 0 || !users[at].locked:
			v.doubtful = append(v.doubtful, row)
		}
	}
	return v, s.followed(ctx, q, users, user, &v)
}

// followed adds the rows of other names whose marker or label an account of this name
// carries.
func (s *Store) followed(ctx context.Context, q querier, users []backendUser, user string, v *sight) error {
	for _, u := range users {
		for _, id := range []string{u.marker, u.label} {
			known := func(a Account) bool { return a.Mapping == id }
			if u.user != user || !isGUID(id) || slices.ContainsFunc(v.live, known) || slices.ContainsFunc(v.doubtful, known) {
				continue
			}
			rows, err := s.rows(ctx, q, "`server` = ? AND `mapping` = ?", s.server, id)
			if err != nil {
				return err
			}
			v.doubtful = append(v.doubtful, rows...)
		}
	}
	return nil
}

// reconcileRow decides about a row that has no proven account of its name. It follows the one
// account that is proven to be its own, which has been renamed. Without one, an account of
// its name and host is locked (see lockUnproven), and a row without any account is deleted.
// It returns the row under its new name, or an empty one. The caller holds the lock.
//
// When two accounts have the row's marker, one is a copy, and neither is followed unless it has
// the row's own name. An administrator's name is for the directory to
// change: one who renames the account loses it.
func (s *Store) reconcileRow(ctx context.Context, q querier, row Account) (Account, error) {
	return s.reconcileRowBy(ctx, q, row, s.proven)
}

func (s *Store) reconcileRowBy(ctx context.Context, q querier, row Account, proof func(backendUser, Account) bool) (Account, error) {
	bearers, err := s.dialect.byMarker(ctx, q, row.Mapping)
	if err != nil {
		return Account{}, err
	}
	bearers = slices.DeleteFunc(bearers, func(u backendUser) bool { return !proof(u, row) })
	if slices.ContainsFunc(bearers, func(u backendUser) bool { return u.user == row.User && u.host == row.Host }) {
		return Account{}, s.keepMark(ctx, q, row) // what raised the doubt is a copy, or a lost marker
	}
	if row.Admin {
		for _, u := range bearers {
			if err := s.dropOrLock(ctx, q, Account{User: u.user, Host: u.host}); err != nil {
				return Account{}, err
			}
		}
	}
	if len(bearers) != 1 || row.Admin || checkUserName(bearers[0].user) != nil {
		return Account{}, s.bury(ctx, q, row)
	}
	// Its password is the old name's, so under the new one only the marker tells.
	if bearers[0].marker != row.Mapping {
		if err := s.dialect.mark(ctx, q, bearers[0], row.Mapping); err != nil {
			return Account{}, err
		}
	}
	before := row
	row.User, row.Host = bearers[0].user, bearers[0].host
	row.Generation++ // the secret of the new name is another in any case
	if err := s.move(ctx, q, row, before.String()); err != nil {
		return Account{}, err
	}
	defer s.endSessions(ctx, q, before) // they keep the old name
	// Else Sweep would take the old name's for one that somebody has set.
	return row, s.giveSecret(ctx, q, row, row)
}

// move writes a row under the name that its account has now. A row that has that name
// already gives way and is moved in turn: names may have gone round.
func (s *Store) move(ctx context.Context, q querier, row Account, before string) error {
	there, err := readRows(ctx, q, "`user` = ? AND `host` = ?", row.User, row.Host)
	if err != nil {
		return err
	}
	var others []Account
	for _, other := range there {
		if !s.judge(other).believed() { // and the account of that name is another row's
			if err := s.discardRow(ctx, other.Mapping); err != nil {
				return err
			}
			continue
		}
		others = append(others, other.Account)
		if err := s.rewriteRow(ctx, aside(other.Account)); err != nil {
			return err
		}
	}
	s.log.InfoContext(ctx, "account row follows RENAME USER", "before", before, "account", row.String(), "id", row.ID)
	if err := s.updateRow(ctx, row); err != nil {
		return err
	}
	for _, other := range others {
		if _, err := s.reconcileRow(ctx, q, other); err != nil {
			return err
		}
	}
	return nil
}

// aside is a row without a name, while another takes its name: nobody's, and no other
// row's.
func aside(row Account) Account {
	row.User, row.Host = "", row.Mapping
	return row
}
