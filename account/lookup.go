package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// lookupTimeout bounds a lookup that several callers may be waiting for, and that
// therefore does not end with one caller's context.
const lookupTimeout = 10 * time.Second

// Lookup returns the accounts of that user name: none for a name that is no AADUSER of
// this server. Answers, also empty ones, may be as old as StoreConfig.CacheTTL. Errors
// are Unavailable. It deletes rows whose account has been dropped, locks accounts that
// cannot be proven (see Unproven), and lets rows follow RENAME USER.
func (s *Store) Lookup(ctx context.Context, user string) ([]Account, error) {
	if checkUserName(user) != nil {
		return nil, nil // no account has such a name, whatever the backend makes of it
	}
	accounts, epoch, ok := s.cache.get(user)
	if ok {
		return accounts, nil
	}
	flight := s.flights.DoChan(user, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		found, settled, err := s.lookup(ctx, user)
		if err == nil && settled {
			s.cache.put(user, found, epoch)
		}
		return found, err
	})
	select {
	case <-ctx.Done():
		return nil, unavailable("look up '"+user+"'", ctx.Err())
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return slices.Clone(r.Val.([]Account)), nil
	}
}

// lookup asks the backend. The answer is not settled, and not to be remembered, while
// somebody else's change keeps it from following RENAME USER.
func (s *Store) lookup(ctx context.Context, user string) (live []Account, settled bool, err error) {
	live, doubtful, err := s.view(ctx, s.db, user)
	if err != nil || len(doubtful) == 0 {
		return live, true, err
	}
	// Waiting for the lock would make a sign-in wait for CREATE AADUSER; whoever holds
	// it leaves the mending to the next lookup.
	err = s.locked(ctx, 0, func(conn *sql.Conn) error {
		_, doubtful, err := s.view(ctx, conn, user)
		if err != nil {
			return err
		}
		for _, row := range doubtful {
			if _, err := s.settle(ctx, conn, row); err != nil {
				return err
			}
		}
		again, _, err := s.view(ctx, conn, user)
		if err == nil {
			live = again
		}
		return err
	})
	if errors.Is(err, errBusy) {
		return live, false, nil
	}
	if err != nil {
		s.log.WarnContext(ctx, "leftover account rows stay for now", "user", user, "error", err)
	}
	return live, true, nil
}

// view is what rows and accounts say together about a name: the rows whose account is
// there, and those to settle, because theirs is gone, has lost its marker, or one of that
// name carries the marker or label of a row with another name. An unproven account that is
// locked already is left to Sweep.
func (s *Store) view(ctx context.Context, q querier, user string) (live, doubtful []Account, err error) {
	users, err := s.dialect.byName(ctx, q, user)
	if err != nil {
		return nil, nil, err
	}
	rows, err := s.rows(ctx, q, "`server` = ? AND `user` = ?", s.server, user)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		if row.User != user { // the server ignores trailing spaces, we do not
			continue
		}
		at := slices.IndexFunc(users, func(u backendUser) bool { return u.is(row) })
		switch {
		case at >= 0 && s.proven(users[at], row):
			live = append(live, row)
			if users[at].marker != row.Mapping {
				doubtful = append(doubtful, row)
			}
		case at < 0 || !users[at].locked:
			doubtful = append(doubtful, row)
		}
	}
	for _, u := range users {
		for _, id := range []string{u.marker, u.label} {
			known := func(a Account) bool { return a.Mapping == id }
			if u.user != user || !isGUID(id) || slices.ContainsFunc(live, known) || slices.ContainsFunc(doubtful, known) {
				continue
			}
			rows, err := s.rows(ctx, q, "`server` = ? AND `mapping` = ?", s.server, id)
			if err != nil {
				return nil, nil, err
			}
			doubtful = append(doubtful, rows...)
		}
	}
	return live, doubtful, nil
}

// settle decides about a row that has no proven account of its name. It follows the one
// account that is proven to be its own, which has been renamed. Without one, an account of
// its name and host is locked (see lockUnproven), and a row without any account is deleted.
// It returns the row under its new name, or an empty one. The caller holds the lock.
//
// Where two accounts are, somebody copied one from the other, and neither is followed
// unless one has the row's own name. An administrator's name is for the directory to
// change: one who renames the account loses it.
func (s *Store) settle(ctx context.Context, q querier, row Account) (Account, error) {
	return s.settleBy(ctx, q, row, s.proven)
}

func (s *Store) settleBy(ctx context.Context, q querier, row Account, proof func(backendUser, Account) bool) (Account, error) {
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
			s.dropOrLock(ctx, q, Account{User: u.user, Host: u.host})
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
	before := row.String()
	row.User, row.Host = bearers[0].user, bearers[0].host
	row.Generation++ // the secret of the new name is another in any case
	return row, s.move(ctx, q, row, before)
}

// move writes a row under the name that its account has now. A row that has that name
// already gives way and is settled in turn: names may have gone round.
func (s *Store) move(ctx context.Context, q querier, row Account, before string) error {
	there, err := readRows(ctx, q, "`user` = ? AND `host` = ?", row.User, row.Host)
	if err != nil {
		return err
	}
	var others []Account
	for _, other := range there {
		if !s.sealed(other) { // and the account of that name is another row's
			if err := discardRow(ctx, q, other.Mapping); err != nil {
				return err
			}
			continue
		}
		others = append(others, other.Account)
		aside := other.Account
		aside.User, aside.Host = "", other.Mapping // nobody's name, and no other row's
		if err := s.rewriteRow(ctx, q, aside); err != nil {
			return err
		}
	}
	s.log.InfoContext(ctx, "account row follows RENAME USER", "before", before, "account", row.String(), "id", row.ID)
	if err := s.updateRow(ctx, q, row); err != nil {
		return err
	}
	for _, other := range others {
		if _, err := s.settle(ctx, q, other); err != nil {
			return err
		}
	}
	return nil
}
