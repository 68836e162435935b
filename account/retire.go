package account

import (
	"context"
	"errors"
	"slices"

	"github.com/midas-mysql/midas"
)

// former tells which rows are of an administrator that the server no longer has. admin is
// the one that it has now, nil for none and when there is no such row.
func (s *Store) former(ctx context.Context, rows []Account) (is func(row Account) bool, admin *midas.Administrator, err error) {
	if s.administers == nil || !slices.ContainsFunc(rows, func(row Account) bool { return row.Admin }) {
		return func(Account) bool { return false }, nil, nil
	}
	if admin, err = s.administers(ctx); err != nil {
		return nil, nil, unavailable("ask for the server's administrator", err)
	}
	return func(row Account) bool {
		return row.Admin && (admin == nil || admin.Login != row.User || !same(row.ID, admin.ObjectID))
	}, admin, nil
}

// replaceFormer drops the account of a former administrator. One who has the same login as
// the present one leaves the account to them, with another secret.
func (s *Store) replaceFormer(ctx context.Context, q querier, row Account, admin *midas.Administrator) error {
	if admin == nil || admin.Login != row.User {
		return s.retireRow(ctx, q, row)
	}
	id, err := cleanID(admin.ObjectID)
	if err != nil {
		return err
	}
	_, err = s.establish(ctx, q, s.administratorAccount(ctx, admin.Login, id))
	return err
}

// errStands is the cause when a former administrator's account can be neither dropped nor locked.
var errStands = errors.New("it can be neither dropped nor locked for now")

// retire drops the accounts of administrators with another login. An account that cannot
// be dropped, because views run in its name, is left without its row, so that no token
// opens it, and locked, so that no password does. One that its owner made unprovable is
// locked too, and keeps its row: see lockUnproven. So does one that stands as it was, with the
// error errStands, for Sweep to come back to.
func (s *Store) retire(ctx context.Context, q querier, except string) error {
	rows, err := s.rows(ctx, q, "`server` = ? AND `admin` = 1", s.server)
	if err != nil {
		return err
	}
	var standing error
	for _, row := range rows {
		if row.User == except {
			continue
		}
		err := s.retireRow(ctx, q, row)
		if errors.Is(err, errStands) {
			standing = err
		} else if err != nil {
			return err
		}
	}
	return standing
}

func (s *Store) retireRow(ctx context.Context, q querier, row Account) error {
	defer s.Forget(row.User)
	ours, err := s.stands(ctx, q, row)
	if err != nil {
		return err
	}
	if !ours {
		_, err = s.reconcileRow(ctx, q, row)
		return err
	}
	// By its row Sweep comes back to it. Another account of theirs may keep a lock just now, and
	// without the row they would keep the account, and events that run with its privileges.
	if err := s.dropOrLock(ctx, q, row); err != nil {
		return err
	}
	return s.revokeRow(ctx, row)
}

// lockedUnproven tells whether the account in the place of row's is one that lockUnproven
// has locked.
func (s *Store) lockedUnproven(ctx context.Context, q querier, row Account) (bool, error) {
	users, err := s.dialect.byName(ctx, q, row.User)
	return slices.ContainsFunc(users, func(u backendUser) bool { return u.is(row) && u.locked && !s.proven(u, row) }), err
}

// dropOrLock ends what the account can do, at the backend too, where its owner may have
// signed in with a password of their own. Its error has errStands.
func (s *Store) dropOrLock(ctx context.Context, q querier, a Account) error {
	defer s.endSessions(ctx, q, a)
	_, err := q.ExecContext(ctx, "DROP USER "+quoteAccount(a.User, a.Host))
	if err == nil {
		return nil
	}
	if lockErr := s.dialect.lock(ctx, q, a); lockErr != nil {
		return unavailable("end the former administrator's account "+a.String(), errors.Join(errStands, err, lockErr))
	}
	s.log.WarnContext(ctx, "the former administrator's account cannot be dropped and is locked instead", "account", a.String(), "error", err)
	return nil
}

// endSessions ends an account's connections at the backend: neither a lock nor DROP USER does.
// It ends those of its name, whatever their host, but none of midas's own: an account can be
// renamed to that name. It tells whether they are ended, as far as they can be.
func (s *Store) endSessions(ctx context.Context, q querier, a Account) (ended bool) {
	if slices.Contains(s.service, a.User) {
		s.log.WarnContext(ctx, "sessions of an account that has the name of midas's own go on at the backend until they end by themselves", "account", a.String())
		return true
	}
	err := s.dialect.endSessions(ctx, q, a)
	if err != nil {
		s.log.InfoContext(ctx, "sessions of an account may go on at the backend until they end by themselves", "account", a.String(), "error", err)
	}
	return err == nil
}
