package account

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

// directly signs in at the backend, past every gateway.
func (w *world) directly(user, password string) *sql.Conn {
	w.t.Helper()
	conn, err := w.poolOf(user, password, "", nil).Conn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// wantEnded checks that the backend has ended a session.
func (w *world) wantEnded(conn *sql.Conn) {
	w.t.Helper()
	if err := conn.PingContext(w.t.Context()); err == nil {
		w.t.Error("the session at the backend goes on")
	}
}

// The account of an identity that was deleted or disabled opens to no password that its
// owner gave it, though nobody signs in by token any more; and it is as before when the
// identity is active again.
func TestAccountsOfDeletedIdentities(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user, other, foreign := w.store(), w.name("app"), w.name("other"), w.name("foreign")
		account := w.create(s, user, idA)
		w.create(s, other, idB)
		w.create(s, foreign, personID) // which the directory never had
		w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, user)
		session := w.directly(user, "Mine-0wn")
		w.dir.depart(idA)
		w.sweep(s)
		w.wantEnded(session)
		if n, right := w.signIn(user, "Mine-0wn"), w.signIn(user, w.secret(s, account)); n != denied || right != w.lockedOut() {
			t.Errorf("its own password gives %d, the secret %d", n, right)
		}
		for _, name := range []string{other, foreign} {
			if n := w.signIn(name, w.secret(s, w.lookup(s, name)[0])); n != 0 {
				t.Errorf("%s: %d", name, n)
			}
		}
		w.dir.depart()
		w.sweep(s)
		if n := w.signIn(user, w.secret(s, account)); n != 0 {
			t.Errorf("active again: %d", n)
		}
		// A sign-in may come before the next sweep.
		w.dir.depart(idA)
		w.sweep(s)
		w.dir.depart()
		if changed, err := s.Reassert(t.Context(), account); err != nil || !changed || w.signIn(user, w.secret(s, account)) != 0 {
			t.Errorf("Reassert: %v, %v", changed, err)
		}
	})
}

// A lock that somebody else set stays, and a directory that does not answer locks nobody.
func TestLocksOfOthersStay(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		w.replace([]string{"ALTER USER %s ACCOUNT LOCK"}, user)
		for range 2 {
			w.dir.depart(idA)
			w.sweep(s)
			w.dir.depart()
			w.sweep(s)
			if _, err := s.Reassert(t.Context(), account); err != nil || w.signIn(user, w.secret(s, account)) != w.lockedOut() {
				t.Errorf("%v; midas unlocked what somebody else had locked", err)
			}
			w.exec("FLUSH PRIVILEGES")
		}
		w.replace([]string{"ALTER USER %s ACCOUNT UNLOCK"}, user)
		w.dir.depart(idA)
		w.dir.err = midas.Errorf(midas.Unavailable, "no answer")
		if err := s.Sweep(t.Context()); midas.CodeOf(err) != midas.Unavailable || w.signIn(user, w.secret(s, account)) != 0 {
			t.Errorf("without an answer: %v", err)
		}
	})
}

// An administrator that was replaced loses everything at once, not only when the next one
// signs in: whatever was done to keep a way in.
func TestReplacedAdministratorLosesEverything(t *testing.T) {
	strip := map[string][]string{
		"mysql":   {`ALTER USER %s IDENTIFIED BY 'Mine-0wn' ATTRIBUTE '{"midas": null}'`},
		"mariadb": {"ALTER USER %s IDENTIFIED BY 'Mine-0wn'", "UPDATE mysql.global_priv SET Priv = JSON_REMOVE(Priv, '$.midas') WHERE User = SUBSTRING_INDEX(USER(), '@', 1)", "FLUSH PRIVILEGES"},
	}
	password := []string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}
	onServers(t, func(t *testing.T, w *world) {
		var now *midas.Administrator
		cfg := w.config("first")
		cfg.Administrator = func(context.Context) (*midas.Administrator, error) { return now, nil }
		s := w.open(cfg)
		for name, next := range map[string]*midas.Administrator{
			"none": nil, "another login": {Login: w.name("next"), ObjectID: idB}, "the same login": {Login: w.name("former"), ObjectID: idB},
		} {
			for what, statements := range map[string][]string{"a password": password, "neither mark nor secret": strip[w.server.Dialect]} {
				login := w.name("former")
				now = &midas.Administrator{Login: login, ObjectID: idA}
				a := w.admin(s, login, idA)
				own := w.directly(login, w.secret(s, a))
				w.asSelf(own, statements, login)
				session := w.directly(login, "Mine-0wn")
				now = next
				w.sweep(s)
				w.sweep(s)
				if n := w.signIn(login, "Mine-0wn"); n != denied && n != w.lockedOut() {
					t.Errorf("replaced by %s, with %s: its password gives %d", name, what, n)
				}
				if n := w.signIn(login, s.Secret(a)); n != denied && n != w.lockedOut() {
					t.Errorf("replaced by %s, with %s: its secret gives %d", name, what, n)
				}
				if got, err := s.Native(t.Context(), login); err != nil || len(got) != 0 {
					t.Errorf("replaced by %s, with %s: a password opens it at a gateway: %v, %v", name, what, got, err)
				}
				if what == "a password" {
					w.wantEnded(session)
				}
				w.exec("DROP USER IF EXISTS " + quoteAccount(login, "%"))
				w.sweep(s)
			}
		}
	})
}

// asSelf runs statements in which %s is the account that the session has.
func (w *world) asSelf(conn *sql.Conn, statements []string, login string) {
	w.t.Helper()
	for _, statement := range statements {
		if _, err := conn.ExecContext(w.t.Context(), strings.ReplaceAll(statement, "%s", quoteAccount(login, "%"))); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// A former administrator's account that can be neither dropped nor locked for now, since another
// account of theirs keeps a lock or as here, is come back to, and keeps the next one from nothing.
func TestReplacedAdministratorIsComeBackTo(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		if !w.mysql() {
			return // it has nothing that keeps midas from one account alone
		}
		login := w.name("former")
		now := &midas.Administrator{Login: login, ObjectID: idA}
		cfg := w.config("first")
		cfg.DB = w.poor("service", "ALL PRIVILEGES")
		w.exec("GRANT ALL PRIVILEGES ON *.* TO " + quoteAccount(w.name("service"), "%") + " WITH GRANT OPTION")
		w.exec("REVOKE SYSTEM_USER ON *.* FROM " + quoteAccount(w.name("service"), "%"))
		cfg.Administrator = func(context.Context) (*midas.Administrator, error) { return now, nil }
		s := w.open(cfg)
		w.admin(s, login, idA)
		w.exec("GRANT SYSTEM_USER ON *.* TO " + quoteAccount(login, "%"))
		now = &midas.Administrator{Login: w.name("next"), ObjectID: idB}
		w.admin(s, now.Login, idB)
		if len(w.hosts(login)) != 1 {
			t.Fatal("the account is gone, so this tests nothing")
		}
		w.exec("REVOKE SYSTEM_USER ON *.* FROM " + quoteAccount(login, "%"))
		w.sweep(s)
		if len(w.hosts(login)) != 0 || len(w.rows(login)) != 0 {
			t.Errorf("the former administrator: accounts %v, rows %v", w.hosts(login), w.rows(login))
		}
	})
}
