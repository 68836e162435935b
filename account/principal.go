package account

import (
	"context"
	"slices"
)

// The account of an identity that was deleted or disabled is locked at the backend: on
// MariaDB its owner could have set a password, and signs in past every gateway with that.
//
// Only principals that the directory had are followed. CREATE AADUSER takes any id while
// aad_auth_validate_oids_in_tenant is OFF, and one that the directory never had may be
// another issuer's: it is nobody's business here.

// gone returns which of the rows' principals were deleted or are disabled.
func (s *Store) gone(ctx context.Context, rows []Account) (map[string]bool, error) {
	if s.directory == nil {
		return nil, nil
	}
	ids := make([]string, 0, len(rows))
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	gone, err := s.directory.Gone(ctx, ids)
	if err != nil {
		return nil, unavailable("ask the directory who is gone", err)
	}
	set := make(map[string]bool, len(gone))
	for _, id := range gone {
		set[id] = true
	}
	return set, nil
}

// followPrincipal locks the proven account of row when its principal is gone, and unlocks
// it when the principal is active again, unless somebody else locked it.
func (s *Store) followPrincipal(ctx context.Context, q querier, row Account) (resumed bool, err error) {
	gone, err := s.gone(ctx, []Account{row})
	if err != nil {
		return false, err
	}
	users, err := s.dialect.byName(ctx, q, row.User)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(users, func(u backendUser) bool { return s.madeFor(u, row) })
	switch {
	case at < 0:
		return false, nil
	case gone[row.ID] && users[at].locked && !s.staysLocked(users[at], row):
		s.locks.note(row.Mapping, s.now())
		return false, s.dialect.lock(ctx, q, row)
	case gone[row.ID] && !users[at].locked:
		defer s.endSessions(ctx, q, row)
		s.locks.note(row.Mapping, s.now())
		s.log.InfoContext(ctx, "an account is locked: its identity was deleted or disabled", "account", row.String(), "id", row.ID)
		return false, s.dialect.suspend(ctx, q, users[at], row.Mapping)
	case !gone[row.ID] && users[at].suspended:
		s.log.InfoContext(ctx, "an account is unlocked: its identity is active again", "account", row.String(), "id", row.ID)
		return true, s.dialect.resume(ctx, q, users[at], row.Mapping)
	}
	return false, nil
}
