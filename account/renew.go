package account

import (
	"context"
	"database/sql"
	"slices"

	"github.com/midas-mysql/midas"
)

// Former is what a server had before its present key and backend.
type Former struct {
	// Keys are those that the server had before Key, the latest first; SharedKey among them
	// where a former midas kept the server's rows. What is under one of them is made anew
	// under Key, once: rows, their copy, and the secrets of the accounts.
	Keys []ServerKey
	// TakesOver is for a server that has its backend to itself: the accounts that others had
	// there, which a former midas let share it, are locked, and their rows deleted.
	TakesOver bool
	// TakenOver tells that another server had the backend before this one, and took over what a
	// former midas left there, or that what it left was taken over at another backend. Rows of
	// others were put here since: they are deleted, and nothing is made anew for them.
	TakenOver bool
	// Elsewhere is for a server that a former midas had at another backend, which this one shows
	// by none of its rows: its accounts are made anew here from the copy of their rows, or from
	// what the store of the other backend kept of them, without what was granted to them. It may
	// be set for ever, and of every server: what SharedKey sealed is made anew once.
	Elsewhere bool
}

// toRenew tells whether the copy is under a former key: then so is what the backend has, or
// some of it.
func (s *Store) toRenew() bool { return s.copies.begun() && s.copies.sealedUnder() != s.key() }

// renew makes rows, secrets and copy anew under the server's key. Each row has one generation
// more afterwards, so what was sealed before counts no more, and all that a second run would
// do after a crash is the same. The copy comes last: until then renew begins again at the next
// start, and whenever somebody takes the lock. Sessions stay. The caller holds the lock.
func (s *Store) renew(ctx context.Context, q querier) error {
	if _, err := readRows(ctx, q, "`mapping` = ''"); isLost(err) {
		if err := s.remakeTable(ctx, q); err != nil {
			return err
		}
	}
	rows, err := readRows(ctx, q, "`server` = ?", s.server)
	if err != nil {
		return err
	}
	from := s.copies.sealedUnder()
	elsewhere := s.before.Elsewhere && from.version == 0 && !slices.ContainsFunc(rows, func(r mappingRow) bool { return r.sealedUnder(from) })
	next := make([]Account, 0, len(rows))
	for _, row := range s.copies.All() {
		// Another gateway may have written a later state shortly before the crash.
		for _, r := range rows {
			if r.Mapping == row.Mapping && r.sealedUnder(from) && r.Generation > row.Generation {
				row = r.Account
			}
		}
		renewed, made, err := s.renewRow(ctx, q, from, row, elsewhere)
		if err != nil {
			return err
		}
		if made {
			next = append(next, renewed)
		}
	}
	if err := s.copies.rekey(s.key(), next); err != nil {
		return err
	}
	s.cache.forgetAll()
	s.admin.forget()
	s.log.InfoContext(ctx, "accounts, their rows and the copy of these are made anew under the server's key", "server", s.server,
		"accounts", len(next), "version", s.key().version, "version before", from.version)
	return nil
}

// renewTable is renew for a server whose rows have no copy, one by one.
func (s *Store) renewTable(ctx context.Context) error {
	isFormer := func(r mappingRow) bool {
		signer, ok := s.signer(r)
		return ok && signer != s.key()
	}
	rows, err := readRows(ctx, s.db, "`server` = ?", s.server)
	if err != nil || !slices.ContainsFunc(rows, isFormer) {
		return err
	}
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		rows, err := readRows(ctx, conn, "`server` = ?", s.server)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if signer, _ := s.signer(r); isFormer(r) {
				if _, _, err := s.renewRow(ctx, conn, signer, r.Account, false); err != nil {
					return err
				}
			}
		}
		s.cache.forgetAll()
		return nil
	})
}

// renewRow makes one row anew, and the secret of its account. An account that is gone or was
// changed is left to Sweep, or made where it was at another backend. It tells whether there is a row afterwards.
func (s *Store) renewRow(ctx context.Context, q querier, from ServerKey, before Account, elsewhere bool) (after Account, made bool, err error) {
	after = before
	after.Issuer, after.Tenant = s.issuer, s.tenant
	after.Generation++
	bearers, err := s.dialect.byMarker(ctx, q, before.Mapping)
	if err != nil {
		return Account{}, false, err
	}
	for i, u := range bearers {
		if u.marker != before.Mapping && provenUnder(from, u, before) {
			if err := s.dialect.mark(ctx, q, u, before.Mapping); err != nil {
				return Account{}, false, err
			}
			bearers[i].marker = before.Mapping
		}
	}
	bearers = slices.DeleteFunc(bearers, func(u backendUser) bool { return u.marker != before.Mapping })
	if len(bearers) == 0 && elsewhere {
		return s.makeElsewhere(ctx, q, after)
	}
	if err := s.replaceRow(ctx, q, after); err != nil {
		return Account{}, false, err
	}
	at := slices.IndexFunc(bearers, func(u backendUser) bool { return u.is(after) })
	if at >= 0 && s.dialect.holds(bearers[at], from.secretOf(before)) {
		err = s.dialect.setSecret(ctx, q, after, s.Secret(after))
	}
	return after, err == nil, err
}

// replaceRow writes a row in place of what has its mapping, or its name.
func (s *Store) replaceRow(ctx context.Context, q querier, a Account) error {
	rows, err := readRows(ctx, q, "(`user` = ? AND `host` = ?) OR `mapping` = ?", a.User, a.Host, a.Mapping)
	if err != nil {
		return err
	}
	there := false
	for _, r := range rows {
		switch {
		case r.Mapping == a.Mapping && r.ServerID == a.ServerID:
			there = true
		case s.sealed(r): // the accounts were renamed: its own turn comes, or has been
			err = s.rewriteRow(ctx, aside(r.Account))
		default:
			err = s.discardRow(ctx, r.Mapping)
		}
		if err != nil {
			return err
		}
	}
	if there {
		return s.rewriteRow(ctx, a)
	}
	return s.writeRow(ctx, a)
}

// makeElsewhere makes the account of a row that had one at another backend.
func (s *Store) makeElsewhere(ctx context.Context, q querier, a Account) (Account, bool, error) {
	users, err := s.dialect.byName(ctx, q, a.User)
	if err != nil {
		return Account{}, false, err
	}
	if slices.ContainsFunc(users, func(u backendUser) bool { return u.user == a.User }) {
		s.log.WarnContext(ctx, "an AADUSER of a former midas is not made anew: its name is another account's at this backend", "account", a.String(), "id", a.ID)
		return Account{}, false, nil
	}
	if err := s.replaceRow(ctx, q, a); err != nil {
		return Account{}, false, err
	}
	return a, true, s.dialect.create(ctx, q, a, s.Secret(a))
}

// expelOthers locks the accounts that other servers had at this backend, under a former midas
// by which they shared it. They have their grants still, for the operator to read, and are this
// server's administrators' to drop. Their rows are kept first: the accounts are to be
// made anew elsewhere. That is done once: those who can write to a backend would else
// have an account made again that another server's administrator had dropped, by putting back a
// row that they kept from the days when the table was shared.
func (s *Store) expelOthers(ctx context.Context) error {
	shared := slices.IndexFunc(s.before.Keys, func(k ServerKey) bool { return k.version == 0 })
	if shared < 0 {
		return nil
	}
	key := s.before.Keys[shared]
	isTheirs := func(r mappingRow) bool { return r.ServerID != s.server && r.sealedUnder(key) }
	rows, err := readRows(ctx, s.db, "`server` <> ?", s.server)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rows, isTheirs) {
		return s.copies.noteTookOver()
	}
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		rows, err := readRows(ctx, conn, "`server` <> ?", s.server)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r mappingRow) bool { return !isTheirs(r) })
		if !s.before.TakenOver && !s.copies.tookOver() {
			if err := s.keepOthers(key, rows); err != nil {
				return err
			}
			s.tookOthers.Store(true)
			if err := s.copies.noteTookOver(); err != nil {
				return err
			}
		}
		for _, r := range rows {
			if err := s.expelOther(ctx, conn, key, r.Account); err != nil {
				return err
			}
		}
		return nil
	})
}

// TookOthers tells whether New found accounts here that other servers had under a former midas, and
// kept them to be made anew elsewhere.
func (s *Store) TookOthers() bool { return s.tookOthers.Load() }

// keepOthers keeps the rows of other servers until their stores make them anew.
func (s *Store) keepOthers(key ServerKey, rows []mappingRow) error {
	if s.folder == nil {
		return nil
	}
	byServer := map[string][]Account{}
	for _, r := range rows {
		byServer[r.ServerID] = append(byServer[r.ServerID], r.Account)
	}
	for server, accounts := range byServer {
		if err := s.folder.keepFormer(server, key, accounts); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) expelOther(ctx context.Context, q querier, key ServerKey, row Account) error {
	bearers, err := s.dialect.byMarker(ctx, q, row.Mapping)
	if err != nil {
		return err
	}
	for _, u := range bearers {
		if u.marker != row.Mapping && !provenUnder(key, u, row) || slices.Contains(s.service, u.user) {
			continue
		}
		theirs := row
		theirs.User, theirs.Host = u.user, u.host
		if err := s.dialect.lock(ctx, q, theirs); err != nil {
			return err
		}
		s.endSessions(ctx, q, theirs)
		s.log.WarnContext(ctx, "an account that another server had at this backend is locked: each server has a backend of its own now, and the account is made anew there",
			"account", theirs.String(), "id", row.ID, "of server", row.ServerID, "hint", "its grants are still to be seen here; then DROP USER "+theirs.String())
	}
	return s.discardRow(ctx, row.Mapping)
}

// Rekey gives the server another key, a later version of the one it has: rows, copy, lock and
// the secrets of all accounts are made anew. Sessions stay, and sign-ins meanwhile wait. Before
// the call, the caller has noted the version where the next start finds it: what an error or a
// crash leaves undone is done by the next change of accounts, or by New, with the former key
// among Former.Keys. Errors are Invalid for a version that is not later, and Unavailable.
func (s *Store) Rekey(ctx context.Context, key ServerKey) error {
	if !key.usable() || key.version <= s.key().version {
		return midas.Errorf(midas.Invalid, "the server key has version %d; another needs a later one", s.key().version)
	}
	err := s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		before := *s.keys.Load()
		s.keys.Store(&keyring{key, append([]ServerKey{before.now}, before.former...)})
		if !s.toRenew() {
			return nil
		}
		return s.renew(ctx, conn)
	})
	if err != nil || s.copies.begun() {
		return err
	}
	return s.renewTable(ctx)
}

// KeyState is that of the key that the server has now.
func (s *Store) KeyState() KeyState { return s.key().State() }
