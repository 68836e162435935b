package account

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/midas-mysql/midas"
)

// mariadbDialect marks accounts with one more key of their JSON document in
// mysql.global_priv. One INSERT makes account and marker together, so a crash cannot
// leave an account without its marker, and neither statement shows the secret.
// Source: MariaDB documentation, "mysql.global_priv Table".
type mariadbDialect struct{}

const (
	mariadbMarker = "JSON_VALUE(Priv, '$.midas')"
	// An armoured account has two ways in, and nothing opens the first. SET PASSWORD changes
	// that one.
	mariadbArmoured = "JSON_LENGTH(Priv, '$.auth_or') = 2 AND JSON_LENGTH(Priv, '$.auth_or[0]') = 0 " +
		"AND JSON_VALUE(Priv, '$.authentication_string') = '" + mariadbOpensNever + "' AND JSON_VALUE(Priv, '$.auth_or[1].plugin') = 'mysql_native_password'"
	mariadbOpensNever = "invalid" // no hash of any password
	// midas dates its passwords to a second that no server comes to. One that was changed and
	// put back, from the hash that everyone is shown of their own, has a date of the server's:
	// those who signed in with it meanwhile are to go. Every account may SET timestamp to what
	// it likes from 1970 to 2106, and that is the date of its changes then.
	mariadbDate  = "1099511627776"
	mariadbDated = "COALESCE(JSON_VALUE(Priv, '$.midas_dated') = '" + mariadbDate + "', 0)"
	mariadbKept  = "(NOT " + mariadbDated + " OR JSON_VALUE(Priv, '$.password_last_changed') = '" + mariadbDate + "')"
	setDate      = "'$.password_last_changed', " + mariadbDate + ", '$.midas_dated', " + mariadbDate
	// JSON_VALUE of true is 1.
	mariadbHash  = "COALESCE(JSON_VALUE(Priv, '$.auth_or[1].authentication_string'), JSON_VALUE(Priv, '$.authentication_string'))"
	mariadbState = "JSON_VALUE(Priv, '$.plugin') = 'mysql_native_password' AND NOT JSON_EXISTS(Priv, '$.midas_unloaded') " +
		"AND (NOT JSON_EXISTS(Priv, '$.auth_or') OR " + mariadbArmoured + ") AND " + mariadbKept + ", " +
		"COALESCE(JSON_VALUE(Priv, '$.account_locked'), '0') = '1', COALESCE(JSON_VALUE(Priv, '$.midas_locked'), '0') = '1', " +
		mariadbDated + " AND COALESCE(JSON_VALUE(Priv, '$.password_lifetime'), '-1') = '0' " +
		"FROM mysql.global_priv WHERE "
)

var mariadbUsers = "SELECT " + clipped("RTRIM(User)", "RTRIM(Host)", mariadbMarker, "NULL", mariadbHash) + ", " + mariadbState

func (d mariadbDialect) ready(ctx context.Context, q querier) error {
	version, err := readVersion(ctx, q)
	if err != nil {
		return err
	}
	if _, err := mariadbVersionID(version); err != nil {
		return err
	}
	if _, err := d.byName(ctx, q, ""); err != nil {
		return midas.Errorf(midas.Unavailable, "the accounts of the backend (version %s) cannot be read: %w", version, err).
			WithHint("MariaDB 10.4 or later is needed, and a backend user that may read and write schema mysql")
	}
	return nil
}

// mariadbVersionID is the number that the server notes in each account, such as 101119.
func mariadbVersionID(version string) (int, error) {
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n != 3 {
		return 0, midas.Errorf(midas.Invalid, "the backend says version %q, which is none of MariaDB", version)
	}
	return major*10000 + minor*100 + patch, nil
}

func (mariadbDialect) byName(ctx context.Context, q querier, user string) ([]backendUser, error) {
	// A role may have the name of a user, and is never signed in as.
	return selectUsers(ctx, q, mariadbUsers+"User = ? AND COALESCE(JSON_VALUE(Priv, '$.is_role'), '0') <> '1'", user)
}

func (mariadbDialect) byMarker(ctx context.Context, q querier, mapping string) ([]backendUser, error) {
	return selectUsers(ctx, q, mariadbUsers+mariadbMarker+" = ?", mapping)
}

func (mariadbDialect) all(ctx context.Context, q querier, server, self string) ([]backendUser, error) {
	return selectUsers(ctx, q, mariadbUsers+mariadbMarker+" IS NOT NULL OR User = ? OR User IN ("+rowNames+")", self, server)
}

func (mariadbDialect) create(ctx context.Context, q querier, a Account, secret string) error {
	version, err := readVersion(ctx, q)
	if err != nil {
		return err
	}
	id, err := mariadbVersionID(version)
	if err != nil {
		return err
	}
	document, err := json.Marshal(map[string]any{
		"access": 0, "version_id": id,
		"plugin": "mysql_native_password", "authentication_string": nativeHash(secret),
		"password_lifetime": 0, // never expires: nobody types it
		"midas":             a.Mapping, "midas_dated": json.Number(mariadbDate), "password_last_changed": json.Number(mariadbDate),
	})
	if err != nil {
		return midas.Errorf(midas.Internal, "encode account %s: %w", a, err)
	}
	if _, err := q.ExecContext(ctx, "INSERT INTO mysql.global_priv (Host, User, Priv) VALUES (?, ?, ?)",
		a.Host, a.User, string(document)); err != nil {
		return unavailable("create account "+a.String(), err)
	}
	return flushPrivileges(ctx, q)
}

// mark has nothing to do: no statement takes the marker off, or puts it on.
func (mariadbDialect) mark(context.Context, querier, backendUser, string) error { return nil }

// setSecret notes in the account that the server may not have loaded it, until it has: a
// gateway that crashes in between would leave the former password open behind a table that
// says otherwise.
func (mariadbDialect) setSecret(ctx context.Context, q querier, a Account, secret string) error {
	if err := changeMarked(ctx, q, "JSON_SET(JSON_REMOVE(Priv, '$.auth_or'), "+
		"'$.plugin', 'mysql_native_password', '$.authentication_string', ?, "+
		setDate+", '$.password_lifetime', 0, '$.midas_unloaded', true)",
		a.User, a.Host, a.Mapping, nativeHash(secret)); err != nil {
		return err
	}
	if err := flushPrivileges(ctx, q); err != nil {
		return err
	}
	return changeMarked(ctx, q, "JSON_REMOVE(Priv, '$.midas_unloaded')", a.User, a.Host, a.Mapping)
}

// armour is one statement that changes table and server at once: between a change of the
// table and the reload, SET PASSWORD would write back what the server still has. As on
// MySQL it cannot be done on condition, so the caller looks at the marker afterwards. It
// costs each sign-in one more exchange, until the secret is set the next time.
func (d mariadbDialect) armour(ctx context.Context, q querier, a Account, secret string) error {
	const way = "mysql_native_password USING "
	_, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+" IDENTIFIED VIA "+
		way+"'"+mariadbOpensNever+"' OR "+way+"'"+nativeHash(secret)+"'")
	if err != nil {
		return unavailableBut(nativeHash(secret), "set the secret of account "+a.String(), err)
	}
	// The account's owner can close the first way in again as midas does.
	return d.date(ctx, q, a)
}

// holds compares with what mysql_native_password stores, which is the same for the same secret.
func (mariadbDialect) holds(u backendUser, secret string) bool {
	return u.plain && u.hash == nativeHash(secret)
}

// bind dates the password of an account that an earlier midas made, so that a change can be
// told. MariaDB lets every account change its own password with SET PASSWORD, and with GRANT
// … IDENTIFIED BY when it may grant something. Sweep undoes it.
//
// Nor does it end, whatever an administrator says.
func (d mariadbDialect) bind(ctx context.Context, q querier, a Account) error {
	if _, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+" PASSWORD EXPIRE NEVER"); err != nil {
		return unavailable("keep the password of "+a.String()+" from expiring", err)
	}
	return d.date(ctx, q, a)
}

func (mariadbDialect) date(ctx context.Context, q querier, a Account) error {
	return changeMarked(ctx, q, "JSON_SET(Priv, "+setDate+")", a.User, a.Host, a.Mapping)
}

func (mariadbDialect) lock(ctx context.Context, q querier, a Account) error {
	return lockAccount(ctx, q, a.User, a.Host)
}

// suspend makes the note first: a lock without a note is somebody's will and stays, a note
// without a lock is completed by the next call. ALTER USER needs no reload.
func (mariadbDialect) suspend(ctx context.Context, q querier, u backendUser, mapping string) error {
	if err := changeMarked(ctx, q, "JSON_SET(Priv, '$.midas_locked', true)", u.user, u.host, mapping); err != nil {
		return err
	}
	return lockAccount(ctx, q, u.user, u.host)
}

func (mariadbDialect) resume(ctx context.Context, q querier, u backendUser, mapping string) error {
	if err := unlockAccount(ctx, q, u.user, u.host); err != nil {
		return err
	}
	return changeMarked(ctx, q, "JSON_REMOVE(Priv, '$.midas_locked')", u.user, u.host, mapping)
}

// changeMarked changes the document of an account that carries the marker: the test and the
// change are one statement.
func changeMarked(ctx context.Context, q querier, document, user, host, mapping string, args ...any) error {
	_, err := q.ExecContext(ctx, "UPDATE mysql.global_priv SET Priv = "+document+" WHERE User = ? AND Host = ? AND "+mariadbMarker+" = ?",
		append(args, user, host, mapping)...)
	return unavailable("change account "+quoteAccount(user, host), err)
}

// endSessions ends those that are signing in, too: they have their name from the beginning.
func (mariadbDialect) endSessions(ctx context.Context, q querier, a Account) error {
	named, err := connectionsOf(ctx, q, a.User)
	if err != nil {
		return err
	}
	// With a host it would take the pattern for the name of one.
	if _, err := q.ExecContext(ctx, "KILL USER "+quoteName(a.User)); err != nil {
		return unavailable("end the sessions of "+a.String(), err)
	}
	// It takes the name in which a session runs a stored program for the session's own.
	if err := kill(ctx, q, named); err != nil {
		return unavailable("end the sessions of "+a.String(), err)
	}
	_, err = awaitEnd(ctx, q, named, a.User) // until then they do what they are at
	return err
}

func (mariadbDialect) remembers() bool { return false }

// load reloads the accounts if this one is not loaded: a crash may have come between
// making it and that, and until then nobody can sign in as it or GRANT to it.
func (mariadbDialect) load(ctx context.Context, q querier, a Account) error {
	rows, err := q.QueryContext(ctx, "SHOW GRANTS FOR "+quoteAccount(a.User, a.Host))
	if err == nil {
		for rows.Next() { // the error comes after the head of the result
		}
		err = rows.Err()
		_ = rows.Close()
	}
	if err == nil {
		return nil
	}
	return flushPrivileges(ctx, q)
}

// grant sets the SQL mode too: without NO_AUTO_CREATE_USER, a GRANT to an account that
// was dropped this moment would make one without password.
func (mariadbDialect) grant(ctx context.Context, q querier, a Account, privileges string) error {
	const prefix = "SET STATEMENT sql_mode = 'NO_AUTO_CREATE_USER' FOR "
	if err := grantAll(ctx, q, prefix, a, privileges); err != nil {
		return err
	}
	// Privileges on a database that MySQL does not have, the second since MariaDB 11.3. Who
	// lacks one may not GRANT ALL on a database, and midas's own user may lack it, too.
	for _, privilege := range []string{"DELETE HISTORY", "SHOW CREATE ROUTINE"} {
		_ = grantAll(ctx, q, prefix, a, privilege)
	}
	return nil
}

// confined: what is granted on everything is granted on schema mysql too.
func (mariadbDialect) confined(context.Context, querier, Account) (bool, error) { return true, nil }

func flushPrivileges(ctx context.Context, q querier) error {
	_, err := q.ExecContext(ctx, "FLUSH PRIVILEGES")
	return unavailable("make the backend reload its accounts", err)
}
