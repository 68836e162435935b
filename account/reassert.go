package account

import (
	"context"
	"database/sql"
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
	if err := s.giveSecretBy(ctx, q, set, row, row); err != nil {
		return true, err
	}
	s.expel(ctx, q, row) // not before: until now that password made sessions
	return true, nil
}

// expel ends the sessions of an account whose password was changed, if it is time.
func (s *Store) expel(ctx context.Context, q querier, row Account) {
	if !s.isToExpel(row) {
		return
	}
	s.toExpel.forget(row.Mapping)
	s.expelled.note(row.Mapping, s.now())
	s.endSessions(ctx, q, row)
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
		return s.updateRow(ctx, conn, after)
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
		if _, err := s.settle(ctx, q, row); err != nil {
			return Account{}, err
		}
	}
	return Account{}, replaced(a)
}
