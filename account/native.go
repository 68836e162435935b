package account

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// The plugins by which an account proves itself with a password that it was given.
const nativePlugins = "('mysql_native_password', 'caching_sha2_password')"

// nativesAtOnce is how many connections of the pool names of strangers are looked up with:
// the rest are for accounts that a token has proved.
const nativesAtOnce = 2

// nativeUser is an account that somebody else made, as far as a gateway must know it.
type nativeUser struct {
	host string
	// ours is true for an account that midas made, for whichever server.
	ours bool
	// password is true when the account is proved by a password that is not empty, and by
	// nothing else. An account that the system's own user may be, or that has no password,
	// would open to anyone who reaches the gateway.
	password bool
}

// Native returns the host patterns of the accounts of that name that midas did not make,
// if each of them is proved by a password and none is an AADUSER, or stands in the place of
// one (see Unproven): of any server, since several may share the backend. Otherwise it
// returns none: nobody signs in as such a name with a password. Nor as the store's own
// user, who may do everything: its password is for midas alone and not for guessing at an
// open door. Errors are Unavailable.
//
// Strangers choose the names. Those who ask for the same one at a time share an answer, and
// all of them use few of the pool's connections. Answers are not remembered: an account
// that needs no password from now on must not be open for as long as that.
func (s *Store) Native(ctx context.Context, user string) (hosts []string, err error) {
	if checkUserName(user) != nil || slices.Contains(s.service, user) {
		return nil, nil
	}
	flight := s.natives.DoChan(user, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		select {
		case s.nativeTurns <- struct{}{}:
			defer func() { <-s.nativeTurns }()
			return s.native(ctx, user)
		case <-ctx.Done():
			return nil, unavailable("look up the account '"+user+"'", ctx.Err())
		}
	})
	select {
	case <-ctx.Done():
		return nil, unavailable("look up the account '"+user+"'", ctx.Err())
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return slices.Clone(r.Val.([]string)), nil
	}
}

func (s *Store) native(ctx context.Context, user string) (hosts []string, err error) {
	// A row that was lost on the backend is still one: or anyone who may delete rows would make
	// an AADUSER that lost its mark a native account.
	if len(s.copies.of(user)) > 0 {
		return nil, nil
	}
	// Also a row that midas did not write: it may be one of another midas on this backend.
	rows, err := readRows(ctx, s.db, "`user` = ?", user)
	if err != nil || len(rows) > 0 {
		return nil, err
	}
	users, err := s.dialect.native(ctx, s.db, user)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if u.ours || !u.password {
			return nil, nil
		}
		hosts = append(hosts, u.host)
	}
	return hosts, nil
}

// serviceNames are the names of the user that q is signed in as: the one it gave and the
// one of the account that it got, whatever their hosts. That account is self.
func serviceNames(ctx context.Context, q querier) (names []string, self backendUser, err error) {
	rows, err := q.QueryContext(ctx, "SELECT USER(), CURRENT_USER()")
	if err != nil {
		return nil, self, unavailable("ask the backend who midas is there", err)
	}
	defer rows.Close()
	for rows.Next() {
		var given, got string
		if err := rows.Scan(&given, &got); err != nil {
			return nil, self, unavailable("ask the backend who midas is there", err)
		}
		for _, account := range []string{given, got} {
			at := max(0, strings.LastIndex(account, "@"))
			names = append(names, account[:at])
			self = backendUser{user: account[:at], host: strings.TrimPrefix(account[at:], "@")}
		}
	}
	return names, self, unavailable("ask the backend who midas is there", rows.Err())
}

// selectNative runs a query for user, host, marker and whether there is a password.
func selectNative(ctx context.Context, q querier, query, user string) ([]nativeUser, error) {
	rows, err := q.QueryContext(ctx, query, user)
	if err != nil {
		return nil, unavailable("read the backend's accounts", err)
	}
	defer rows.Close()
	var out []nativeUser
	var read answer
	for rows.Next() {
		var name, host, marker sql.NullString
		var password sql.NullBool
		if err := rows.Scan(&name, &host, &marker, &password); err != nil {
			return nil, unavailable("read the backend's accounts", err)
		}
		if !read.fits(name, host) {
			return nil, unavailable("read the backend's accounts", errTooMany)
		}
		if name.String == user { // the server ignores trailing spaces, we do not
			out = append(out, nativeUser{host.String, marker.String != "", password.Bool})
		}
	}
	return out, unavailable("read the backend's accounts", rows.Err())
}

func (mysqlDialect) native(ctx context.Context, q querier, user string) ([]nativeUser, error) {
	return selectNative(ctx, q, "SELECT "+clipped("RTRIM(User)", "RTRIM(Host)", "COALESCE("+mysqlMarker+", "+mysqlLabel+")")+", "+
		"RTRIM(plugin) IN "+nativePlugins+" AND authentication_string <> '' FROM mysql.user WHERE User = ?", user)
}

// native takes an account with several ways in (auth_or) for one that needs no password:
// one of them may be the system's own user.
func (mariadbDialect) native(ctx context.Context, q querier, user string) ([]nativeUser, error) {
	return selectNative(ctx, q, "SELECT "+clipped("User", "Host", mariadbMarker)+", "+
		"JSON_VALUE(Priv, '$.plugin') IN "+nativePlugins+" AND JSON_VALUE(Priv, '$.authentication_string') <> '' "+
		"AND NOT JSON_EXISTS(Priv, '$.auth_or') AND COALESCE(JSON_VALUE(Priv, '$.is_role'), 'false') <> 'true' "+
		"FROM mysql.global_priv WHERE User = ?", user)
}
