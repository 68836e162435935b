package account

import (
	"testing"

	"github.com/midas-mysql/midas"
)

// A user who changes the password locks nobody out, and keeps no other way in.
func TestReassert(t *testing.T) {
	changes := map[string][]string{
		"ALTER USER":                      {"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"},
		"SET PASSWORD":                    {"SET PASSWORD FOR %s = 'Mine-0wn'"},
		"expired":                         {"ALTER USER %s IDENTIFIED BY 'Mine-0wn' PASSWORD EXPIRE"},
		"expires":                         {"ALTER USER %s IDENTIFIED BY 'Mine-0wn' PASSWORD EXPIRE INTERVAL 1 DAY"},
		"options":                         {"ALTER USER %s IDENTIFIED BY 'Mine-0wn' REQUIRE NONE WITH MAX_USER_CONNECTIONS 7", "GRANT SELECT ON mysql.* TO %s"},
		"history":                         {"ALTER USER %s IDENTIFIED BY 'Mine-0wn' PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 365 DAY PASSWORD REQUIRE CURRENT"},
		"another way":                     {"ALTER USER %s IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('Mine-0wn')"},
		"another way, the password first": {"ALTER USER %s IDENTIFIED VIA mysql_native_password USING PASSWORD('Mine-0wn') OR unix_socket"},
		"two ways":                        {"ALTER USER %s IDENTIFIED VIA mysql_native_password USING PASSWORD('Mine-0wn') OR mysql_native_password USING PASSWORD('Second-0ne')"},
		"reloaded":                        {"SET PASSWORD FOR %s = 'Mine-0wn'", "FLUSH PRIVILEGES"},
	}
	of := map[string]string{ // where only one server has the words
		"SET PASSWORD": "mysql", "history": "mysql",
		"another way": "mariadb", "another way, the password first": "mariadb", "two ways": "mariadb", "reloaded": "mysql",
	}
	for name, statements := range changes {
		t.Run(name, func(t *testing.T) {
			onServers(t, func(t *testing.T, w *world) {
				if only := of[name]; only != "" && only != w.server.Dialect {
					return
				}
				s, user := w.store(), w.name("app")
				account := w.create(s, user, idA)
				w.replace(statements, user)
				if n := w.signIn(user, w.secret(s, account)); n == 0 {
					t.Fatal("the password was changed, and the secret still opens")
				}
				s.Forget(user)
				if got := w.lookup(s, user); len(got) != 1 || got[0] != account {
					t.Fatalf("Lookup = %v", got)
				}
				if err := reassert(t, s, account); err != nil {
					t.Fatal(err)
				}
				if n := w.signIn(user, w.secret(s, account)); n != 0 {
					t.Errorf("after Reassert the secret gives %d", n)
				}
				for _, password := range []string{"", "Mine-0wn", "Second-0ne"} {
					if n := w.signIn(user, password); n == 0 {
						t.Errorf("after Reassert password %q still opens", password)
					}
				}
				if got := w.lookup(s, user); len(got) != 1 || got[0] != account {
					t.Errorf("Lookup after Reassert = %v", got)
				}
			})
		})
	}
}

// A lock is somebody's will; Reassert is for passwords.
func TestReassertKeepsLocksAndGrants(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		w.replace([]string{"GRANT SELECT ON mysql.* TO %s", "ALTER USER %s ACCOUNT LOCK"}, user)
		if err := reassert(t, s, account); err != nil {
			t.Fatal(err)
		}
		if n := w.signIn(user, w.secret(s, account)); n == 0 || n == denied {
			t.Errorf("a locked account gives %d", n)
		}
		w.replace([]string{"ALTER USER %s ACCOUNT UNLOCK"}, user)
		if n := w.signIn(user, w.secret(s, account)); n != 0 {
			t.Errorf("unlocked: %d", n)
		}
		if grants := w.query("SHOW GRANTS FOR " + quoteAccount(user, "%")); len(grants) != 2 {
			t.Errorf("grants: %q", grants)
		}
	})
}

// An account without its marker is somebody else's, whatever it was.
func TestReassertRefuses(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		for name, a := range map[string]Account{
			"no account":          {User: w.name("nobody"), Host: "%"},
			"no marker":           {User: user, Host: "%", ServerID: account.ServerID, Generation: account.Generation},
			"another row's":       {User: user, Host: "%", Mapping: idB},
			"another host":        {User: user, Host: "localhost", Mapping: account.Mapping},
			"of root":             {User: "root", Host: "%", Mapping: account.Mapping},
			"quotes in its words": {User: "a'`\"", Host: "'`", Mapping: "' OR 1=1 -- "},
		} {
			if err := reassert(t, s, a); midas.CodeOf(err) != midas.Forbidden {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := w.lookup(s, user); len(got) != 1 || got[0] != account {
			t.Errorf("Lookup = %v", got)
		}
		if w.mysql() {
			w.replace([]string{`ALTER USER %s IDENTIFIED BY 'Mine-0wn' ATTRIBUTE '{"midas": null}'`}, user) // the marker goes with it
		} else {
			w.exec("UPDATE mysql.global_priv SET Priv = JSON_REMOVE(Priv, '$.midas') WHERE User = ?", user)
			w.replace([]string{"FLUSH PRIVILEGES", "ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, user)
		}
		expect(t, reassert(t, s, account), midas.Forbidden, denied)
		w.wantUnproven(s, account, "Mine-0wn")
	})
}

// Between the check and the change somebody may put another account in the place. On
// MySQL it then has a secret that proves nothing any more.
func TestReassertMeetsReplacement(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		s.db = w.faulty(&fault{
			text:   map[string]string{"mysql": "ALTER USER", "mariadb": "UPDATE mysql.global_priv"}[w.server.Dialect],
			before: func() { w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Its-0wn'"}, user) },
		})
		expect(t, reassert(t, s, account), midas.Forbidden, denied)
		password := "Its-0wn"
		if w.mysql() {
			password = w.secret(s, account)
		}
		w.wantUnproven(s, account, password)
	})
}

func TestRotate(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, other, user := w.store(), w.store(), w.name("app")
		before := w.create(s, user, idA)
		w.lookup(other, user) // remembered there
		if err := s.Rotate(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		after := w.lookup(s, user)[0]
		if after.Generation != before.Generation+1 || after.Mapping != before.Mapping {
			t.Errorf("%+v became %+v", before, after)
		}
		if old, new := w.signIn(user, w.secret(s, before)), w.signIn(user, w.secret(s, after)); old != denied || new != 0 {
			t.Errorf("the old secret gives %d, the new one %d", old, new)
		}
		// The other gateway knows the old one, is refused, reasserts and looks again.
		stale := w.lookup(other, user)[0]
		if stale != before {
			t.Fatalf("%+v", stale)
		}
		if err := reassert(t, other, stale); err != nil {
			t.Fatal(err)
		}
		if fresh := w.lookup(other, user)[0]; fresh != after || w.signIn(user, w.secret(other, fresh)) != 0 {
			t.Errorf("%+v", fresh)
		}
		// Again, from what is stale: the generation never goes back.
		if err := s.Rotate(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		if last := w.lookup(s, user)[0]; last.Generation != before.Generation+2 || w.signIn(user, w.secret(s, last)) != 0 {
			t.Errorf("%+v", last)
		}
	})
}
