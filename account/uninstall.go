package account

import (
	"context"
	"database/sql"
	"errors"
)

// Installed tells whether db's backend holds accounts' mappings already, of any server.
func Installed(ctx context.Context, db *sql.DB) bool {
	rows, err := db.QueryContext(ctx, "SELECT `mapping` FROM "+aaduser+" WHERE `mapping` = ''")
	if err != nil {
		return false
	}
	return rows.Close() == nil
}

// Uninstall drops every account of this server, the administrator's too, and, if
// schema is true and no other server has accounts in it, schema midas. What native
// accounts own stays. The store makes no account afterwards, not even for a session that
// began before. An account that cannot be dropped keeps no other; it is for the next call.
func (s *Store) Uninstall(ctx context.Context, schema bool) error {
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		s.uninstalled = true
		rows, err := readRows(ctx, conn, "`server` = ?", s.server)
		if err != nil {
			return err
		}
		var failed []error
		for _, row := range rows {
			if s.sealed(row) { // the copy says whom an account may open to, and it is to go
				failed = append(failed, s.remove(ctx, conn, row.Account))
			}
		}
		if err := errors.Join(failed...); err != nil {
			return err
		}
		if err := s.copies.end(); err != nil {
			return err
		}
		if s.folder != nil {
			if err := s.folder.endFormer(s.server); err != nil {
				return err
			}
		}
		if !schema {
			return nil
		}
		others, err := readRows(ctx, conn, "1 = 1")
		if err != nil || len(others) > 0 {
			return err
		}
		_, err = conn.ExecContext(ctx, "DROP DATABASE midas")
		return unavailable("drop schema midas", err)
	})
}

// remove drops the account of a row, under whatever name it has by now, and the row.
func (s *Store) remove(ctx context.Context, q querier, row Account) error {
	ours, err := s.stands(ctx, q, row)
	if err == nil && !ours {
		defer s.Forget(row.User)
		var moved Account
		if moved, err = s.reconcileRow(ctx, q, row); err == nil && moved.Mapping == "" {
			// There is none, or one that is not provably ours, which stays, locked.
			return s.deleteRow(ctx, row)
		}
		row = moved
	}
	if err != nil {
		return err
	}
	if err := s.drop(ctx, q, row); err != nil {
		// MySQL keeps an account in whose name views run. Its owner may have set a password.
		_, locking := q.ExecContext(ctx, "ALTER USER "+quoteAccount(row.User, row.Host)+" ACCOUNT LOCK")
		return errors.Join(err, locking)
	}
	s.Forget(row.User)
	return s.deleteRow(ctx, row)
}
