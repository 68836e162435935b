package account

import (
	"context"
	"database/sql"
)

// Reassert gives the backend account its secret again, for a gateway whose sign-in there
// was refused: somebody changed the password. It never touches an account that midas did
// not make: if a's account has been dropped or replaced, the row is deleted and the error
// is Forbidden and Public. Other errors are Unavailable. Grants, locks and limits stay as
// they are. Look the account up again afterwards: its generation may have changed.
func (s *Store) Reassert(ctx context.Context, a Account) error {
	return s.renew(ctx, a, false)
}

// Rotate gives the account a new secret. Sessions stay; other gateways learn of it within
// their CacheTTL, and a sign-in refused meanwhile succeeds after Reassert.
func (s *Store) Rotate(ctx context.Context, a Account) error {
	return s.renew(ctx, a, true)
}

func (s *Store) renew(ctx context.Context, a Account, rotate bool) error {
	defer s.Forget(a.User)
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		before, err := s.current(ctx, conn, a)
		if err != nil {
			return err
		}
		after := before
		if rotate {
			after.Generation++
		}
		if err := s.giveSecret(ctx, conn, before, after); err != nil || !rotate {
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
