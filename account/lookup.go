package account

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// lookupTimeout bounds a lookup that several callers may be waiting for, and that
// therefore does not end with one caller's context.
const lookupTimeout = 10 * time.Second

// Lookup returns the accounts of that user name: none for a name that is no AADUSER of
// this server. Answers, also empty ones, may be as old as StoreConfig.CacheTTL. Errors
// are Unavailable. It deletes rows whose account has been dropped, or replaced by one
// that is not ours, and lets rows follow RENAME USER.
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
		found, err := s.lookup(ctx, user)
		if err == nil {
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

func (s *Store) lookup(ctx context.Context, user string) ([]Account, error) {
	live, doubtful, err := s.view(ctx, s.db, user)
	if err != nil || len(doubtful) == 0 {
		return live, err
	}
	// Waiting for the lock would make a sign-in wait for CREATE AADUSER; whoever holds
	// it leaves the mending to the next lookup.
	err = s.locked(ctx, 0, func(conn *sql.Conn) error {
		again, doubtful, err := s.view(ctx, conn, user)
		if err != nil {
			return err
		}
		live = again
		for _, row := range doubtful {
			moved, err := s.settle(ctx, conn, row)
			if err != nil {
				return err
			}
			if moved.User == user {
				live = append(live, moved)
			}
		}
		return nil
	})
	if err != nil {
		s.log.WarnContext(ctx, "leftover account rows stay for now", "user", user, "error", err)
	}
	return live, nil
}

// view is what rows and accounts say together about a name: the rows whose account is
// there, and those to settle, because theirs is gone or one of that name carries the
// marker of a row with another name.
func (s *Store) view(ctx context.Context, q querier, user string) (live, doubtful []Account, err error) {
	users, err := s.dialect.byName(ctx, q, user)
	if err != nil {
		return nil, nil, err
	}
	rows, err := selectRows(ctx, q, "`server` = ? AND `user` = ?", s.server, user)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		switch {
		case row.User != user: // the server ignores trailing spaces, we do not
		case slices.ContainsFunc(users, func(u backendUser) bool { return s.owned(u, row) }):
			live = append(live, row)
		default:
			doubtful = append(doubtful, row)
		}
	}
	for _, u := range users {
		known := func(a Account) bool { return a.Mapping == u.marker }
		if u.user != user || !isGUID(u.marker) || slices.ContainsFunc(live, known) || slices.ContainsFunc(doubtful, known) {
			continue
		}
		rows, err := selectRows(ctx, q, "`server` = ? AND `mapping` = ?", s.server, u.marker)
		if err != nil {
			return nil, nil, err
		}
		doubtful = append(doubtful, rows...)
	}
	return live, doubtful, nil
}

func (s *Store) owned(u backendUser, row Account) bool {
	return u.user == row.User && u.host == row.Host && s.dialect.owns(u, row, s.Secret(row))
}

// settle decides about a row that has no account of its name: it follows the one account
// that carries its marker, which has been renamed, and is deleted when there is none. It
// returns the row under its new name, or an empty one. The caller holds the lock.
//
// Where two accounts carry the marker, somebody copied one from the other, and neither
// is followed unless one has the row's own name. An administrator's name is for the
// directory to change, so its row follows nothing.
func (s *Store) settle(ctx context.Context, q querier, row Account) (Account, error) {
	bearers, err := s.dialect.byMarker(ctx, q, row.Mapping)
	if err != nil {
		return Account{}, err
	}
	if slices.ContainsFunc(bearers, func(u backendUser) bool { return s.owned(u, row) }) {
		return Account{}, nil // the original stands; what raised the doubt is a copy
	}
	if len(bearers) != 1 || row.Admin || checkUserName(bearers[0].user) != nil {
		s.log.InfoContext(ctx, "account row deleted: its account is gone", "account", row.String(), "id", row.ID)
		return Account{}, deleteRow(ctx, q, row.Mapping)
	}
	before := row.String()
	row.User, row.Host = bearers[0].user, bearers[0].host
	// A row that has this name already is left over: the account carries our marker.
	others, err := selectRows(ctx, q, "`user` = ? AND `host` = ?", row.User, row.Host)
	if err != nil {
		return Account{}, err
	}
	for _, other := range others {
		if err := deleteRow(ctx, q, other.Mapping); err != nil {
			return Account{}, err
		}
	}
	s.log.InfoContext(ctx, "account row follows RENAME USER", "before", before, "account", row.String(), "id", row.ID)
	return row, updateRow(ctx, q, row)
}
