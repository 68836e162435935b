package account

import (
	"context"
	"database/sql"
	"slices"
)

// adopt seals the rows of this server that have no seal, as a midas that knew none left
// them, and marks their accounts, which on MySQL had a label alone.
func (s *Store) adopt(ctx context.Context) error {
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		rows, err := readRows(ctx, conn, "`server` = ? AND `seal` IS NULL", s.server)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := s.adoptRow(ctx, conn, r.Account); err != nil {
				return err
			}
		}
		s.log.InfoContext(ctx, "the rows of an earlier midas are sealed", "server", s.server, "rows", len(rows))
		return nil
	})
}

func (s *Store) adoptRow(ctx context.Context, q querier, row Account) error {
	users, err := s.dialect.byName(ctx, q, row.User)
	if err != nil {
		return err
	}
	before := row
	row.Issuer, row.Tenant = s.issuer, s.tenant
	at := slices.IndexFunc(users, func(u backendUser) bool {
		return u.is(row) && (u.marker == row.Mapping || u.marker == "" && u.label == row.Mapping)
	})
	if at >= 0 && users[at].marker == "" {
		if err := s.dialect.mark(ctx, q, users[at], row.Mapping); err != nil {
			return err
		}
	}
	for _, key := range s.keys.Load().former {
		if at >= 0 && s.dialect.holds(users[at], key.secretOf(before)) {
			if err := s.dialect.setSecret(ctx, q, row, s.Secret(row)); err != nil {
				return err
			}
			break
		}
	}
	// First the copy: it would not know a row that a crash leaves sealed.
	if err := s.copies.Put(row); err != nil {
		return err
	}
	return s.updateRow(ctx, row)
}
