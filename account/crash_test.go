package account

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// Whatever fails half-way, there is no account and no row afterwards, and the name is
// free.
func TestCreateLeavesNothingBehind(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		makes := map[string]string{"mysql": "CREATE USER", "mariadb": "INSERT INTO mysql.global_priv"}[w.server.Dialect]
		faults := map[string]*fault{
			"the row's answer lost":     {text: "INSERT INTO midas.aaduser", lose: true},
			"the account's answer lost": {text: makes, lose: true},
		}
		if !w.mysql() {
			faults["the reload's answer lost"] = &fault{text: "FLUSH PRIVILEGES", lose: true}
		}
		for name, f := range faults {
			cfg := w.config("first")
			cfg.DB = w.faulty(f)
			cfg.DB.SetMaxOpenConns(2)
			s, user := w.open(cfg), w.name("app")
			_, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, false)
			expect(t, err, midas.Unavailable, 1105)
			if accounts, rows := w.hosts(user), w.rows(user); len(accounts)+len(rows) > 0 {
				t.Errorf("%s: accounts %v, rows %v", name, accounts, rows)
			}
			account := w.create(s, user, idB)
			if n := w.signIn(user, w.secret(s, account)); n != 0 {
				t.Errorf("%s: signing in to the next one: %d", name, n)
			}
			w.exec("DROP USER " + quoteAccount(user, "%"))
		}
	})
}

// The same for a caller who leaves half-way, which closes the connection.
func TestCreateWhileTheCallerLeaves(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		for i, text := range []string{
			"GET_LOCK", "FROM mysql.", "FROM midas.aaduser", "INSERT INTO midas.aaduser",
			map[string]string{"mysql": "CREATE USER", "mariadb": "INSERT INTO mysql.global_priv"}[w.server.Dialect],
			"RELEASE_LOCK",
		} {
			ctx, cancel := context.WithCancel(t.Context())
			f := &fault{text: text}
			cfg := w.config("first")
			cfg.DB = w.faulty(f)
			s, user := w.open(w.config("first")), w.name("app"+string(rune('0'+i)))
			s.db, f.before = cfg.DB, cancel
			done, err := s.Create(ctx, CreateRequest{Name: user, ID: idA, SkipValidation: true}, false)
			if accounts, rows := len(w.hosts(user)), len(w.rows(user)); accounts != rows || (err == nil) != (rows == 1) {
				t.Errorf("left during %s: %v, %d accounts, %d rows", text, err, accounts, rows)
			}
			if err == nil && w.signIn(user, w.secret(s, done.Account)) != 0 {
				t.Errorf("left during %s: the account does not open", text)
			}
			w.hold()() // nobody keeps the lock
		}
	})
}

// A pool of two connections is enough, also for undoing: one has the lock, one writes rows.
func TestTwoConnectionsAreEnough(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.config("first")
		w.store() // makes the schema, which the poor user may not
		// It may make no accounts: the row is written and must be taken back.
		cfg.DB = w.poor("service", "SELECT")
		w.exec("GRANT INSERT, UPDATE, DELETE ON midas.* TO " + quoteAccount(w.name("service"), "%"))
		cfg.DB.SetMaxOpenConns(2)
		s, user := w.open(cfg), w.name("app")
		ctx, cancel := context.WithTimeout(t.Context(), mendTimeout-time.Second)
		defer cancel()
		_, err := s.Create(ctx, CreateRequest{Name: user, ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Unavailable, 1105)
		if ctx.Err() != nil {
			t.Error("it waited for a third connection")
		}
		if accounts, rows := w.hosts(user), w.rows(user); len(accounts)+len(rows) > 0 {
			t.Errorf("accounts %v, rows %v", accounts, rows)
		}
	})
}

// MariaDB's account is a line in a table, loaded by FLUSH PRIVILEGES: without the right
// to that, the line must go again.
func TestCreateWithoutReload(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		if w.mysql() {
			return
		}
		cfg := w.config("first")
		w.store() // makes the schema, which the poor user may not
		cfg.DB = w.poor("service", "SELECT, INSERT, UPDATE, DELETE, CREATE USER")
		s, user := w.open(cfg), w.name("app")
		_, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Unavailable, 1105)
		if !strings.Contains(err.Error(), "RELOAD") {
			t.Errorf("%v", err)
		}
		if accounts, rows := w.hosts(user), w.rows(user); len(accounts)+len(rows) > 0 {
			t.Errorf("accounts %v, rows %v", accounts, rows)
		}
	})
}

// plant writes the row that a gateway which crashed before making the account leaves.
func (w *world) plant(s *Store, user, mapping string) Account {
	w.t.Helper()
	a := Account{ServerID: s.server, User: user, Host: "%", Kind: midas.KindService, ID: idA, Generation: 1, Mapping: mapping}
	if err := s.insertRow(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestRowWithoutAccount(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user, mapping := w.store(), w.name("app"), "12345678-1234-1234-1234-1234"+w.tag
		a := w.plant(s, user, mapping)
		if got := w.lookup(s, user); len(got) != 0 || len(w.rows(user)) != 0 {
			t.Errorf("Lookup = %v, rows %v", got, w.rows(user))
		}
		w.plant(s, user, mapping)
		expect(t, reassert(t, s, a), midas.Forbidden, denied)
		if len(w.rows(user)) != 0 || len(w.hosts(user)) != 0 {
			t.Errorf("after Reassert: rows %v, accounts %v", w.rows(user), w.hosts(user))
		}
		w.plant(s, user, mapping)
		if made := w.create(s, user, idB); made.Mapping == mapping || len(w.rows(user)) != 1 {
			t.Errorf("%+v, rows %v", made, w.rows(user))
		}
	})
}

// An account that carries a marker without row is nobody's: no token opens it, and what
// it may hold is not taken over.
func TestAccountWithoutRow(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		w.exec("DELETE FROM midas.aaduser WHERE user = ?", user)
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 0 {
			t.Errorf("Lookup = %v", got)
		}
		_, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, true)
		expect(t, err, midas.Conflict, 1396)
		expect(t, reassert(t, s, account), midas.Forbidden, denied)
	})
}

// MariaDB had the account's line and not the reload when the gateway crashed.
func TestAccountThatWasNotLoaded(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		if w.mysql() {
			return
		}
		s := w.store()
		halfway := func(user string) Account {
			a := w.create(s, user, idA)
			priv := w.query("SELECT Priv FROM mysql.global_priv WHERE User = ?", user)[0]
			w.exec("DROP USER " + quoteAccount(user, "%"))
			w.exec("INSERT INTO mysql.global_priv (Host, User, Priv) VALUES ('%', ?, ?)", user, priv)
			if n := w.signIn(user, s.Secret(a)); n != denied {
				t.Fatalf("it is loaded: %d", n)
			}
			return a
		}
		user := w.name("again")
		a := halfway(user)
		done, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, true)
		if err != nil || done.Account != a {
			t.Fatalf("%+v, %v", done, err)
		}
		w.exec("GRANT SELECT ON mysql.* TO " + quoteAccount(user, "%"))

		user = w.name("signs")
		a = halfway(user)
		if err := reassert(t, s, a); err != nil || w.signIn(user, w.secret(s, a)) != 0 {
			t.Errorf("Reassert: %v", err)
		}

		user = w.name("admin")
		halfway(user)
		if a := w.admin(s, user, idA); w.signIn(user, w.secret(s, a)) != 0 {
			t.Errorf("%+v", a)
		}
	})
}
