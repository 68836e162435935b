package backend_test

import (
	"database/sql"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

type pool struct{ db *sql.DB }

func (p pool) DB() *sql.DB { return p.db }

// Two ways to one server are known to be that, on MySQL by its id and on MariaDB, which has none,
// by a lock; two servers are not.
func TestClaims(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			shared := mysqltest.MariaDB
			if dialect == "mysql" {
				shared = mysqltest.MySQL97
			}
			one, other := shared(t), mysqltest.Fresh(t, dialect)
			tcp, err := sql.Open("mysql", one.DSN)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { tcp.Close() })
			var claims backend.Claims
			for range 2 {
				if err := claims.Claim(t.Context(), "first", pool{one.DB()}); err != nil {
					t.Fatal(err)
				}
			}
			if err := claims.Claim(t.Context(), "second", pool{other.DB()}); err != nil {
				t.Errorf("another server: %v", err)
			}
			how := map[string]string{"mariadb": "a lock", "mysql": "server_uuid"}[dialect]
			for _, server := range []string{"second", "third"} {
				err := claims.Claim(t.Context(), server, pool{tcp})
				expect(t, err, midas.Conflict, "have the same backend ("+how)
			}
			claims.Release("first")
			if err := claims.Claim(t.Context(), "third", pool{tcp}); err != nil {
				t.Errorf("released: %v", err)
			}
			_ = tcp.Close()
			expect(t, claims.Claim(t.Context(), "third", pool{tcp}), midas.Unavailable, "ask the backend")
		})
	}
	var claims backend.Claims
	for server, s := range map[string]*mysqltest.Server{"first": mysqltest.MariaDB(t), "second": mysqltest.MySQL97(t)} {
		if err := claims.Claim(t.Context(), server, pool{s.DB()}); err != nil {
			t.Errorf("a MariaDB and a MySQL: %v", err)
		}
	}
}

// A MariaDB that does not answer, as its owner may have it, keeps no other server from its backend;
// one that may be it waits.
func TestClaimsBesideOneThatHangs(t *testing.T) {
	shared := mysqltest.MariaDB(t)
	gone, err := sql.Open("mysql", shared.DSN)
	if err != nil {
		t.Fatal(err)
	}
	var claims backend.Claims
	if err := claims.Claim(t.Context(), "first", pool{gone}); err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for server, s := range map[string]*mysqltest.Server{"mariadb": mysqltest.Fresh(t, "mariadb"), "mysql": mysqltest.MySQL97(t)} {
		if err := claims.Claim(t.Context(), server, pool{s.DB()}); err != nil {
			t.Errorf("another %s: %v", server, err)
		}
	}
	expect(t, claims.Claim(t.Context(), "second", pool{shared.DB()}), midas.Unavailable, "servers second and first have one backend")
}

// The members of a group are one backend, whatever their own ids.
func TestClaimsOfAGroup(t *testing.T) {
	group := []string{"--group-replication-group-name=cccccccc-0000-4000-8000-000000000003", "--plugin-load-add=group_replication.so"}
	one, other := mysqltest.Fresh(t, "mysql", group...), mysqltest.Fresh(t, "mysql", group...)
	var claims backend.Claims
	if err := claims.Claim(t.Context(), "first", pool{one.DB()}); err != nil {
		t.Fatal(err)
	}
	expect(t, claims.Claim(t.Context(), "second", pool{other.DB()}), midas.Conflict, "group_replication_group_name cccccccc-0000-4000-8000-000000000003")
}

// A server that is too old is refused, with the reason. A MariaDB may say that it has any version.
func TestOldServersAreRefused(t *testing.T) {
	for version, says := range map[string]string{
		"5.6.51-log":           "only available for MySQL 5.7 and newer",
		"4.1.22":               "only available for MySQL 5.7 and newer",
		"5.7.27":               "user attributes, which came with MySQL 8.0.21",
		"8.0.20-0ubuntu0.20":   "user attributes, which came with MySQL 8.0.21",
		"10.5.23-MariaDB-0+de": "from 10.6 on",
	} {
		s := mysqltest.Fresh(t, "mariadb", "--version="+version)
		_, err := backend.External(t.Context(), backend.ExternalConfig{URL: "unix:" + s.Socket, User: s.User, Password: s.Password})
		expect(t, err, midas.Invalid, says)
	}
}
