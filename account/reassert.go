package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// reassertEvery is how often the secret of an account that has it is set again at most. A
// backend may refuse an account for a reason that no secret mends, and then every sign-in
// would change the account again. A secret that was changed is set again at once.
const reassertEvery = 10 * time.Second

const (
	// contestedFor is how long an account whose password was changed is watched for the next
	// change.
	contestedFor = 10 * time.Second
	// expelEvery is how often the sessions of one account end for changed passwords.
	expelEvery = time.Minute
)

// Reassert gives the backend account its secret again, for a gateway whose sign-in there
// was refused, and tells whether somebody had changed it, or midas itself had locked the
// account: then the next try may succeed, or meet the next change. It never touches an account that midas did not make: if a's
// account has been dropped or replaced, the error is Forbidden and Public. Other errors
// are Unavailable. Grants, limits and locks of others stay as they are. Look the account up again
// afterwards: its generation may have changed.
func (s *Store) Reassert(ctx context.Context, a Account) (changed bool, err error) {
	defer s.Forget(a.User)
	err = s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		row, err := s.current(ctx, conn, a)
		if err != nil {
			return err
		}
		if changed, err = s.mend(ctx, conn, row); err != nil {
			return err
		}
		resumed, err := s.followPrincipal(ctx, conn, row)
		// Or another sign-in has just found it changed: this one was refused before.
		changed = changed || resumed || s.mended.within(row.Mapping, s.now(), time.Second)
		if err != nil || changed || s.reasserted.within(row.Mapping, s.now(), reassertEvery) {
			return err
		}
		// The tables are right, and the server may have loaded something else.
		s.reasserted.note(row.Mapping, s.now())
		return s.giveSecret(ctx, conn, row, row)
	})
	return changed, err
}

// mend sets the secret of row's account again if it is not what opens the account, or not
// alone. Anyone who changed it may have signed in at the backend meanwhile, past all gateways:
// the account's sessions end. One session that changes it over and over, as on MariaDB every
// user may, must not end everybody else's each time, nor keep their sign-ins out.
func (s *Store) mend(ctx context.Context, q querier, row Account) (changed bool, err error) {
	users, err := s.dialect.byName(ctx, q, row.User)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(users, func(u backendUser) bool { return s.madeFor(u, row) })
	if at < 0 || s.dialect.holds(users[at], s.Secret(row)) {
		return false, nil
	}
	set := s.dialect.setSecret
	if s.mended.within(row.Mapping, s.now(), contestedFor) {
		set = s.dialect.armour
	} else {
		s.log.WarnContext(ctx, "the password of an AADUSER was changed at the backend and is taken back; its sessions end",
			"account", row.String(), "id", row.ID)
	}
	s.mended.note(row.Mapping, s.now())
	s.toExpel.note(row.Mapping, s.now())
	if !s.isToExpel(row) || s.dialect.remembers() {
		if err := s.giveSecretBy(ctx, q, set, row, row); err != nil {
			return true, err
		}
	}
	s.expel(ctx, q, row) // not before: until now that password made sessions
	return true, nil
}

// expel ends the sessions of an account whose password was changed, if it is time. What fails
// is tried again a minute later.
func (s *Store) expel(ctx context.Context, q querier, row Account) {
	if !s.isToExpel(row) {
		return
	}
	expelled := s.expelLocked
	if s.dialect.remembers() {
		expelled = s.expelRemembered
	}
	s.expelled.note(row.Mapping, s.now())
	if err := expelled(ctx, q, row); err != nil {
		s.log.WarnContext(ctx, "sessions that a changed password of an AADUSER made may go on for now", "account", row.String(), "error", err)
		return
	}
	s.toExpel.forget(row.Mapping)
}

// expelLocked sets the secret, and locks the account meanwhile. Sessions that all set a
// password, over and over, would set one again before the last of them ends, and a user who
// tries all the time signs in with that: a former member of the group that the account is for
// would be in for ever. A lock that a crash leaves behind is opened by followPrincipal, and
// sign-ins that it refuses are tried again.
func (s *Store) expelLocked(ctx context.Context, q querier, row Account) error {
	u, err := s.ownOf(ctx, q, row)
	if err != nil || u == nil {
		return err
	}
	wasLocked := u.locked
	if wasLocked {
		err = s.dialect.lock(ctx, q, row) // or its table only says so
	} else {
		err = s.dialect.suspend(ctx, q, *u, row.Mapping)
	}
	if err == nil && !s.endSessions(ctx, q, row) {
		err = errSessionsLeft
	}
	err = errors.Join(err, s.giveSecret(ctx, q, row, row))
	if wasLocked {
		return err
	}
	u, failed := s.ownOf(ctx, q, row)
	if failed != nil || u == nil {
		return errors.Join(err, failed)
	}
	return errors.Join(err, s.dialect.resume(ctx, q, *u, row.Mapping))
}

// expelRemembered sets the secret once more when those are gone that were signing in with the
// former password: each of them has had the server remember it.
func (s *Store) expelRemembered(ctx context.Context, q querier, row Account) error {
	if !s.endSessions(ctx, q, row) {
		return errSessionsLeft
	}
	if err := s.giveSecret(ctx, q, row, row); err != nil {
		return err
	}
	s.endSessions(ctx, q, row)
	return nil
}

var errSessionsLeft = errors.New("not all sessions have ended")

// ownOf returns the account of row as it is now, nil when it is gone.
func (s *Store) ownOf(ctx context.Context, q querier, row Account) (*backendUser, error) {
	users, err := s.dialect.byName(ctx, q, row.User)
	at := slices.IndexFunc(users, func(u backendUser) bool { return s.madeFor(u, row) })
	if err != nil || at < 0 {
		return nil, err
	}
	return &users[at], nil
}

func (s *Store) isToExpel(row Account) bool {
	return s.toExpel.within(row.Mapping, s.now(), time.Hour) && !s.expelled.within(row.Mapping, s.now(), expelEvery)
}

// Rotate gives the account a new secret. Sessions stay; other gateways learn of it within
// their CacheTTL, and a sign-in refused meanwhile succeeds after Reassert.
func (s *Store) Rotate(ctx context.Context, a Account) error {
	defer s.Forget(a.User)
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		before, err := s.current(ctx, conn, a)
		if err != nil {
			return err
		}
		after := before
		after.Generation++
		if err := s.giveSecret(ctx, conn, before, after); err != nil {
			return err
		}
		// The row comes second: if it stays behind, Reassert makes both agree again.
		return s.updateRow(ctx, after)
	})
}

// current reads the row of a again and tells whether its account is still ours.
func (s *Store) current(ctx context.Context, q querier, a Account) (Account, error) {
	rows, err := s.rows(ctx, q, "`server` = ? AND `mapping` = ?", s.server, a.Mapping)
	if err != nil {
		return Account{}, err
	}
	for _, row := range rows {
		ours, err := s.stands(ctx, q, row)
		if err != nil {
			return Account{}, err
		}
		if ours && row.User == a.User && row.Host == a.Host {
			return row, nil
		}
		if _, err := s.reconcileRow(ctx, q, row); err != nil {
			return Account{}, err
		}
	}
	return Account{}, replaced(a)
}
