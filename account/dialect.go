package account

import (
	"context"
	"database/sql"
)

// backendUser is one line of the backend's own list of accounts.
type backendUser struct {
	user, host string
	marker     string // id of the mapping row it was made for, "" for none
	// label is an id that proves nothing: anyone who may alter accounts can write it.
	label string
	hash  string // what its password is checked against
	// plain is true when the account is proved by hash in the plugin that midas gave it, and
	// by nothing else: a second password or another plugin would be a second way in.
	plain  bool
	locked bool // ACCOUNT LOCK
	// suspended is true when midas itself locked the account, since its principal is gone.
	suspended bool
	// bound is true when its owner cannot set a password without knowing the present one, or
	// at least a change can be told though the password is what it was, and need not, since it
	// never expires.
	bound bool
}

// is tells whether u has the name and host of a.
func (u backendUser) is(a Account) bool { return u.user == a.User && u.host == a.Host }

// dialect is what differs between backends: how an account is marked as ours, and all that
// follows from it.
type dialect interface {
	reading
	marking
	secrets
	locking
	connected
	granting
}

// reading tells what accounts the backend has.
type reading interface {
	// byName lists the accounts of that name, with any host.
	byName(ctx context.Context, q querier, user string) ([]backendUser, error)
	// all lists the accounts that carry a marker or label, those that have the name of a row of
	// the server, or of any for the server "", and those called self.
	all(ctx context.Context, q querier, server, self string) ([]backendUser, error)
	// byMarker lists the accounts that carry the id as marker or as label.
	byMarker(ctx context.Context, q querier, mapping string) ([]backendUser, error)
	// native lists the accounts of that name, with any host.
	native(ctx context.Context, q querier, user string) ([]nativeUser, error)
	// requiresTLS tells whether an account of that name is let in over TLS alone.
	requiresTLS(ctx context.Context, q querier, user string) (bool, error)
}

// marking makes accounts that can be told as midas's.
type marking interface {
	// ready tells whether the backend can mark accounts.
	ready(ctx context.Context, q querier) error
	// create makes the account, marked, without privileges. It fails if it exists.
	create(ctx context.Context, q querier, a Account, secret string) error
	// mark gives u the marker, if its password is still what it was when it was read.
	mark(ctx context.Context, q querier, u backendUser, mapping string) error
	// load makes the backend know an account that is in its tables.
	load(ctx context.Context, q querier, a Account) error
}

// secrets are the passwords of the accounts, which midas alone knows.
type secrets interface {
	// holds tells whether secret opens u, and nothing else does.
	holds(u backendUser, secret string) bool
	// setSecret gives the account its secret again, and no expiry. The
	// caller has checked that it carries the marker and checks again afterwards.
	setSecret(ctx context.Context, q querier, a Account, secret string) error
	// armour is setSecret for an account whose password is changed over and over: where the
	// backend can, further changes do not reach the secret.
	armour(ctx context.Context, q querier, a Account, secret string) error
	// bind keeps the owner of the account from setting a password, or lets it be told, and
	// keeps the password from expiring.
	bind(ctx context.Context, q querier, a Account) error
	// remembers tells whether the backend goes on letting in a password that it found right, in
	// a sign-in that began before the password was changed, until it is changed again.
	remembers() bool
}

// locking closes accounts, and opens them again.
type locking interface {
	// lock locks the account of that name and host, no matter who made it.
	lock(ctx context.Context, q querier, a Account) error
	// suspend locks u, and notes on it that midas did.
	suspend(ctx context.Context, q querier, u backendUser, mapping string) error
	// resume takes back suspend.
	resume(ctx context.Context, q querier, u backendUser, mapping string) error
}

// connected is about the connections that accounts have at the backend.
type connected interface {
	// endSessions ends the connections of the account at the backend.
	endSessions(ctx context.Context, q querier, a Account) error
	// busy tells whether the connection of that id is there and doing something.
	busy(ctx context.Context, q querier, id uint32) (bool, error)
}

// granting is for administrators.
type granting interface {
	// grant gives privileges on everything, with the right to pass them on. It fails if
	// there is no such account.
	grant(ctx context.Context, q querier, a Account, privileges string) error
	// confined tells whether grant has kept a from writing where accounts are kept, as far
	// as the backend can.
	confined(ctx context.Context, q querier, a Account) (bool, error)
}

// rowNames are the names of a server's rows, or of all for the server "".
const rowNames = "SELECT `user` FROM " + aaduser + " WHERE ? IN (`server`, '')"

var (
	_ dialect = mysqlDialect{}
	_ dialect = mariadbDialect{}
	_ dialect = embeddedDialect{}
)

var dialects = map[string]dialect{
	DialectMySQL:    mysqlDialect{},
	DialectMariaDB:  mariadbDialect{},
	DialectEmbedded: embeddedDialect{},
}

func grantAll(ctx context.Context, q querier, prefix string, a Account, privileges string) error {
	_, err := q.ExecContext(ctx, prefix+"GRANT "+privileges+" ON *.* TO "+quoteAccount(a.User, a.Host)+" WITH GRANT OPTION")
	return unavailable("grant privileges to "+a.String(), err)
}

// selectUsers runs a query for the fields of backendUser. Any of them may be NULL: in some
// SQL modes of MariaDB empty text is.
func selectUsers(ctx context.Context, q querier, query string, arguments ...any) ([]backendUser, error) {
	rows, err := q.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, unavailable("read the backend's accounts", err)
	}
	defer rows.Close()
	var out []backendUser
	var read answer
	for rows.Next() {
		var user, host, marker, label, hash sql.NullString
		var plain, locked, suspended, bound sql.NullBool
		if err := rows.Scan(&user, &host, &marker, &label, &hash, &plain, &locked, &suspended, &bound); err != nil {
			return nil, unavailable("read the backend's accounts", err)
		}
		if !read.fits(user, host, marker, label, hash) {
			return nil, unavailable("read the backend's accounts", errTooMany)
		}
		out = append(out, backendUser{
			user.String, host.String, marker.String, label.String, hash.String, plain.Bool, locked.Bool, suspended.Bool, bound.Bool,
		})
	}
	return out, unavailable("read the backend's accounts", rows.Err())
}

// lockAccount is ACCOUNT LOCK: it keeps everything that the account has, and ends no session.
func lockAccount(ctx context.Context, q querier, user, host string) error {
	_, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(user, host)+" ACCOUNT LOCK")
	return unavailable("lock account "+quoteAccount(user, host), err)
}

func unlockAccount(ctx context.Context, q querier, user, host string) error {
	_, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(user, host)+" ACCOUNT UNLOCK")
	return unavailable("unlock account "+quoteAccount(user, host), err)
}

func readVersion(ctx context.Context, q querier) (version string, err error) {
	rows, err := q.QueryContext(ctx, "SELECT VERSION()")
	if err != nil {
		return "", unavailable("ask the backend for its version", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&version); err != nil {
			return "", unavailable("ask the backend for its version", err)
		}
	}
	return version, unavailable("ask the backend for its version", rows.Err())
}
