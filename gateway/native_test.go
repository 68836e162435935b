package gateway_test

import (
	"fmt"
	"os/user"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/wire"
)

// nativeAccount makes an account of the backend's own.
func (w *world) nativeAccount(base, clause string) string {
	w.Helper()
	name := w.name(base)
	w.exec(w.backend.DB(), fmt.Sprintf("CREATE USER '%s'@'%%' %s", name, clause))
	w.Cleanup(func() { w.backend.DB().Exec(fmt.Sprintf("DROP USER '%s'@'%%'", name)) })
	return name
}

// plainRefusal is all that a stranger learns.
func (w *world) plainRefusal(err error, user string) {
	w.Helper()
	w.refused(err, 1045, "Access denied for user '"+user+"'@'127.0.0.1' (using password: YES)")
}

// TestNativeAccounts sign in with their own password until aad_auth_only is ON.
func TestNativeAccounts(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
		for _, asked := range []string{native, native + "@mydb"} {
			var who string
			w.must(w.open(asked, "Own-secret-1").QueryRow("SELECT CURRENT_USER()").Scan(&who))
			if got := w.lastSignIn(); who != native+"@%" || got.Outcome != midas.Admitted || got.Account != native || got.Principal.Issuer != "" {
				t.Errorf("CURRENT_USER() %q, audit record %+v", who, got)
			}
		}
		_, err := w.open(native, "Own-secret-1").Exec("CREATE AADUSER 'x' IDENTIFIED BY '11111111-1111-1111-1111-111111111111'")
		w.refused(err, 1227)
		err = w.open(native, "Own-secret-1", func(c *mysql.Config) { c.DBName = "no_such_database" }).Ping()
		w.refused(err, 1044)

		w.plainRefusal(w.open(native, "wrong").Ping(), native)
		w.plainRefusal(w.open("nobody", "Own-secret-1").Ping(), "nobody")
		w.plainRefusal(w.open(native+"@elsewhere", "Own-secret-1").Ping(), native+"@elsewhere")
		// A token is no password of a native account, and no word is said before it is verified.
		w.refused(w.open(native, w.token(w.admin)).Ping(), 1045, "there is no AADUSER")

		before, err := w.open(native, "Own-secret-1").Conn(t.Context())
		w.must(err)
		defer before.Close()
		w.set("aad_auth_only", "ON")
		w.eventually("the end of a session that was there before", func() bool {
			err = before.PingContext(t.Context())
			return err != nil
		})
		w.plainRefusal(w.open(native, "Own-secret-1").Ping(), native)
		w.set("aad_auth_only", "OFF")
		w.must(w.open(native, "Own-secret-1").Ping())
	})
}

func (w *world) set(parameter, value string) {
	w.Helper()
	_, err := w.directory.SetParameter(w.Context(), nil, tenantGroup, "mydb", parameter, value)
	w.must(err)
}

// TestAADUsersHaveNoPassword: whatever somebody set on the account.
func TestAADUsersHaveNoPassword(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		app, id := w.user("app")
		w.asAdmin()
		for _, user := range []string{app, w.name("admin")} {
			w.exec(w.backend.DB(), fmt.Sprintf("ALTER USER '%s'@'%%' IDENTIFIED BY 'Set-by-hand-1'", user))
			w.plainRefusal(w.open(user, "Set-by-hand-1").Ping(), user)
		}
		w.must(w.open(app, w.token(id)).Ping())
	})
}

// TestAccountsThatNeedNoPassword: the backend sees the gateway on its socket, as the
// user that midas runs as, and would let in any client that names such an account.
func TestAccountsThatNeedNoPassword(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for name, server := range map[string]func(testing.TB) *mysqltest.Server{"MariaDB": mysqltest.MariaDB, "MySQL 9.7": mysqltest.MySQL97} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			b, err := backend.External(t.Context(), backend.ExternalConfig{URL: "unix:" + s.Socket, Password: s.Password})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, b)
			clauses := []string{"IDENTIFIED VIA mysql_native_password USING PASSWORD('Own-secret-1') OR unix_socket"}
			if name == "MySQL 9.7" {
				if _, err := s.DB().Exec("INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'"); err != nil && !strings.Contains(err.Error(), "1125") {
					t.Fatal(err)
				}
				clauses = []string{"IDENTIFIED WITH auth_socket AS '" + me.Username + "'"}
			}
			for n, clause := range append(clauses, "") {
				account := w.nativeAccount(fmt.Sprintf("open%d", n), clause)
				w.plainRefusal(w.open(account, "Own-secret-1").Ping(), account)
				w.refused(w.open(account, "", inTheClear).Ping(), 1045, "no token received")
			}
			// The other way round the same socket does take a password.
			w.must(w.open(w.nativeAccount("closed", "IDENTIFIED BY 'Own-secret-1'"), "Own-secret-1").Ping())
		})
	}
}

func TestChangeUserToANativeAccount(t *testing.T) {
	w := oneBackend(t)
	app, id := w.user("app")
	native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
	c := w.signIn(app, w.token(id))
	for _, next := range []struct{ user, secret string }{{native, "Own-secret-1"}, {app, w.token(id)}} {
		// Some drivers name this plugin whatever they signed in with.
		c.changeUser(next.user, wire.PluginNative, next.secret)
		c.wantOK()
		if who := c.value("SELECT CURRENT_USER()"); who != next.user+"@%" {
			t.Errorf("signed in as %s", who)
		}
	}
	if got := w.lastSignIn(); got.Account != app+"@%" || got.Principal.ObjectID != id.PrincipalID {
		t.Errorf("audit record %+v", got)
	}
}

func TestNetworksOfHosts(t *testing.T) {
	w := newWorld(t, backends["MySQL 9.7"](t)) // MariaDB has no such hosts
	name := w.name("network")
	w.exec(w.backend.DB(), "CREATE USER '"+name+"'@'127.0.0.0/8' IDENTIFIED BY 'Own-secret-1'")
	t.Cleanup(func() { w.backend.DB().Exec("DROP USER '" + name + "'@'127.0.0.0/8'") })
	w.must(w.open(name, "Own-secret-1").Ping())
	w.exec(w.asAdmin(), fmt.Sprintf("CREATE AADUSER '%s'@'127.0.0.0/8' IDENTIFIED BY '%s'", w.name("app"), w.admin.ClientID))
	w.must(w.open(w.name("app"), w.token(w.admin)).Ping())
}
