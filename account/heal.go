package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// begin makes the schema, and the table and its copy agree. The copy of a server that has
// none begins with the rows that the backend has, which are all there is to go by.
func (s *Store) begin(ctx context.Context) error {
	if !s.copies.begun() {
		if err := makeSchema(ctx, s.db); err != nil {
			return err
		}
		if err := s.renewTable(ctx); err != nil || s.copies == copies(noCopies{}) {
			return err
		}
		return s.locked(ctx, lockWait, func(conn *sql.Conn) error { return s.beginCopy(ctx, conn) })
	}
	if s.toRenew() {
		return s.locked(ctx, lockWait, func(*sql.Conn) error { return nil })
	}
	if whole, err := s.whole(ctx, s.db); err == nil && whole {
		return nil
	}
	err := s.locked(ctx, lockWait, func(*sql.Conn) error { return nil })
	if err == nil {
		return nil
	}
	// A replica may lag behind its primary and takes no writes. What it has can be used.
	if _, unreadable := readRows(ctx, s.db, "`mapping` = ''"); unreadable != nil {
		return err
	}
	s.log.WarnContext(ctx, "rows of midas.aaduser differ from their copy and cannot be mended now", "server", s.server, "error", err, midas.HintAttr(err))
	return nil
}

func (s *Store) beginCopy(ctx context.Context, q querier) error {
	if s.copies.begun() { // by another store, while this one waited
		return nil
	}
	rows, err := s.rows(ctx, q, "`server` = ?", s.server)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		s.log.WarnContext(ctx, "there is no copy of this server's account rows yet: one begins with the rows that the backend has, as they are",
			"server", s.server, "rows", len(rows))
	}
	return s.copies.begin(rows)
}

// mendTable writes the rows again that were lost or changed on the backend, and the schema if
// that is gone: by a DROP DATABASE that no gateway saw, or by a script that drops all
// schemas that are not the server's own. It makes no account: a row opens only one that is
// still there and is proven to have been made for it. The caller holds the lock.
func (s *Store) mendTable(ctx context.Context, q querier) error {
	if !s.copies.begun() {
		return nil
	}
	whole, err := s.whole(ctx, q)
	if whole && err == nil {
		return nil
	}
	lost := isLost(err)
	if lost {
		err = s.remakeTable(ctx, q)
	}
	if err != nil {
		return err
	}
	rows, err := readRows(ctx, q, "1 = 1")
	if err != nil {
		return err
	}
	there := map[string]mappingRow{}
	for _, r := range rows {
		there[r.Mapping] = r
	}
	written, kept := 0, s.copies.All()
	if empty, err := s.isEmpty(ctx, q, kept, rows); err != nil {
		return err
	} else if empty {
		return s.lookAtOthers(ctx, q, rows)
	}
	for _, a := range kept {
		again, err := s.mendRow(ctx, q, a, there)
		if err != nil {
			return err
		}
		if again {
			written++
			s.Forget(a.User)
		}
	}
	if lost || written > 0 {
		s.log.WarnContext(ctx, "rows of midas.aaduser were lost or changed on the backend and are written again from their copy: "+
			"find out who did that; no account was made, and none opens that is not still there",
			"server", s.server, "rows", written, "table was gone", lost)
	}
	return s.lookAtOthers(ctx, q, rows)
}

// isEmpty tells whether the backend, which has none of the rows that are kept, has no account
// for any of them either: it began anew, without its data, or is another one. Nobody dropped
// these accounts. If they come back, with their rows, they are to open again; until then the
// rows are given up, so that the server can be used as it is. It may have been used so before:
// then rows has others.
func (s *Store) isEmpty(ctx context.Context, q querier, kept []Account, rows []mappingRow) (bool, error) {
	isKept := func(id string) bool {
		return slices.ContainsFunc(kept, func(a Account) bool { return a.Mapping == id })
	}
	if len(kept) == 0 || slices.ContainsFunc(rows, func(r mappingRow) bool { return isKept(r.Mapping) }) {
		return false, nil
	}
	users, err := s.dialect.all(ctx, q, s.server, s.self.user)
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(users, s.isSelf) {
		return false, incomplete()
	}
	if slices.ContainsFunc(users, func(u backendUser) bool { return isKept(u.marker) || isKept(u.label) }) {
		return false, nil
	}
	for _, a := range kept { // an account that lost its mark is not to become somebody's own
		users, err := s.dialect.byName(ctx, q, a.User)
		if err != nil || slices.ContainsFunc(users, func(u backendUser) bool { return u.is(a) && !s.isOfAny(u, rows) }) {
			return false, err
		}
	}
	if err := s.copies.lose(); err != nil {
		return false, err
	}
	s.log.ErrorContext(ctx, "the backend has lost all rows of midas.aaduser and all accounts of the server: it began anew, without its data, or is another one; "+
		"the accounts open again when its data is back", "server", s.server, "rows", len(kept))
	for _, a := range kept {
		s.Forget(a.User)
	}
	return true, nil
}

// isOfAny tells whether u is the account of one of the rows, now or before the backend was
// exchanged.
func (s *Store) isOfAny(u backendUser, rows []mappingRow) bool {
	return slices.ContainsFunc(rows, func(r mappingRow) bool {
		v := s.judge(r)
		return r.ServerID == s.server && (v.believed() || v == rowLost) && s.madeFor(u, r.Account)
	})
}

// sweepTable is mendTable where there is something to mend, and nobody changes accounts.
func (s *Store) sweepTable(ctx context.Context) error {
	if !s.copies.begun() {
		return nil
	}
	if whole, err := s.whole(ctx, s.db); (err == nil && whole) || (err != nil && !isLost(err)) {
		return err
	}
	err := s.locked(ctx, sweepWait, func(*sql.Conn) error { return nil })
	if errors.Is(err, errBusy) {
		return nil
	}
	return err
}

// remakeTable makes the table. Something else may have its name by now: that is renamed.
func (s *Store) remakeTable(ctx context.Context, q querier) error {
	if err := makeSchema(ctx, q); err == nil || !isLost(err) {
		if _, other := s.whole(ctx, q); !isLost(other) {
			return err
		}
	}
	aside := "midas.aaduser_" + uuid.NewString()[:8]
	if _, err := q.ExecContext(ctx, "RENAME TABLE midas.aaduser TO "+aside); err != nil {
		return unavailable("move another table out of the way of midas.aaduser", err)
	}
	s.log.WarnContext(ctx, "midas.aaduser was no table of midas, or has more rows than midas can have written, and is renamed", "server", s.server, "to", aside)
	return makeSchema(ctx, q)
}

// mendRow writes a row that is kept, unless the table has it or a later state of it, or
// an earlier one, which is for the operator to judge. It tells whether it wrote.
func (s *Store) mendRow(ctx context.Context, q querier, a Account, there map[string]mappingRow) (bool, error) {
	if r, ok := there[a.Mapping]; ok {
		switch s.judge(r) {
		case rowCurrent, rowOutdated:
			return false, nil
		case rowNewer:
			return false, s.copies.Put(r.Account)
		}
		if err := s.discardRow(ctx, a.Mapping); err != nil {
			return false, err
		}
	}
	free, err := s.vacate(ctx, q, a)
	if err != nil {
		return false, err
	}
	if free {
		return true, s.writeRow(ctx, a)
	}
	borne, err := s.borne(ctx, q, a)
	if err != nil {
		return false, err
	}
	if !borne {
		if err := s.believe(ctx, q); err != nil {
			return false, err
		}
		s.log.InfoContext(ctx, "account row given up: its account is gone, and another row has its name", "account", a.String(), "id", a.ID)
		return false, s.copies.Delete(a)
	}
	return true, s.writeRow(ctx, aside(a)) // it follows its account at the next lookup
}

// vacate makes room for a row that is to be written again, and tells whether it could. The
// name may be another row's by now, which midas wrote too: the accounts were renamed, or
// that of this row was dropped; or somebody put an old row in its place. The account that
// has the name says whose it is.
func (s *Store) vacate(ctx context.Context, q querier, a Account) (free bool, err error) {
	rows, err := readRows(ctx, q, "`user` = ? AND `host` = ?", a.User, a.Host)
	if err != nil || len(rows) == 0 {
		return err == nil, err
	}
	ours, err := s.stands(ctx, q, a)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		switch {
		case s.sealed(r) && !ours:
			return false, nil
		case s.sealed(r) && s.judge(r).believed():
			err = s.rewriteRow(ctx, aside(r.Account))
		default:
			err = s.discardRow(ctx, r.Mapping)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// borne tells whether the backend has an account that was made for the row, under
// whatever name.
func (s *Store) borne(ctx context.Context, q querier, a Account) (bool, error) {
	bearers, err := s.dialect.byMarker(ctx, q, a.Mapping)
	return slices.ContainsFunc(bearers, func(u backendUser) bool { return s.proven(u, a) }), err
}

// lookAtOthers looks at the rows of this server that are not kept as they are: later ones
// are kept from now on, and what a crash left of a dropped account goes. How many are to
// be confirmed is said when that has changed.
func (s *Store) lookAtOthers(ctx context.Context, q querier, rows []mappingRow) error {
	open := 0
	for _, r := range rows {
		if r.ServerID != s.server {
			continue
		}
		switch v := s.judge(r); {
		case v == rowNewer:
			if err := s.copies.Put(r.Account); err != nil {
				return err
			}
		case v == rowLost:
			borne, err := s.borne(ctx, q, r.Account)
			if err == nil && borne {
				s.log.WarnContext(ctx, "an account that was lost with all others is back, and opens again", "account", r.String(), "id", r.ID)
				err = s.copies.Put(r.Account)
			}
			if err != nil {
				return err
			}
		case v == rowDropped:
			borne, err := s.borne(ctx, q, r.Account)
			if err == nil && !borne {
				err = s.discardRow(ctx, r.Mapping)
			}
			if err != nil {
				return err
			}
		case v.confirmable():
			open++
		}
	}
	if s.unconfirmed.Swap(int64(open)) != int64(open) && open > 0 {
		s.log.WarnContext(ctx, "rows of midas.aaduser are older than their copy, or unknown to it, and open nothing: a backup was restored, or old rows were put back; "+
			"if it was a backup, confirm it with midas mysql aad-user restore", "server", s.server, "rows", open)
	}
	return nil
}
