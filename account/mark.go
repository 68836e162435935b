package account

import (
	"context"
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// proven tells whether u is the account that was made for the row a, whatever its name
// is now. Either it carries the marker, which nobody writes who may not write the tables
// of schema mysql; or it is labelled, and its password is one that only midas could give
// it: ALTER USER … COMMENT and the like take the marker off.
//
// The label alone proves nothing. A user who may CREATE USER can copy it from an account of
// their own to one that has more privileges, drop their own, and would be followed there;
// or rename such an account to the name of their own. The password cannot be copied: of
// an account's hash even its owner is shown <secret>, unless they may read mysql.user.
// Source: MySQL Reference Manual, "SHOW CREATE USER Statement".
func (s *Store) proven(u backendUser, a Account) bool {
	if a.Mapping == "" {
		return false
	}
	if u.marker == a.Mapping {
		return true
	}
	return provenUnder(s.key(), u, a)
}

// provenUnder tells whether u is labelled for the row a and has the password that is derived
// from a key for it.
func provenUnder(key ServerKey, u backendUser, a Account) bool {
	if a.Mapping == "" || u.label != a.Mapping {
		return false
	}
	next := a
	next.Generation++ // a rotation that was cut short before it wrote the row
	return passwordIs(u.hash, key.secretOf(a)) || passwordIs(u.hash, key.secretOf(next))
}

// madeFor tells whether u is the account that was made for the row a, under its name.
func (s *Store) madeFor(u backendUser, a Account) bool {
	return u.is(a) && s.proven(u, a)
}

// stands tells whether the backend has the account that was made for row a.
func (s *Store) stands(ctx context.Context, q querier, a Account) (bool, error) {
	users, err := s.dialect.byName(ctx, q, a.User)
	return slices.ContainsFunc(users, func(u backendUser) bool { return s.madeFor(u, a) }), err
}

// keepMark gives the account of row a its marker back, if its password alone says that
// it is ours: were that changed too, nothing would.
func (s *Store) keepMark(ctx context.Context, q querier, a Account) error {
	users, err := s.dialect.byName(ctx, q, a.User)
	if err != nil {
		return err
	}
	for _, u := range users {
		if u.marker != a.Mapping && s.madeFor(u, a) {
			return s.dialect.mark(ctx, q, u, a.Mapping)
		}
	}
	return nil
}

// tryMark is keepMark for an account that can do without its marker for now.
func (s *Store) tryMark(ctx context.Context, q querier, a Account) {
	if err := s.keepMark(ctx, q, a); err != nil {
		s.log.WarnContext(ctx, "an account cannot be marked: if its password is changed it must be made anew",
			"account", a.String(), "error", err, midas.HintAttr(err))
	}
}

// giveSecret sets the secret of the account of row before as row after has it, by setSecret
// or armour. On MySQL
// it cannot be changed on condition, so the account may have been replaced in the moment
// before, and the other one now has the secret. Only the marker tells them apart then.
func (s *Store) giveSecret(ctx context.Context, q querier, before, after Account) error {
	return s.giveSecretBy(ctx, q, s.dialect.setSecret, before, after)
}

func (s *Store) giveSecretBy(ctx context.Context, q querier, set func(context.Context, querier, Account, string) error, before, after Account) error {
	if err := s.keepMark(ctx, q, before); err != nil {
		return err
	}
	if err := set(ctx, q, after, s.Secret(after)); err != nil {
		return err
	}
	users, err := s.dialect.byName(ctx, q, before.User)
	if err != nil {
		return err
	}
	marked := func(u backendUser, a Account) bool { return u.marker == a.Mapping }
	if slices.ContainsFunc(users, func(u backendUser) bool { return u.is(before) && marked(u, before) }) {
		return nil
	}
	// The secret that the other account has now must never prove it.
	spoilt := before
	spoilt.Generation = max(before.Generation, after.Generation) + 1
	if err := s.updateRow(ctx, spoilt); err != nil {
		return err
	}
	if _, err := s.reconcileRowBy(ctx, q, spoilt, marked); err != nil {
		return err
	}
	return replaced(before)
}

func replaced(a Account) error {
	return refuse(mysqlerr.AccessDenied, midas.Forbidden, "account %s is no longer the one that CREATE AADUSER made", a).
		WithHint("it was dropped, renamed, replaced or changed; DROP USER it if it is there, then run CREATE AADUSER again")
}
