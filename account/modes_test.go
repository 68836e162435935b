package account

import (
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// What an operator may have set for every session of the backend, and so for ours.
var sessions = map[string][]string{
	"mysql": {
		"sql_mode=''", "sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "sql_mode='PAD_CHAR_TO_FULL_LENGTH'",
		"sql_mode='ANSI,TRADITIONAL,HIGH_NOT_PRECEDENCE,NO_ENGINE_SUBSTITUTION,PAD_CHAR_TO_FULL_LENGTH'",
		"interpolateParams=true&sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'",
		"collation=utf8mb4_unicode_ci", "transaction_isolation='SERIALIZABLE'", "interpolateParams=true",
		"print_identified_with_as_hex=ON", "sql_safe_updates=1", "default_storage_engine='MyISAM'",
	},
	"mariadb": {
		"sql_mode=''", "sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "sql_mode='PAD_CHAR_TO_FULL_LENGTH'",
		"sql_mode='ANSI,TRADITIONAL,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH'",
		"interpolateParams=true&sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'",
		"sql_mode='ORACLE'", "sql_mode='ORACLE,EMPTY_STRING_IS_NULL'", "sql_mode='MSSQL'", "sql_mode='MAXDB'",
		"collation=utf8mb4_unicode_ci", "tx_isolation='SERIALIZABLE'", "interpolateParams=true",
		"old_mode=''", "sql_safe_updates=1", "default_storage_engine='MyISAM'",
	},
}

func TestHostileSessions(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		for i, params := range sessions[w.server.Dialect] {
			t.Run(params, func(t *testing.T) {
				cfg := w.config("first")
				cfg.DB = w.pool(params)
				s, user := w.open(cfg), string(rune('a'+i))+"\\`o'n\"é"+w.tag
				account := w.create(s, user, idA)
				if n := w.signIn(user, w.secret(s, account)); n != 0 {
					t.Errorf("signing in: %d", n)
				}
				if got := w.lookup(s, user); len(got) != 1 || got[0] != account {
					t.Errorf("Lookup = %v", got)
				}
				if rows := w.rows(user); len(rows) != 1 {
					t.Fatalf("Lookup took a standing account for a dropped one: rows %v", rows)
				}
				w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
				if err := reassert(t, s, account); err != nil || w.signIn(user, s.Secret(account)) != 0 {
					t.Errorf("Reassert: %v", err)
				}
				if err := s.Rotate(t.Context(), account); err != nil {
					t.Errorf("Rotate: %v", err)
				}
				w.exec("RENAME USER " + quoteAccount(user, "%") + " TO " + quoteAccount("x"+user, "%"))
				if got := w.lookup(s, "x"+user); len(got) != 1 || got[0].ID != idA {
					t.Errorf("after RENAME USER: %v", got)
				}
				w.exec("DROP USER " + quoteAccount("x"+user, "%"))
				s.Forget("x" + user)
				if got := w.lookup(s, "x"+user); len(got) != 0 || len(w.rows("x"+user)) != 0 {
					t.Errorf("after DROP USER: %v", got)
				}
				w.dir.objects = []midas.DirectoryObject{{Kind: midas.KindUser, ObjectID: personID, Name: "dba"}}
				a := w.admin(s, w.name("admin"), personID)
				w.advance(time.Minute)
				if again := w.admin(s, w.name("admin"), personID); again != a || w.signIn(a.User, w.secret(s, a)) != 0 {
					t.Errorf("the administrator %+v became %+v", a, again)
				}
			})
		}
	})
}

// MariaDB makes an account without password when GRANT names none, unless the SQL mode
// forbids it. The administrator's may be dropped by somebody just before.
func TestGrantMakesNobody(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("ghost")
		err := s.dialect.grant(t.Context(), w.pool("sql_mode=''"), Account{User: user, Host: "%"}, "SELECT")
		expect(t, err, midas.Unavailable, 1105)
		if accounts := w.hosts(user); len(accounts) != 0 {
			t.Errorf("an account at %v", accounts)
		}
	})
}

// The server's rules about people's passwords are for people.
func TestPasswordRules(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		global := func(name, value string) {
			was := w.query("SELECT @@GLOBAL." + name)[0]
			w.exec("SET GLOBAL " + name + " = " + value)
			t.Cleanup(func() { w.exec("SET GLOBAL " + name + " = " + was) })
		}
		global("default_password_lifetime", "1")
		if w.mysql() {
			w.exec("INSTALL COMPONENT 'file://component_validate_password'")
			t.Cleanup(func() { w.exec("UNINSTALL COMPONENT 'file://component_validate_password'") })
			w.exec("SET GLOBAL validate_password.policy = MEDIUM")
			global("password_history", "5")
			global("password_reuse_interval", "365")
			global("password_require_current", "ON")
		}
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		check := func(when string, lifetime string) {
			t.Helper()
			if n := w.signIn(user, w.secret(s, account)); n != 0 {
				t.Errorf("%s: signing in gives %d", when, n)
			}
			if got := w.query(map[string]string{
				"mysql":   "SELECT IFNULL(password_lifetime, 'the server''s') FROM mysql.user WHERE User = ?",
				"mariadb": "SELECT IFNULL(JSON_VALUE(Priv, '$.password_lifetime'), 'the server''s') FROM mysql.global_priv WHERE User = ?",
			}[w.server.Dialect], user); got[0] != lifetime {
				t.Errorf("%s: its password lasts %s days", when, got[0])
			}
		}
		check("made", "0")
		for range 2 { // the same password again, which password history would refuse
			w.exec("ALTER USER " + quoteAccount(user, "%") + " PASSWORD EXPIRE DEFAULT")
			if err := reassert(t, s, account); err != nil {
				t.Fatal(err)
			}
			check("reasserted", "0")
			w.advance(reassertEvery)
		}
		if err := s.Rotate(t.Context(), account); err != nil {
			t.Errorf("Rotate: %v", err)
		}
		account = w.lookup(s, user)[0]
		check("rotated", "0")
	})
}

// Errors are read by people and written to logs. A server repeats what it cannot read.
func TestFailingStatementsShowNoSecret(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		a := Account{ServerID: s.server, User: user, Host: "%", Generation: 1, Mapping: idA}
		secret := w.secret(s, a)
		poor := w.poor("poor", "SELECT, RELOAD")
		dead := w.pool("")
		dead.Close()
		for name, db := range map[string]querier{"no privilege": poor, "no connection": dead, "no such account": w.root} {
			for _, d := range dialects { // each in the other's words too
				errs := map[string]error{"set": d.setSecret(t.Context(), db, a, secret)}
				if name != "no such account" {
					errs["create"] = d.create(t.Context(), db, a, secret)
				}
				for what, err := range errs {
					if err != nil && (strings.Contains(err.Error(), secret[:8]) || strings.Contains(err.Error(), nativeHash(secret)[:8])) {
						t.Errorf("%s, %s: %v", name, what, err)
					}
					if err == nil && name != "no such account" {
						t.Errorf("%s, %s: no error", name, what)
					}
				}
			}
		}
		if !w.mysql() {
			// This is the error that repeats the statement.
			err := mysqlDialect{}.setSecret(t.Context(), w.root, a, secret)
			if err == nil || !strings.Contains(err.Error(), "1064") || !strings.Contains(err.Error(), "…") {
				t.Errorf("%v", err)
			}
		}
	})
}
