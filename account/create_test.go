package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/midas-mysql/midas"
)

const denied = 1045

func TestCreate(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		if got := w.lookup(s, user); len(got) != 0 {
			t.Fatalf("before: %v", got)
		}
		done, err := s.Create(t.Context(), CreateRequest{Name: user, ID: strings.ToUpper(idB), SkipValidation: true}, false)
		if err != nil {
			t.Fatal(err)
		}
		want := Created{Account: Account{
			ServerID: "/subscriptions/" + w.tag + "/flexibleservers/first", User: user, Host: "%",
			Issuer: OwnIssuer, Tenant: tenant, Kind: midas.KindService, ID: idB, DirectoryName: user,
		}}
		if diff := cmp.Diff(want, done, cmpopts.IgnoreFields(Account{}, "Generation", "Mapping")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// Fact 9 of Entra sign-in: the id is kept and compared, never the name.
		if got := w.rows(user); len(got) != 1 || got[0] != idB {
			t.Errorf("rows: %q", got)
		}
		for who, store := range map[string]*Store{"this gateway": s, "another gateway": w.store()} {
			if diff := cmp.Diff([]Account{done.Account}, w.lookup(store, user)); diff != "" {
				t.Errorf("Lookup by %s (-want +got):\n%s", who, diff)
			}
		}
		if grants := w.query("SHOW GRANTS FOR " + quoteAccount(user, "%")); len(grants) != 1 || !strings.HasPrefix(grants[0], "GRANT USAGE ON *.* TO ") {
			t.Errorf("privileges: %q", grants)
		}

		other := done.Account
		other.Generation++
		for name, password := range map[string]string{
			"no password": "", "its name": user, "its id": idB, "another generation's secret": w.secret(s, other),
			"its marker": done.Account.Mapping,
		} {
			if n := w.signIn(user, password); n != denied {
				t.Errorf("signing in with %s: %d", name, n)
			}
		}
		if n := w.signIn(user, w.secret(s, done.Account)); n != 0 {
			t.Errorf("signing in with the secret: %d", n)
		}
	})
}

// Fact 12 of Entra sign-in: IF NOT EXISTS keeps a stale id after an identity has been
// made anew. The session is told.
func TestCreateIfNotExists(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		first := w.create(s, user, idA)
		for _, tt := range []struct{ id, warning string }{
			{idA, "AADUSER exists, with that id"},
			{idB, "AADUSER exists with id " + idA + ", not " + idB},
		} {
			r := CreateRequest{Name: user, ID: tt.id, SkipValidation: true}
			_, err := s.Create(t.Context(), r, false)
			expect(t, err, midas.Conflict, 1396)
			if !strings.Contains(err.Error(), idA) || !strings.Contains(midas.HintOf(err), "DROP USER") {
				t.Errorf("%q, hint %q", err, midas.HintOf(err))
			}
			done, err := s.Create(t.Context(), r, true)
			if err != nil {
				t.Fatal(err)
			}
			if !done.Existed || done.Account != first || !strings.HasPrefix(done.Warning, tt.warning) || len(done.Warning) > 128 {
				t.Errorf("IF NOT EXISTS with id %s: %+v", tt.id, done)
			}
		}
		if got := w.lookup(s, user); len(got) != 1 || got[0] != first {
			t.Errorf("Lookup = %v", got)
		}
		if n := w.signIn(user, w.secret(s, first)); n != 0 {
			t.Errorf("signing in afterwards: %d", n)
		}
		// The remedy that the warning names.
		w.exec("DROP USER " + quoteAccount(user, "%"))
		if again := w.create(s, user, idB); again.ID != idB {
			t.Errorf("after DROP USER: %+v", again)
		}
	})
}

func TestCreateNeverTakesOver(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("native")
		w.exec("CREATE USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Its-0wn'")
		for _, ifNotExists := range []bool{false, true} {
			_, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, ifNotExists)
			expect(t, err, midas.Conflict, 1396)
			if !strings.Contains(err.Error(), "was not made by CREATE AADUSER") {
				t.Errorf("%v", err)
			}
		}
		_, err := s.EnsureAdministrator(t.Context(), user, idA)
		expect(t, err, midas.Conflict, 1396)
		if got := w.lookup(s, user); len(got) != 0 {
			t.Errorf("Lookup = %v", got)
		}
		if got := w.rows(user); len(got) != 0 {
			t.Errorf("rows: %q", got)
		}
		if n := w.signIn(user, "Its-0wn"); n != 0 {
			t.Errorf("its own password: %d", n)
		}
		// With another host it would keep the native one out, or be kept out by it.
		_, err = s.Create(t.Context(), CreateRequest{Name: user, Host: "10.0.%", ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Conflict, 1396)
		if n := w.signIn(user, "Its-0wn"); n != 0 {
			t.Errorf("its own password: %d", n)
		}
	})
}

// The same when it is made at the last moment: the server takes no part in our lock.
func TestCreateMeetsNativeAccount(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("native")
		s.db = w.faulty(&fault{
			text:   map[string]string{"mysql": "CREATE USER", "mariadb": "INSERT INTO mysql.global_priv"}[w.server.Dialect],
			before: func() { w.replace([]string{"CREATE USER %s IDENTIFIED BY 'Its-0wn'"}, user) },
		})
		_, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, true)
		expect(t, err, midas.Conflict, 1396)
		if n := w.signIn(user, "Its-0wn"); n != 0 {
			t.Errorf("its own password: %d", n)
		}
		if got := w.lookup(s, user); len(got) != 0 || len(w.rows(user)) != 0 {
			t.Errorf("Lookup = %v, rows %v", got, w.rows(user))
		}
	})
}

// A role of MariaDB is a line of the same table, without host.
func TestCreateBesideRole(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, name := w.store(), w.name("role")
		w.exec("CREATE ROLE " + quoteName(name))
		t.Cleanup(func() { w.exec("DROP ROLE IF EXISTS " + quoteName(name)) })
		_, err := s.Create(t.Context(), CreateRequest{Name: name, ID: idA, SkipValidation: true}, false)
		if w.mysql() { // its roles are accounts
			expect(t, err, midas.Conflict, 1396)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := w.lookup(s, name); len(got) != 1 || w.signIn(name, w.secret(s, got[0])) != 0 {
			t.Errorf("Lookup = %v", got)
		}
		w.exec("DROP USER " + quoteAccount(name, "%"))
	})
}

// An AADUSER is one account of several of its name: each has its own id and secret.
func TestCreateHosts(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		hosts := []string{"%", "localhost", "10.1.%", "DB-1.Example.com", "::1", "192.168.0.0/255.255.0.0", strings.Repeat("h", 255)}
		seen := map[string]bool{}
		for i, host := range hosts {
			id := strings.Replace(idA, "1111", "111"+string(rune('1'+i)), 1)
			done, err := s.Create(t.Context(), CreateRequest{Name: user, Host: host, ID: id, SkipValidation: true}, false)
			if err != nil {
				t.Fatalf("host %s: %v", host, err)
			}
			if done.Account.Host != strings.ToLower(host) || seen[s.Secret(done.Account)] {
				t.Errorf("host %s: %+v", host, done.Account)
			}
			seen[s.Secret(done.Account)] = true
		}
		got := w.lookup(w.store(), user)
		if len(got) != len(hosts) || len(w.hosts(user)) != len(hosts) {
			t.Fatalf("Lookup = %v, accounts at %v", got, w.hosts(user))
		}
		for _, a := range got {
			if want := map[string]uint16{"localhost": 0}; a.Host == "localhost" && w.signIn(user, w.secret(s, a)) != want[a.Host] {
				t.Errorf("cannot sign in as %s", a)
			}
			w.exec("DROP USER " + quoteAccount(a.User, a.Host))
		}
		if got := w.lookup(w.store(), user); len(got) != 0 {
			t.Errorf("after DROP USER: %v", got)
		}
	})
}
