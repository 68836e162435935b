package account

import (
	"context"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// An account that has the name and host of a row and cannot be proven to be the row's own
// has lost both mark and secret, or was put in the place of one that was dropped. Anyone who
// could CREATE USER did that: to keep a way in by password that outlives the identity, or
// in good faith. It opens to no token, since it may be somebody's own; to no password at the
// gateway, since it may have the grants of the AADUSER; at the backend it is locked and its
// sessions end, and it is not changed any further. DROP USER ends it: the row goes with the
// account.

// lockEvery is how often an account is locked that its table says is. Anyone who may write the
// tables of schema mysql can make them say so while the server, which reads them only when
// it is told to, goes on letting the account in.
const lockEvery = time.Minute

// lockUnproven locks the account u that stands in the place of row's. The row stays: it is
// what keeps the account from being taken for a native one.
func (s *Store) lockUnproven(ctx context.Context, q querier, row Account, u backendUser) error {
	if slices.Contains(s.service, u.user) {
		s.log.ErrorContext(ctx, "midas's own account on the backend has the name of an AADUSER and is not locked for that",
			"account", row.String(), "id", row.ID)
		return nil
	}
	if u.locked && s.locks.within(row.Mapping, s.now(), lockEvery) {
		return nil
	}
	if err := s.dialect.lock(ctx, q, row); err != nil {
		return err
	}
	s.locks.note(row.Mapping, s.now())
	s.endSessions(ctx, q, row)
	if u.locked {
		return nil
	}
	s.log.WarnContext(ctx, "an account is locked: it has the name of an AADUSER and lost the mark and secret that midas gave it, or was put in its place",
		"account", row.String(), "id", row.ID, "server", row.ServerID, "hint", dropFirst(row))
	return nil
}

func dropFirst(a Account) string {
	return "DROP USER " + a.String() + "; then run CREATE AADUSER again"
}

// Unproven returns the AADUSERs of that name whose account is there and cannot be proven to
// be theirs. Nobody signs in as such an account. Errors are Unavailable.
func (s *Store) Unproven(ctx context.Context, user string) ([]Account, error) {
	users, err := s.dialect.byName(ctx, s.db, user)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	rows, err := s.rows(ctx, s.db, "`server` = ? AND `user` = ?", s.server, user)
	return slices.DeleteFunc(rows, func(row Account) bool {
		at := slices.IndexFunc(users, func(u backendUser) bool { return u.is(row) })
		return at < 0 || s.proven(users[at], row)
	}), err
}

// RefuseUnproven is the refusal of a sign-in as a, one of Unproven.
func RefuseUnproven(a Account) error {
	return refuse(mysqlerr.AccessDenied, midas.Forbidden,
		"account %s was changed or replaced so that it cannot be proven to be the one that CREATE AADUSER made; it is locked", a).
		WithHint("an administrator must %s", dropFirst(a))
}

// bury decides about a row whose own account is nowhere: it is deleted with its copy, so
// that what was revoked cannot come back, unless another account has taken its place.
func (s *Store) bury(ctx context.Context, q querier, row Account) error {
	users, err := s.dialect.byName(ctx, q, row.User)
	if err != nil {
		return err
	}
	if at := slices.IndexFunc(users, func(u backendUser) bool { return u.is(row) }); at >= 0 {
		others, err := s.hasOther(ctx, q, users[at], row)
		if err != nil {
			return err
		}
		if !others {
			return s.lockUnproven(ctx, q, row, users[at])
		}
	}
	if err := s.believe(ctx, q); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "account row deleted: its account is gone", "account", row.String(), "id", row.ID)
	if err := s.revokeRow(ctx, row); err != nil {
		return err
	}
	// Sessions that its owner opened at the backend itself, with a password that Sweep has not yet
	// taken back, would go on in its name and with its privileges.
	s.endSessions(ctx, q, row)
	return nil
}

// hasOther tells whether u is proven to be the account of another row: an AADUSER that was
// renamed to the name of row's.
func (s *Store) hasOther(ctx context.Context, q querier, u backendUser, row Account) (bool, error) {
	for _, id := range []string{u.marker, u.label} {
		if !isGUID(id) || id == row.Mapping {
			continue
		}
		rows, err := s.rows(ctx, q, "`mapping` = ?", id)
		if err != nil || slices.ContainsFunc(rows, func(other Account) bool { return s.proven(u, other) }) {
			return err == nil, err
		}
	}
	return false, nil
}

// believe refuses a list of accounts in which midas's own is missing: a backup of schema
// mysql that is being put back shows an empty table meanwhile, and no row may go for that.
func (s *Store) believe(ctx context.Context, q querier) error {
	users, err := s.dialect.byName(ctx, q, s.self.user)
	if err == nil && !slices.ContainsFunc(users, s.isSelf) {
		err = incomplete()
	}
	return err
}

func (s *Store) isSelf(u backendUser) bool { return u.user == s.self.user && u.host == s.self.host }

func incomplete() error {
	return midas.Errorf(midas.Unavailable, "the backend's list of accounts lacks midas's own: it is being restored, or not to be believed")
}
