package account

import (
	"context"
	"fmt"
)

// embeddedDialect is MySQL's but for two things. The engine signs caching_sha2_password
// accounts in over TLS alone. And it takes ATTRIBUTE with CREATE USER only, so nobody can
// put it on an account that is there: that is the marker.
type embeddedDialect struct{ mysqlDialect }

// What the engine has no words for is taken for done: it has no PASSWORD REQUIRE CURRENT,
// and locks no account after CREATE USER. It listens to the gateway alone, which refuses the
// accounts that are not to open.
const embeddedUsers = "SELECT User, Host, " + mysqlLabel + ", NULL, authentication_string, plugin = 'mysql_native_password', 1, 0, 1 FROM mysql.user WHERE "

func (d embeddedDialect) ready(ctx context.Context, q querier) error { return mysqlReady(ctx, q, d) }

func (embeddedDialect) byName(ctx context.Context, q querier, user string) ([]backendUser, error) {
	return selectUsers(ctx, q, embeddedUsers+"User = ?", user)
}

func (embeddedDialect) byMarker(ctx context.Context, q querier, mapping string) ([]backendUser, error) {
	return selectUsers(ctx, q, embeddedUsers+mysqlLabel+" = ?", mapping)
}

func (embeddedDialect) all(ctx context.Context, q querier, server, self string) ([]backendUser, error) {
	return selectUsers(ctx, q, embeddedUsers+mysqlLabel+" IS NOT NULL OR User = ? OR User IN ("+rowNames+")", self, server)
}

func (embeddedDialect) holds(u backendUser, secret string) bool {
	return u.plain && u.hash == nativeHash(secret)
}

func (embeddedDialect) bind(context.Context, querier, Account) error                { return nil }
func (embeddedDialect) lock(context.Context, querier, Account) error                { return nil }
func (embeddedDialect) suspend(context.Context, querier, backendUser, string) error { return nil }
func (embeddedDialect) resume(context.Context, querier, backendUser, string) error  { return nil }
func (embeddedDialect) endSessions(context.Context, querier, Account) error         { return nil }
func (embeddedDialect) remembers() bool                                             { return false }

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

func (d embeddedDialect) armour(ctx context.Context, q querier, a Account, secret string) error {
	return d.setSecret(ctx, q, a, secret)
}

func (embeddedDialect) setSecret(ctx context.Context, q querier, a Account, secret string) error {
	_, err := q.ExecContext(ctx, "ALTER USER "+quoteAccount(a.User, a.Host)+fmt.Sprintf(embeddedPassword, secret))
	return unavailableBut(secret, "set the secret of account "+a.String(), err)
}
