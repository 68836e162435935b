package account

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// CreateRequest is a bound CREATE AADUSER of a session.
type CreateRequest struct {
	Name  string // directory name
	Host  string // "" for "%"
	Alias string // MySQL user name, "" for Name
	ID    string // client id or object id, "" to look Name up
	// SkipValidation is the session's aad_auth_validate_oids_in_tenant = OFF: ID is
	// taken as written, and as an application's.
	SkipValidation bool
}

// Created is what CREATE AADUSER did.
type Created struct {
	Account Account
	// Existed is true when IF NOT EXISTS found the account; nothing was changed.
	Existed bool
	// Warning is for the session, "" for none. It has up to 128 characters, as SIGNAL
	// takes them.
	Warning string
}

// Create makes an AADUSER: an account of the backend without privileges, and its
// mapping. Errors carry MySQL error numbers (Error): Invalid for names and ids that
// cannot be; NotFound with 9102 when the directory does not know the identity; Conflict
// when an account of that name exists; Unavailable when the backend fails. After an
// error nothing is left behind; should the backend be gone by then, what is left opens
// nothing and is removed by a later Lookup or Create.
//
// Source: Microsoft Learn, "Set up Microsoft Entra authentication for Azure Database for
// MySQL - Flexible Server".
func (s *Store) Create(ctx context.Context, r CreateRequest, ifNotExists bool) (Created, error) {
	statement, err := CreateUser{Name: r.Name, Host: r.Host, Alias: r.Alias, ID: r.ID}.checked()
	if err != nil {
		return Created{}, err
	}
	a := s.newAccount(statement.User(), statement.Host)
	a.DirectoryName = r.Name
	if a.Kind, a.ID, err = s.resolve(ctx, statement, r.SkipValidation); err != nil {
		return Created{}, err
	}
	var done Created
	err = s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		existing, found, err := s.clear(ctx, conn, a)
		switch {
		case err != nil:
			return err
		case found && !ifNotExists:
			return cannot(a, "it exists and maps to id %s", existing.ID).
				WithHint("DROP USER %s; then create it again", existing)
		case found:
			done = Created{Account: existing, Existed: true, Warning: keptWarning(existing, a)}
			return s.dialect.load(ctx, conn, existing)
		}
		done.Account, err = s.make(ctx, conn, a)
		return err
	})
	s.Forget(a.User)
	if err != nil {
		return Created{}, err
	}
	return done, nil
}

func keptWarning(existing, wanted Account) string {
	if existing.ID == wanted.ID && existing.Kind == wanted.Kind {
		return "AADUSER exists, with that id"
	}
	return fmt.Sprintf("AADUSER exists with id %s, not %s; DROP USER it first", existing.ID, wanted.ID)
}

// newAccount is an account that is not made yet.
func (s *Store) newAccount(user, host string) Account {
	return Account{ServerID: s.server, User: user, Host: host, Issuer: s.issuer, Tenant: s.tenant, Generation: firstGeneration()}
}

// firstGeneration is where a new account begins to count its secrets. It is random: the
// row of a former account of that name, and with it the count, may be gone, and no secret
// is used twice. What is left above is enough for 1,000,000,000 rotations.
func firstGeneration() int { return 1 + rand.IntN(1<<30) }

// cannot is the refusal of a name that somebody has.
func cannot(a Account, why string, args ...any) *Error {
	what := "operation CREATE AADUSER failed for " + a.String()
	if a.Admin {
		what = "administrator " + a.String() + " cannot have an account"
	}
	return refuse(mysqlerr.CannotUser, midas.Conflict, "%s: %s", what, fmt.Sprintf(why, args...))
}

// clear prepares for making a: it returns the account if there is one already, refuses
// names that others have, and reconciles the row of an account that is gone.
func (s *Store) clear(ctx context.Context, q querier, a Account) (existing Account, found bool, err error) {
	users, err := s.dialect.byName(ctx, q, a.User)
	if err != nil {
		return Account{}, false, err
	}
	rows, err := readRows(ctx, q, "`user` = ? AND `host` = ?", a.User, a.Host)
	if err != nil {
		return Account{}, false, err
	}
	at := slices.IndexFunc(users, func(u backendUser) bool { return u.user == a.User && u.host == a.Host })
	for _, row := range rows {
		switch verdict := s.judge(row); {
		case verdict.confirmable() && at >= 0:
			return Account{}, false, cannot(a, "its record in schema midas is refused: %s", verdict).
				WithHint("%s; else DROP USER %s; then create it again", verdict.wayOut(a), a)
		case !verdict.believed() && at >= 0:
			return Account{}, false, cannot(a, "its record in schema midas was not written by midas for this server").
				WithHint("DROP USER %s; then create it again; or %s", a, otherName(a))
		case !verdict.believed(): // and nothing stands behind it
			err = s.discardRow(ctx, row.Mapping)
		case at >= 0 && s.madeFor(users[at], row.Account):
			return row.Account, true, nil
		default:
			var moved Account
			if moved, err = s.reconcileRow(ctx, q, row.Account); err == nil && at >= 0 && moved.Mapping == "" {
				err = cannot(a, "the account of that name was changed or replaced so that it cannot be proven to be the one that CREATE AADUSER made; it is locked").
					WithHint("DROP USER %s; then create it again; or %s", a, otherName(a))
			}
		}
		if err != nil {
			return Account{}, false, err
		}
	}
	if err := s.unshadowed(ctx, q, users, a); err != nil {
		return Account{}, false, err
	}
	if at >= 0 {
		return Account{}, false, cannot(a, "an account of that name exists and was not made by CREATE AADUSER").
			WithHint("DROP USER %s; or %s", a, otherName(a))
	}
	return Account{}, false, nil
}

// unshadowed refuses a, if accounts of its name with other hosts are not this server's own, or
// one of them or a is the administrator's.
// The backend sees the gateway's address, not the client's, and signs each sign-in of the
// name in to the account with the most specific host that matches: 'x'@'localhost' would
// keep everybody out of 'x'@'%', a native account.
// Source: MySQL Reference Manual, "Access Control, Stage 1: Connection Verification".
func (s *Store) unshadowed(ctx context.Context, q querier, users []backendUser, a Account) error {
	others := slices.DeleteFunc(slices.Clone(users), func(u backendUser) bool { return u.user != a.User || u.host == a.Host })
	if len(others) == 0 {
		return nil
	}
	rows, err := s.rows(ctx, q, "`server` = ? AND `user` = ?", s.server, a.User)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Admin != a.Admin && row.Host != a.Host {
			return cannot(a, "the server's administrator and an AADUSER with another host would have that name; one would keep out the other").
				WithHint("%s", otherName(a))
		}
	}
	for _, u := range others {
		if !slices.ContainsFunc(rows, func(row Account) bool { return s.madeFor(u, row) }) {
			return cannot(a, "an account of that name with host '%s' exists that is no AADUSER of this server; one would keep out the other", u.host).
				WithHint("%s", otherName(a))
		}
	}
	return nil
}

func otherName(a Account) string {
	if a.Admin {
		return "choose another login for the administrator"
	}
	return "choose another name with AS 'alias'"
}

// make writes the row, then makes the account that carries its id. The row opens nothing
// until the account exists, so a crash between the two is harmless. What went wrong is
// undone: the account, if it came to be, before the row that explains it.
func (s *Store) make(ctx context.Context, q querier, a Account) (Account, error) {
	if s.uninstalled {
		return Account{}, cannot(a, "the server has been deleted").WithHint("sign in again, to the server that has its name now")
	}
	a.Mapping = uuid.NewString()
	// A caller who leaves must not leave the server half-way through: what a closed
	// connection was doing may still come to be after undo has looked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	defer cancel()
	err := s.insertRow(ctx, a)
	if err == nil {
		err = s.dialect.create(ctx, q, a, s.Secret(a))
	}
	if err == nil {
		s.tryMark(ctx, q, a)
		return a, nil
	}
	s.undo(ctx, q, a)
	// The server takes no part in the lock: somebody may have made the account meanwhile.
	if _, _, taken := s.clear(ctx, q, a); midas.CodeOf(taken) == midas.Conflict {
		err = taken
	}
	return Account{}, err
}

// undo takes back make. The connection may be what failed; then another one is tried,
// and only then, since the pool may have none to give.
func (s *Store) undo(ctx context.Context, q querier, a Account) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*mendTimeout)
	defer cancel()
	err := s.takeBack(ctx, q, a)
	if err != nil {
		err = s.takeBack(ctx, s.db, a)
	}
	if err != nil {
		s.log.WarnContext(ctx, "a half-made account is left to the next lookup", "account", a.String(), "error", err, midas.HintAttr(err))
	}
}

func (s *Store) takeBack(ctx context.Context, q querier, a Account) error {
	ctx, cancel := context.WithTimeout(ctx, mendTimeout)
	defer cancel()
	if err := s.drop(ctx, q, a); err != nil {
		return err
	}
	return s.deleteRow(ctx, a)
}

// drop drops the account of a if it is ours.
func (s *Store) drop(ctx context.Context, q querier, a Account) error {
	ours, err := s.stands(ctx, q, a)
	if err != nil || !ours {
		return err
	}
	_, err = q.ExecContext(ctx, "DROP USER "+quoteAccount(a.User, a.Host))
	return unavailable("drop account "+a.String(), err)
}
