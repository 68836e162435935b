package account

import (
	"context"
	"fmt"
	"slices"

	"github.com/midas-mysql/midas"
)

// mysqlDialect marks accounts with one more key of the JSON document in
// mysql.user.User_attributes, beside the keys that statements can write: ATTRIBUTE, which
// is there too, is for whoever may CREATE USER to change and to copy. The server carries
// the key through ALTER USER … IDENTIFIED, SET PASSWORD, GRANT, FLUSH PRIVILEGES and RENAME
// USER, drops it with DROP USER, and loses it when it writes the document anew (ATTRIBUTE,
// COMMENT, RETAIN CURRENT PASSWORD, FAILED_LOGIN_ATTEMPTS): see Store.proven.
// Source: MySQL Reference Manual, CREATE USER, "User Comments and Attributes"; what is
// carried, by trying MySQL 9.7.
type mysqlDialect struct{}

const (
	mysqlMarker = "JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.midas'))"
	mysqlLabel  = "JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.midas'))"
)

// The columns are CHAR: in SQL mode PAD_CHAR_TO_FULL_LENGTH they come with all their
// spaces.
const mysqlUsers = "SELECT RTRIM(User), RTRIM(Host), " + mysqlMarker + ", " + mysqlLabel + ", authentication_string FROM mysql.user WHERE "

func (d mysqlDialect) ready(ctx context.Context, q querier) error { return mysqlReady(ctx, q, d) }

func mysqlReady(ctx context.Context, q querier, d dialect) error {
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
	return selectUsers(ctx, q, mysqlUsers+"? IN ("+mysqlMarker+", "+mysqlLabel+")", mapping)
}

// The server's own rules about old passwords must not get in the way of a secret that
// nobody types.
const mysqlPassword = " IDENTIFIED WITH caching_sha2_password BY '%s' PASSWORD EXPIRE NEVER PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL 0 DAY"

func (mysqlDialect) create(ctx context.Context, q querier, a Account, secret string) error {
	_, err := q.ExecContext(ctx, "CREATE USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(mysqlPassword, secret)+
		fmt.Sprintf(` ATTRIBUTE '{"midas": "%s"}'`, a.Mapping))
	return unavailableBut(secret, "create account "+a.String(), err)
}

// mark is one statement, so that it cannot meet another account that has taken the name
// meanwhile: no two have the same salt in their hash.
func (mysqlDialect) mark(ctx context.Context, q querier, u backendUser, mapping string) error {
	_, err := q.ExecContext(ctx, "UPDATE mysql.user SET User_attributes = JSON_SET(COALESCE(User_attributes, JSON_OBJECT()), '$.midas', ?) "+
		"WHERE User = ? AND Host = ? AND authentication_string = ?", mapping, u.user, u.host, u.hash)
	return unavailable("mark account "+quoteAccount(u.user, u.host), err)
}

func (d mysqlDialect) setSecret(ctx context.Context, q querier, a Account, secret string) error {
	if _, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(mysqlPassword, secret)); err != nil {
		return unavailableBut(secret, "set the secret of account "+a.String(), err)
	}
	// A second password (ALTER USER … RETAIN CURRENT PASSWORD) would go on opening it.
	// Only those who have one are asked to drop it: not every server knows the words.
	// Source: MySQL Reference Manual, "Dual Password Support".
	dual, err := selectUsers(ctx, q, mysqlUsers+"User = ? AND JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')", a.User)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(dual, func(u backendUser) bool { return u.user == a.User && u.host == a.Host && u.marker == a.Mapping })
	if at < 0 {
		return nil
	}
	if _, err = q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+" DISCARD OLD PASSWORD"); err != nil {
		return unavailable("drop the second password of account "+a.String(), err)
	}
	return d.mark(ctx, q, dual[at], a.Mapping) // it went with the second password
}

func (mysqlDialect) load(context.Context, querier, Account) error { return nil }

// embeddedDialect is MySQL's but for two things. The engine signs caching_sha2_password
// accounts in over TLS alone. And it takes ATTRIBUTE with CREATE USER only, so nobody can
// put it on an account that is there: that is the marker.
type embeddedDialect struct{ mysqlDialect }

const embeddedUsers = "SELECT User, Host, " + mysqlLabel + ", NULL, NULL FROM mysql.user WHERE "

func (d embeddedDialect) ready(ctx context.Context, q querier) error { return mysqlReady(ctx, q, d) }

func (embeddedDialect) byName(ctx context.Context, q querier, user string) ([]backendUser, error) {
	return selectUsers(ctx, q, embeddedUsers+"User = ?", user)
}

func (embeddedDialect) byMarker(ctx context.Context, q querier, mapping string) ([]backendUser, error) {
	return selectUsers(ctx, q, embeddedUsers+mysqlLabel+" = ?", mapping)
}

const embeddedPassword = " IDENTIFIED WITH mysql_native_password BY '%s'"

func (embeddedDialect) create(ctx context.Context, q querier, a Account, secret string) error {
	_, err := q.ExecContext(ctx, "CREATE USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(embeddedPassword, secret)+
		fmt.Sprintf(` ATTRIBUTE '{"midas": "%s"}'`, a.Mapping))
	return unavailableBut(secret, "create account "+a.String(), err)
}

func (embeddedDialect) mark(context.Context, querier, backendUser, string) error { return nil }

// The engine refuses everybody to write to schema mysql.
func (embeddedDialect) grant(ctx context.Context, q querier, a Account, privileges string) error {
	return grantAll(ctx, q, "", a, privileges)
}

func (embeddedDialect) confined(context.Context, querier, Account) (bool, error) { return true, nil }

func (embeddedDialect) setSecret(ctx context.Context, q querier, a Account, secret string) error {
	_, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(embeddedPassword, secret))
	return unavailableBut(secret, "set the secret of account "+a.String(), err)
}
