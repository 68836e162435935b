package account

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

func (w *world) admin(s *Store, login, id string) Account {
	w.t.Helper()
	a, err := s.EnsureAdministrator(w.t.Context(), login, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestEnsureAdministrator(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		w.dir.objects = []midas.DirectoryObject{{Kind: midas.KindGroup, ObjectID: groupID, Name: "dba"}}
		s, login := w.store(), w.name("admin")
		a := w.admin(s, login, strings.ToUpper(groupID))
		if a.User != login || a.Host != "%" || a.ID != groupID || !a.Admin || a.Kind != midas.KindGroup {
			t.Errorf("%+v", a)
		}
		if n := w.signIn(login, w.secret(s, a)); n != 0 {
			t.Fatalf("signing in: %d", n)
		}
		if got := w.lookup(s, login); len(got) != 1 || got[0] != a {
			t.Errorf("Lookup = %v", got)
		}
		// All that it is for, and nothing that would reach beyond the server.
		db := w.poolOf(login, s.Secret(a), "", nil)
		for _, statement := range []string{
			"CREATE DATABASE " + w.database(), "CREATE TABLE " + w.database() + ".t (a INT)",
			"CREATE USER " + quoteName(w.name("made")) + " IDENTIFIED BY 'Some-0ne'", "GRANT SELECT ON " + w.database() + ".* TO " + quoteName(w.name("made")),
			"DROP USER " + quoteName(w.name("made")), "FLUSH STATUS",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
		for _, statement := range []string{"SET GLOBAL max_connections = 500", "SHUTDOWN", "SELECT 1 INTO OUTFILE '/tmp/" + w.tag + "'"} {
			if _, err := db.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s was allowed", statement)
			}
		}
		// What was taken away comes back.
		w.exec("REVOKE SELECT, CREATE USER ON *.* FROM " + quoteAccount(login, "%"))
		w.advance(time.Minute)
		if again := w.admin(s, login, groupID); again != a {
			t.Errorf("%+v became %+v", a, again)
		}
		if got := w.query("SELECT User FROM mysql.user WHERE User = ? AND Select_priv = 'Y' AND Create_user_priv = 'Y' AND Grant_priv = 'Y' AND Super_priv = 'N'", login); len(got) != 1 {
			t.Errorf("privileges: %q", w.query("SHOW GRANTS FOR "+quoteAccount(login, "%")))
		}
	})
}

// It is on the path of every sign-in of the administrator.
func TestEnsureAdministratorIsCheap(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.config("first")
		cfg.DB = w.pool("")
		s, login := w.open(cfg), w.name("admin")
		a := w.admin(s, login, idA)
		cfg.DB.Close()
		if again := w.admin(s, login, strings.ToUpper(idA)); again != a {
			t.Errorf("%+v became %+v", a, again)
		}
		_, err := s.EnsureAdministrator(t.Context(), login, idB)
		expect(t, err, midas.Unavailable, 1105)
		s.Forget(w.name("other"))
		_, err = s.EnsureAdministrator(t.Context(), login, idA)
		expect(t, err, midas.Unavailable, 1105)
		s.db = w.root
		w.admin(s, login, idA)
		s.db = cfg.DB
		w.advance(2999 * time.Millisecond)
		w.admin(s, login, idA)
		w.advance(time.Millisecond)
		_, err = s.EnsureAdministrator(t.Context(), login, idA)
		expect(t, err, midas.Unavailable, 1105)
	})
}

// Fact 15 of Entra sign-in: the administrator is one, and removing it closes its account.
func TestAdministratorChanges(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, first, second := w.store(), w.name("first"), w.name("second")
		former := w.admin(s, first, idA)
		secret := w.secret(s, former)
		next := w.admin(s, second, idB)
		if len(w.hosts(first)) != 0 || len(w.rows(first)) != 0 || len(w.lookup(s, first)) != 0 {
			t.Errorf("the former administrator: accounts %v, rows %v", w.hosts(first), w.rows(first))
		}
		if n := w.signIn(first, secret); n != denied {
			t.Errorf("its secret: %d", n)
		}
		// The same login for somebody else is the same account with another id.
		w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, second)
		other := w.admin(s, second, idA)
		if other.ID != idA || other.Mapping != next.Mapping || !slices.Equal(w.rows(second), []string{idA}) {
			t.Errorf("%+v became %+v, rows %v", next, other, w.rows(second))
		}
		if n := w.signIn(second, "Mine-0wn"); n != denied {
			t.Errorf("a password that the former holder of the login set: %d", n)
		}
		if n := w.signIn(second, w.secret(s, other)); n != 0 {
			t.Errorf("the secret: %d", n)
		}
		if err := s.DropAdministrator(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.DropAdministrator(t.Context()); err != nil {
			t.Errorf("with none: %v", err)
		}
		if len(w.hosts(second)) != 0 || len(w.rows(second)) != 0 || len(w.lookup(s, second)) != 0 {
			t.Errorf("after DropAdministrator: accounts %v, rows %v", w.hosts(second), w.rows(second))
		}
		if a := w.admin(s, second, idA); w.signIn(second, w.secret(s, a)) != 0 || w.secret(s, a) == w.secret(s, other) {
			t.Errorf("made again: %+v", a)
		}
	})
}

func TestAdministratorAndUsers(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		made := w.create(s, user, idA)
		_, err := s.EnsureAdministrator(t.Context(), user, idB)
		expect(t, err, midas.Conflict, 1396)
		if !strings.Contains(err.Error(), "AADUSER of that name maps to id "+idA) {
			t.Errorf("%v", err)
		}
		if got := w.lookup(s, user); len(got) != 1 || got[0] != made {
			t.Errorf("Lookup = %v", got)
		}
		// The same identity may be both: it keeps its kind though the directory is silent.
		w.dir.err = midas.Errorf(midas.Unavailable, "no answer")
		a := w.admin(s, user, idA)
		if a.Mapping != made.Mapping || !a.Admin || a.Kind != midas.KindService {
			t.Errorf("%+v became %+v", made, a)
		}
		_, err = s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Conflict, 1396)
		done, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, true)
		if err != nil || !done.Existed || done.Account != a {
			t.Errorf("IF NOT EXISTS of the administrator: %+v, %v", done, err)
		}
		// An administrator that nobody described may be any of the three.
		if a := w.admin(s, w.name("admin"), idB); a.Kind != "" || !a.Admin {
			t.Errorf("%+v", a)
		}
		for _, login := range []string{"", strings.Repeat("x", 33), " x"} {
			_, err := s.EnsureAdministrator(t.Context(), login, idA)
			if midas.CodeOf(err) != midas.Invalid {
				t.Errorf("login %q: %v", login, err)
			}
		}
		_, err = s.EnsureAdministrator(t.Context(), w.name("admin"), "me@contoso.com")
		expect(t, err, midas.Invalid, 1064)
	})
}

// The directory decides who the administrator is, so its row follows no RENAME USER, and
// a dropped account is made again.
func TestAdministratorAccountMeddledWith(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, login := w.store(), w.name("admin")
		a := w.admin(s, login, idA)
		w.exec("RENAME USER " + quoteAccount(login, "%") + " TO " + quoteAccount(w.name("x"), "%"))
		s.Forget(login)
		if got := append(w.lookup(s, w.name("x")), w.lookup(s, login)...); len(got) != 0 {
			t.Errorf("after RENAME USER: %v", got)
		}
		again := w.admin(s, login, idA)
		if again.Mapping == a.Mapping || w.signIn(login, w.secret(s, again)) != 0 {
			t.Errorf("%+v became %+v", a, again)
		}
		w.exec("DROP USER " + quoteAccount(login, "%"))
		s.Forget(login)
		if third := w.admin(s, login, idA); w.signIn(login, w.secret(s, third)) != 0 {
			t.Errorf("after DROP USER: %+v", third)
		}
		w.exec("DROP USER " + quoteAccount(login, "%"))
		w.exec("CREATE USER " + quoteAccount(login, "%") + " IDENTIFIED BY 'Its-0wn'")
		s.Forget(login)
		_, err := s.EnsureAdministrator(t.Context(), login, idA)
		expect(t, err, midas.Conflict, 1396)
		if strings.Contains(err.Error(), "CREATE AADUSER failed") {
			t.Errorf("nobody ran that: %v", err)
		}
		if n := w.signIn(login, "Its-0wn"); n != w.lockedOut() {
			t.Errorf("an account that took an administrator's place: %d", n)
		}
	})
}

// MySQL does not let everyone drop an account in whose name views run. Such a former
// administrator must not keep a way in, not even by a password of its own.
func TestFormerAdministratorThatCannotBeDropped(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		if !w.mysql() {
			return
		}
		cfg := w.config("first")
		cfg.DB = w.poor("service", "ALL PRIVILEGES")
		service := quoteAccount(w.name("service"), "%")
		w.exec("GRANT ALL PRIVILEGES ON *.* TO " + service + " WITH GRANT OPTION")
		w.exec("REVOKE ALLOW_NONEXISTENT_DEFINER, SET_ANY_DEFINER ON *.* FROM " + service)
		s, first := w.open(cfg), w.name("first")
		w.admin(s, first, idA)
		w.exec("CREATE DATABASE " + w.database())
		w.exec("CREATE DEFINER = " + quoteAccount(first, "%") + " VIEW " + w.database() + ".v AS SELECT 1")
		w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, first)
		w.admin(s, w.name("second"), idB)
		if len(w.hosts(first)) != 1 || len(w.rows(first)) != 0 {
			t.Fatalf("accounts %v, rows %v", w.hosts(first), w.rows(first))
		}
		if n := w.signIn(first, "Mine-0wn"); n == 0 {
			t.Error("the former administrator still signs in")
		}
		if !strings.Contains(w.log.String(), "former administrator") {
			t.Errorf("nobody was told: %s", w.log.String())
		}
	})
}
