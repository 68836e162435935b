package account

import (
	"context"
	"slices"
	"time"
)

// inventory is what one look at the backend found.
type inventory struct {
	at   time.Time // when it began
	live map[string]Account
}

// Live returns the accounts of this server that the backend has, by mapping, and when the
// look at the backend began that found them: one made since then is not among them. An
// answer is at most maxAge old; the last Sweep's will do. Whatever the number of accounts it
// costs two queries. Errors are Unavailable.
func (s *Store) Live(ctx context.Context, maxAge time.Duration) (live map[string]Account, at time.Time, err error) {
	if last := s.last.Load(); last != nil && s.now().Sub(last.at) <= maxAge {
		return last.live, last.at, nil
	}
	if _, _, err := s.takeInventory(ctx); err != nil {
		return nil, time.Time{}, err
	}
	last := s.last.Load()
	return last.live, last.at, nil
}

// accountNames are accounts of the backend by name and host.
type accountNames map[[2]string]backendUser

// takeInventory reads the rows of this server and the accounts that could be theirs.
func (s *Store) takeInventory(ctx context.Context) (rows []Account, users accountNames, err error) {
	at := s.now()
	// Rows first: one that is made meanwhile has its account by the time that is asked for.
	rows, err = s.rows(ctx, s.db, "`server` = ?", s.server)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) > 0 {
		all, err := s.dialect.all(ctx, s.db, s.server, s.self.user)
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(all, s.isSelf) {
			return nil, nil, incomplete()
		}
		users = usersByName(all)
	}
	s.noteInventory(at, rows, users)
	return rows, users, nil
}

func (s *Store) noteInventory(at time.Time, rows []Account, byName accountNames) {
	found := &inventory{at: at, live: map[string]Account{}}
	for _, row := range rows {
		if u, there := byName[[2]string{row.User, row.Host}]; there && s.proven(u, row) {
			found.live[row.Mapping] = row
		}
	}
	s.last.Store(found)
}

func usersByName(users []backendUser) accountNames {
	byName := make(accountNames, len(users))
	for _, u := range users {
		byName[[2]string{u.user, u.host}] = u
	}
	return byName
}
