package account

import (
	"context"
	"database/sql"
)

// backendUser is one line of the backend's own list of accounts.
type backendUser struct {
	user, host string
	marker     string // id of the mapping row it was made for, "" for none
	// label is an id that proves nothing, as whoever alters accounts can write it.
	label string
	hash  string // what its password is checked against, where a label needs it
}

// dialect is what differs between backends: how an account is marked as ours.
type dialect interface {
	// ready tells whether the backend can mark accounts.
	ready(ctx context.Context, q querier) error
	// byName lists the accounts of that name, with any host.
	byName(ctx context.Context, q querier, user string) ([]backendUser, error)
	// byMarker lists the accounts that carry the id as marker or as label.
	byMarker(ctx context.Context, q querier, mapping string) ([]backendUser, error)
	// create makes the account, marked, without privileges. It fails if it exists.
	create(ctx context.Context, q querier, a Account, secret string) error
	// mark gives u the marker, if its password is still what it was when it was read.
	mark(ctx context.Context, q querier, u backendUser, mapping string) error
	// setSecret gives the account its secret again, and no expiry. The
	// caller has checked that it carries the marker and checks again afterwards.
	setSecret(ctx context.Context, q querier, a Account, secret string) error
	// load makes the backend know an account that is in its tables.
	load(ctx context.Context, q querier, a Account) error
	// grant gives privileges on everything, with the right to pass them on. It fails if
	// there is no such account.
	grant(ctx context.Context, q querier, a Account, privileges string) error
	// confined tells whether grant has kept a from writing where accounts are kept, as far
	// as the backend can.
	confined(ctx context.Context, q querier, a Account) (bool, error)
	// native lists the accounts of that name, with any host.
	native(ctx context.Context, q querier, user string) ([]nativeUser, error)
}

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

// selectUsers runs a query for user, host, marker, label and hash. Any of them may be NULL: in some
// SQL modes of MariaDB empty text is.
func selectUsers(ctx context.Context, q querier, query, argument string) ([]backendUser, error) {
	rows, err := q.QueryContext(ctx, query, argument)
	if err != nil {
		return nil, unavailable("read the backend's accounts", err)
	}
	defer rows.Close()
	var out []backendUser
	for rows.Next() {
		var user, host, marker, label, hash sql.NullString
		if err := rows.Scan(&user, &host, &marker, &label, &hash); err != nil {
			return nil, unavailable("read the backend's accounts", err)
		}
		out = append(out, backendUser{user.String, host.String, marker.String, label.String, hash.String})
	}
	return out, unavailable("read the backend's accounts", rows.Err())
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
