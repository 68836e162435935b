package account

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/midas-mysql/midas"
)

// backendUser is one line of the backend's own list of accounts.
type backendUser struct {
	user, host string
	marker     string // id of the mapping row it was made for, "" for none
}

// madeFor tells whether u is the account that was made for the row a.
func (u backendUser) madeFor(a Account) bool {
	return u.user == a.User && u.host == a.Host && a.Mapping != "" && u.marker == a.Mapping
}

// dialect is what differs between backends: how an account is marked as ours.
type dialect interface {
	// ready tells whether the backend can mark accounts.
	ready(ctx context.Context, q querier) error
	// byName lists the accounts of that name, with any host.
	byName(ctx context.Context, q querier, user string) ([]backendUser, error)
	// byMarker lists the accounts that carry the marker.
	byMarker(ctx context.Context, q querier, mapping string) ([]backendUser, error)
	// create makes the account, marked, without privileges. It fails if it exists.
	create(ctx context.Context, q querier, a Account, secret string) error
	// setSecret gives the account its secret again, and no expiry. The
	// caller has checked that it is ours and checks again afterwards.
	setSecret(ctx context.Context, q querier, a Account, secret string) error
	// load makes the backend know an account that is in its tables.
	load(ctx context.Context, q querier, a Account) error
	// grant gives privileges on everything, with the right to pass them on. It fails if
	// there is no such account.
	grant(ctx context.Context, q querier, a Account, privileges string) error
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

// selectUsers runs a query for user, host and marker. Any of them may be NULL: in some
// SQL modes of MariaDB empty text is.
func selectUsers(ctx context.Context, q querier, query, argument string) ([]backendUser, error) {
	rows, err := q.QueryContext(ctx, query, argument)
	if err != nil {
		return nil, unavailable("read the backend's accounts", err)
	}
	defer rows.Close()
	var out []backendUser
	for rows.Next() {
		var user, host, marker sql.NullString
		if err := rows.Scan(&user, &host, &marker); err != nil {
			return nil, unavailable("read the backend's accounts", err)
		}
		out = append(out, backendUser{user.String, host.String, marker.String})
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

// mysqlDialect marks accounts in their ATTRIBUTE.
// Source: MySQL Reference Manual, CREATE USER, "User Comments and Attributes".
type mysqlDialect struct{}

// The columns are CHAR: in SQL mode PAD_CHAR_TO_FULL_LENGTH they come with all their
// spaces.
const mysqlUsers = "SELECT RTRIM(User), RTRIM(Host), JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.midas')) FROM mysql.user WHERE "

func (d mysqlDialect) ready(ctx context.Context, q querier) error {
	if _, err := d.byName(ctx, q, ""); err != nil {
		version, versionErr := readVersion(ctx, q)
		if versionErr != nil {
			return versionErr
		}
		return midas.Errorf(midas.Unavailable, "the accounts of the backend (version %s) cannot be read: %w", version, err).
			WithHint("MySQL 8.0.21 or later is needed, and a backend user that may read schema mysql")
	}
	return nil
}

func (mysqlDialect) byName(ctx context.Context, q querier, user string) ([]backendUser, error) {
	return selectUsers(ctx, q, mysqlUsers+"User = ?", user)
}

func (mysqlDialect) byMarker(ctx context.Context, q querier, mapping string) ([]backendUser, error) {
	return selectUsers(ctx, q, mysqlUsers+"JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.midas')) = ?", mapping)
}

// The server's own rules about old passwords must not get in the way of a secret that
// nobody types.
const mysqlPassword = " IDENTIFIED WITH caching_sha2_password BY '%s' PASSWORD EXPIRE NEVER PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL 0 DAY"

func (mysqlDialect) create(ctx context.Context, q querier, a Account, secret string) error {
	_, err := q.ExecContext(ctx, "CREATE USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(mysqlPassword, secret)+
		fmt.Sprintf(` ATTRIBUTE '{"midas": "%s"}'`, a.Mapping))
	return unavailableBut(secret, "create account "+a.String(), err)
}

func (mysqlDialect) setSecret(ctx context.Context, q querier, a Account, secret string) error {
	if _, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(mysqlPassword, secret)); err != nil {
		return unavailableBut(secret, "set the secret of account "+a.String(), err)
	}
	// A second password (ALTER USER … RETAIN CURRENT PASSWORD) would go on opening it.
	// Only those who have one are asked to drop it: not every server knows the words.
	// Source: MySQL Reference Manual, "Dual Password Support".
	dual, err := selectUsers(ctx, q, mysqlUsers+"User = ? AND JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')", a.User)
	if err != nil || !slices.ContainsFunc(dual, func(u backendUser) bool { return u.user == a.User && u.host == a.Host }) {
		return err
	}
	_, err = q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+" DISCARD OLD PASSWORD")
	return unavailable("drop the second password of account "+a.String(), err)
}

func (mysqlDialect) load(context.Context, querier, Account) error { return nil }

func (mysqlDialect) grant(ctx context.Context, q querier, a Account, privileges string) error {
	return grantAll(ctx, q, "", a, privileges)
}

// embeddedDialect is MySQL's: package backend/embedded keeps ATTRIBUTE. The engine signs
// caching_sha2_password accounts in over TLS alone.
type embeddedDialect struct{ mysqlDialect }

const embeddedPassword = " IDENTIFIED WITH mysql_native_password BY '%s'"

func (embeddedDialect) create(ctx context.Context, q querier, a Account, secret string) error {
	_, err := q.ExecContext(ctx, "CREATE USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(embeddedPassword, secret)+
		fmt.Sprintf(` ATTRIBUTE '{"midas": "%s"}'`, a.Mapping))
	return unavailableBut(secret, "create account "+a.String(), err)
}

func (embeddedDialect) setSecret(ctx context.Context, q querier, a Account, secret string) error {
	_, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(embeddedPassword, secret))
	return unavailableBut(secret, "set the secret of account "+a.String(), err)
}
