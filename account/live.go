package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"
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
	known, err := s.known(ctx, s.db, "`server` = ?", s.server)
	if err != nil {
		return nil, nil, err
	}
	if len(known.rows)+len(known.unwritten)+len(known.outdated) > 0 {
		all, err := s.dialect.all(ctx, s.db, s.server, s.self.user)
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(all, s.isSelf) {
			return nil, nil, incomplete()
		}
		users = usersByName(all)
	}
	rows = known.rows
	for _, a := range known.unwritten { // one without an account may be of a backend that began anew
		if _, there := users[[2]string{a.User, a.Host}]; there {
			rows = append(rows, a)
		}
	}
	s.noteInventory(at, rows, users)
	for _, o := range known.outdated {
		if u, there := users[[2]string{o.kept.User, o.kept.Host}]; there && !s.isRestored(u, o) {
			rows = append(rows, o.kept)
		}
	}
	return rows, users, nil
}

// knownRows is what midas knows of accounts, by the table and its copy.
type knownRows struct {
	rows []Account // of the table, believed
	// unwritten are kept and not in the table: they are to be written again, which somebody
	// may keep midas from.
	unwritten []Account
	outdated  []outdatedRow
}

// outdatedRow is one that is older than its copy: it opens nothing before an operator has
// confirmed that a backup was restored. Its account is looked after by the copy meanwhile,
// unless that is of the backup, too.
type outdatedRow struct{ row, kept Account }

func (s *Store) known(ctx context.Context, q querier, where string, args ...any) (k knownRows, err error) {
	all, err := readRows(ctx, q, where, args...)
	// A user who may change the table can have the server refuse to read it. The rows of the copy
	// are used then, so that such a user's own account is still checked.
	if refused := new(mysql.MySQLError); (errors.As(err, &refused) || isLost(err)) && s.copies.begun() {
		all, err = nil, nil
	}
	for _, a := range s.copies.All() {
		at := slices.IndexFunc(all, func(r mappingRow) bool { return r.Mapping == a.Mapping })
		switch {
		case at >= 0 && s.judge(all[at]) == rowOutdated:
			k.outdated = append(k.outdated, outdatedRow{all[at].Account, a})
		case at < 0 || !s.judge(all[at]).believed():
			k.unwritten = append(k.unwritten, a)
		}
	}
	k.rows = s.believed(ctx, all)
	return k, err
}

// isRestored tells whether the account came back together with its outdated row: then it has the
// secret of that, and no other password.
func (s *Store) isRestored(u backendUser, o outdatedRow) bool {
	return u.user == o.row.User && u.host == o.row.Host && s.restored.holds(s, u, o.row)
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
