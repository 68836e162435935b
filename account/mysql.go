package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// mysqlDialect marks accounts with one more key of the JSON document in
// mysql.user.User_attributes, beside the keys that statements can write: ATTRIBUTE, which
// is there too, can be changed and copied by any user who may CREATE USER. The server carries
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
var mysqlUsers = "SELECT " + clipped("RTRIM(User)", "RTRIM(Host)", mysqlMarker, mysqlLabel, "authentication_string") + ", " +
	"RTRIM(plugin) = 'caching_sha2_password' AND password_expired = 'N' AND NOT COALESCE(JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password'), 0), " +
	"account_locked = 'Y', COALESCE(JSON_CONTAINS_PATH(User_attributes, 'one', '$.midas_locked'), 0), " +
	"COALESCE(Password_require_current, 'N') = 'Y' AND COALESCE(password_lifetime, 1) = 0 FROM mysql.user WHERE "

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

func (mysqlDialect) all(ctx context.Context, q querier, server, self string) ([]backendUser, error) {
	return selectUsers(ctx, q, mysqlUsers+mysqlMarker+" IS NOT NULL OR "+mysqlLabel+" IS NOT NULL OR User = ? OR User IN ("+rowNames+")", self, server)
}

// The server's own rules about old passwords must not get in the way of a secret that
// nobody types. REQUIRE CURRENT keeps the owner of the account, who does not know the
// secret, from setting a password and, in the same statement, from taking the mark off. It
// does not bind those who may CREATE USER: midas, and administrators.
// Source: MySQL Reference Manual, "Password Verification-Required Policy".
const (
	mysqlBound    = " PASSWORD EXPIRE NEVER PASSWORD REQUIRE CURRENT"
	mysqlPassword = " IDENTIFIED WITH caching_sha2_password BY '%s' PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL 0 DAY" + mysqlBound
)

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

// armour has no need to do more: an owner who changes the password is refused, and anyone who
// may CREATE USER may drop the account too.
func (d mysqlDialect) armour(ctx context.Context, q querier, a Account, secret string) error {
	return d.setSecret(ctx, q, a, secret)
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

func (mysqlDialect) holds(u backendUser, secret string) bool {
	return u.plain && passwordIs(u.hash, secret)
}

func (mysqlDialect) bind(ctx context.Context, q querier, a Account) error {
	_, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+mysqlBound)
	return unavailable("keep "+a.String()+" from setting a password", err)
}

func (mysqlDialect) lock(ctx context.Context, q querier, a Account) error {
	return lockAccount(ctx, q, a.User, a.Host)
}

// suspend makes the note first: a lock without a note is somebody's will and stays, a note
// without a lock is completed by the next call.
func (mysqlDialect) suspend(ctx context.Context, q querier, u backendUser, _ string) error {
	return errors.Join(
		noteSuspended(ctx, q, "JSON_SET(COALESCE(User_attributes, JSON_OBJECT()), '$.midas_locked', CAST('true' AS JSON))", u),
		lockAccount(ctx, q, u.user, u.host),
	)
}

func (mysqlDialect) resume(ctx context.Context, q querier, u backendUser, _ string) error {
	if err := unlockAccount(ctx, q, u.user, u.host); err != nil {
		return err
	}
	return noteSuspended(ctx, q, "JSON_REMOVE(User_attributes, '$.midas_locked')", u)
}

func noteSuspended(ctx context.Context, q querier, document string, u backendUser) error {
	_, err := q.ExecContext(ctx, "UPDATE mysql.user SET User_attributes = "+document+" WHERE User = ? AND Host = ? AND authentication_string = ?",
		u.user, u.host, u.hash)
	return unavailable("note on account "+quoteAccount(u.user, u.host)+" that midas locked it", err)
}

// endSessions asks for the connections of the user name: the host of the account is a
// pattern, that of a connection is not.
//
// A connection has read the account, with its password of then, when it begins to sign in, and
// has no name before it has. A client that stops in between, and goes on when the password was
// taken back or the account was dropped, would be let in, and stay. So those that are signing
// in now are waited for, and ended when they take too long.
func (mysqlDialect) endSessions(ctx context.Context, q querier, a Account) error {
	const unnamed = "unauthenticated user"
	named, err := connectionsOf(ctx, q, a.User)
	if err != nil {
		return err
	}
	halfway, err := connectionsOf(ctx, q, unnamed)
	if err != nil {
		return err
	}
	err = kill(ctx, q, named)
	left, failed := awaitEnd(ctx, q, halfway, unnamed)
	err = errors.Join(err, failed, kill(ctx, q, left))
	now, failed := connectionsOf(ctx, q, a.User)
	now = slices.DeleteFunc(now, func(id uint64) bool { return !slices.Contains(halfway, id) })
	err = errors.Join(err, failed, kill(ctx, q, now))
	_, failed = awaitEnd(ctx, q, append(named, now...), a.User)
	return unavailable("end the sessions of "+a.String(), errors.Join(err, failed))
}

const (
	endFor   = time.Second
	endAfter = 20 * time.Millisecond
)

// awaitEnd waits until no connection of ids has that user name any more, and returns those that
// still have.
func awaitEnd(ctx context.Context, q querier, ids []uint64, user string) (left []uint64, err error) {
	left = slices.Clone(ids)
	for until := time.Now().Add(endFor); len(left) > 0; {
		now, err := connectionsOf(ctx, q, user)
		if err != nil {
			return left, err
		}
		left = slices.DeleteFunc(left, func(id uint64) bool { return !slices.Contains(now, id) })
		if len(left) == 0 || time.Now().After(until) {
			break
		}
		select {
		case <-time.After(endAfter):
		case <-ctx.Done():
			return left, ctx.Err()
		}
	}
	return left, nil
}

// connectionsOf returns the connections whose user signed in with that name, exactly. While a
// session runs a stored program in its definer's name, the list of processes has that one's,
// and the session would be left out: the other list goes on having its own. That one is empty
// where performance_schema is off, and a server may keep it from midas's user.
func connectionsOf(ctx context.Context, q querier, user string) (ids []uint64, err error) {
	ids, err = readIDs(ctx, q, "SELECT ID FROM information_schema.PROCESSLIST WHERE CAST(USER AS BINARY) = CAST(? AS BINARY)", user)
	if err != nil {
		return nil, unavailable("list the sessions of an account", err)
	}
	more, err := readIDs(ctx, q, "SELECT PROCESSLIST_ID FROM performance_schema.threads "+
		"WHERE PROCESSLIST_ID IS NOT NULL AND CAST(PROCESSLIST_USER AS BINARY) = CAST(? AS BINARY)", user)
	if refused := new(mysql.MySQLError); err != nil && !errors.As(err, &refused) {
		return nil, unavailable("list the sessions of an account", err)
	}
	ids = append(ids, more...)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func readIDs(ctx context.Context, q querier, query, user string) (ids []uint64, err error) {
	rows, err := q.QueryContext(ctx, query, user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id uint64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// kill ends connections, of which some may have ended by themselves.
func kill(ctx context.Context, q querier, ids []uint64) error {
	var failed []error
	for _, id := range ids {
		_, err := q.ExecContext(ctx, "KILL "+strconv.FormatUint(id, 10))
		if refused := new(mysql.MySQLError); errors.As(err, &refused) && refused.Number == mysqlerr.NoSuchThread {
			continue
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// remembers: caching_sha2_password looks at what it remembers first, and notes that at the end
// of a sign-in.
func (mysqlDialect) remembers() bool { return true }

func (mysqlDialect) load(context.Context, querier, Account) error { return nil }
