package account

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// What statements at the backend do is followed though nobody looks the account up.
func TestSweepFollowsDropAndRename(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, gone, before, after := w.store(), w.name("gone"), w.name("before"), w.name("after")
		w.create(s, gone, idA)
		moved := w.create(s, before, idB)
		w.exec("DROP USER " + quoteAccount(gone, "%"))
		w.exec("RENAME USER " + quoteAccount(before, "%") + " TO " + quoteAccount(after, "localhost"))
		w.sweep(s)
		if rows := w.query("SELECT CONCAT(user, '@', host, ' ', principal) FROM midas.aaduser WHERE server = ?", s.server); len(rows) != 1 || rows[0] != after+"@localhost "+idB {
			t.Errorf("rows: %v", rows)
		}
		got := w.lookup(s, after)
		if len(got) != 1 || got[0].Mapping != moved.Mapping || w.signIn(after, w.secret(s, got[0])) != 0 {
			t.Errorf("Lookup(after) = %v", got)
		}
		w.sweep(s)
		if text := w.log.String(); strings.Contains(text, "level=WARN") {
			t.Errorf("somebody is blamed for it: %s", text)
		}
		// What was revoked does not come back with an account of that name.
		w.exec("CREATE USER " + quoteAccount(gone, "%") + " IDENTIFIED BY 'Its-0wn'")
		w.sweep(s)
		if n := w.signIn(gone, "Its-0wn"); n != 0 || len(w.lookup(s, gone)) != 0 {
			t.Errorf("a native account of the name: %d", n)
		}
	})
}

// A password that an AADUSER set goes within one sweep, and within a minute the sessions that
// were made with it; and so does every other second way in.
func TestSweepTakesPasswordsBack(t *testing.T) {
	ways := map[string][]string{
		"mysql": {
			"ALTER USER %s IDENTIFIED BY 'Mine-0wn'", "SET PASSWORD FOR %s = 'Mine-0wn'",
			"ALTER USER %s IDENTIFIED WITH caching_sha2_password BY 'Mine-0wn' PASSWORD REQUIRE CURRENT OPTIONAL",
		},
		"mariadb": {
			"ALTER USER %s IDENTIFIED BY 'Mine-0wn'", "SET PASSWORD FOR %s = PASSWORD('Mine-0wn')",
			"ALTER USER %s IDENTIFIED VIA mysql_native_password USING PASSWORD('Mine-0wn') OR unix_socket",
			"GRANT SELECT ON mysql.* TO %s IDENTIFIED BY 'Mine-0wn'",
		},
	}
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		for _, statement := range ways[w.server.Dialect] {
			w.replace([]string{statement}, user)
			session := w.directly(user, "Mine-0wn")
			w.sweep(s)
			if own, secret := w.signIn(user, "Mine-0wn"), w.signIn(user, w.secret(s, account)); own != denied || secret != 0 {
				t.Errorf("%s: its own password gives %d, the secret %d", statement, own, secret)
			}
			w.advance(expelEvery)
			w.sweep(s)
			w.wantEnded(session)
		}
		other := w.directly(user, w.secret(s, account))
		w.sweep(s)
		if err := other.PingContext(t.Context()); err != nil {
			t.Errorf("with nothing to do a session ended: %v", err)
		}
	})
}

// An AADUSER without privileges cannot make itself a password account: MySQL refuses it the
// statement, as well for accounts that an earlier midas made.
func TestRequireCurrent(t *testing.T) {
	attacks := []string{
		`ALTER USER %s IDENTIFIED BY 'Mine-0wn' ATTRIBUTE '{"midas": null}'`, "ALTER USER USER() IDENTIFIED BY 'Mine-0wn'",
		"SET PASSWORD = 'Mine-0wn'", "SET PASSWORD FOR %s = 'Mine-0wn'", "SET PASSWORD TO RANDOM", "ALTER USER %s IDENTIFIED BY RANDOM PASSWORD",
		"ALTER USER %s PASSWORD REQUIRE CURRENT OPTIONAL", `ALTER USER %s ATTRIBUTE '{"midas": null}'`,
		"ALTER USER %s IDENTIFIED BY 'Mine-0wn' RETAIN CURRENT PASSWORD", "ALTER USER %s IDENTIFIED BY 'Mine-0wn' REPLACE ''",
	}
	w := newWorld(t, mysqltest.MySQL97(t))
	s, fresh, old := w.store(), w.name("fresh"), w.name("old")
	w.create(s, fresh, idA)
	w.create(s, old, idB)
	w.exec("ALTER USER " + quoteAccount(old, "%") + " PASSWORD REQUIRE CURRENT DEFAULT") // as made by an earlier midas
	s = w.store()
	for _, user := range []string{fresh, old} {
		account := w.lookup(s, user)[0]
		conn := w.directly(user, w.secret(s, account))
		for _, attack := range attacks {
			statement := strings.ReplaceAll(attack, "%s", quoteAccount(user, "%"))
			if _, err := conn.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s, as %s: no error", statement, user)
			}
		}
		if err := s.Rotate(t.Context(), account); err != nil {
			t.Errorf("midas itself: %v", err)
		}
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 1 || w.signIn(user, w.secret(s, got[0])) != 0 {
			t.Errorf("Lookup = %v", got)
		}
	}
}

// A list of accounts that is empty while schema mysql is being restored deletes no row.
func TestSweepDuringARestore(t *testing.T) {
	for dialect, statements := range map[string][]string{
		"mysql": {"CREATE TABLE %s.b AS SELECT * FROM mysql.user", "DELETE FROM mysql.user", "INSERT INTO mysql.user SELECT * FROM %s.b"},
		"mariadb": {
			"CREATE TABLE %s.b AS SELECT * FROM mysql.global_priv", "DELETE FROM mysql.global_priv",
			"INSERT INTO mysql.global_priv SELECT * FROM %s.b",
		},
	} {
		t.Run(dialect, func(t *testing.T) {
			w := newWorld(t, mysqltest.Fresh(t, dialect))
			s, user := w.store(), w.name("app")
			account := w.create(s, user, idA)
			w.exec("CREATE DATABASE " + w.database())
			run := func(i int) { w.exec(strings.ReplaceAll(statements[i], "%s", w.database())) }
			run(0)
			run(1)
			s.Forget(user)
			if err := s.Sweep(t.Context()); midas.CodeOf(err) != midas.Unavailable {
				t.Errorf("Sweep: %v", err)
			}
			_, _ = s.found(t.Context(), user)
			_, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idB, SkipValidation: true}, true)
			expect(t, err, midas.Unavailable, 1105)
			_ = reassert(t, s, account)
			if rows := w.rows(user); len(rows) != 1 {
				t.Errorf("rows: %v", rows)
			}
			run(2)
			w.sweep(s)
			s.Forget(user)
			if got := w.lookup(s, user); len(got) != 1 || got[0] != account || w.signIn(user, w.secret(s, account)) != 0 {
				t.Errorf("after the restore: Lookup = %v", got)
			}
		})
	}
}

// A sweep that is cut off after any of its statements is completed by the next one.
func TestSweepCutShort(t *testing.T) {
	cuts := map[string][]string{
		"mysql":   {"$.midas_locked", "ACCOUNT LOCK", "ALTER USER", "KILL", "DELETE FROM midas", "GET_LOCK", "JSON_REMOVE", "ACCOUNT UNLOCK"},
		"mariadb": {"$.midas_locked", "ACCOUNT LOCK", "'$.authentication_string', '", "FLUSH", "$.midas_unloaded')", "ACCOUNT UNLOCK", "KILL", "DELETE FROM midas", "GET_LOCK", "JSON_REMOVE"},
	}
	onServers(t, func(t *testing.T, w *world) {
		s := w.store()
		for i, cut := range cuts[w.server.Dialect] {
			name := func(what string) string { return w.name(fmt.Sprintf("%s%d", what, i)) }
			gone, changed, lost, back := w.create(s, name("gone"), idA), w.create(s, name("changed"), idB), w.create(s, name("lost"), idB), w.create(s, name("back"), groupID)
			w.create(s, name("dropped"), idB)
			w.dir.depart(groupID)
			w.sweep(s)
			w.dir.depart(idA)
			w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, changed.User)
			w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Mine-0wn'"}, lost.User)
			w.replace([]string{"DROP USER %s"}, name("dropped"))
			w.directly(changed.User, "Mine-0wn")
			s.db = w.faulty(&fault{text: cut, lose: true})
			_ = s.Sweep(t.Context())
			s.db = w.root
			w.advance(time.Minute)
			w.hold()() // until the server has noticed who is gone
			w.sweep(s)
			if n := w.signIn(gone.User, w.secret(s, gone)); n != w.lockedOut() {
				t.Errorf("%s: of a deleted identity: %d", cut, n)
			}
			if n := w.signIn(back.User, w.secret(s, back)); n != 0 {
				t.Errorf("%s: of an identity that is active again: %d", cut, n)
			}
			if own, right := w.signIn(changed.User, "Mine-0wn"), w.signIn(changed.User, w.secret(s, changed)); own != denied || right != 0 {
				t.Errorf("%s: a changed password: %d, the secret %d", cut, own, right)
			}
			if n := w.signIn(lost.User, "Mine-0wn"); n != w.lockedOut() {
				t.Errorf("%s: in the place of an AADUSER: %d", cut, n)
			}
			if rows := w.rows(name("dropped")); len(rows) != 0 {
				t.Errorf("%s: a dropped one: rows %v", cut, rows)
			}
			w.dir.depart()
			w.exec("DROP USER " + quoteAccount(lost.User, "%"))
			w.sweep(s)
		}
	})
}

// Accounts that are right cost two queries and change nothing.
func TestSweepIsCheap(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s := w.store()
		for i := range 30 {
			w.create(s, w.name(fmt.Sprint("app", i)), idA)
		}
		for range 3 {
			w.sweep(s)
		}
		table := map[string]string{"mysql": "mysql.user", "mariadb": "mysql.global_priv"}[w.server.Dialect]
		number := func(query string) (n int) {
			var what string
			if err := w.root.QueryRowContext(t.Context(), query).Scan(&what, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		state := func() [2]int {
			return [2]int{number("CHECKSUM TABLE " + table), number("CHECKSUM TABLE midas.aaduser")}
		}
		before, selects := state(), number("SHOW GLOBAL STATUS LIKE 'Com_select'")
		w.sweep(s)
		if n := number("SHOW GLOBAL STATUS LIKE 'Com_select'") - selects; n > 2 {
			t.Errorf("%d queries", n)
		}
		if after := state(); before != after {
			t.Errorf("%v became %v", before, after)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Sweep(ctx); err == nil {
			t.Error("a sweep that was given up says that all is well")
		}
	})
}

// midas's own account is never locked, whatever name it has.
func TestSweepSparesItsOwn(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		w.create(s, user, idA)
		w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Its-0wn'", "GRANT ALL ON *.* TO %s WITH GRANT OPTION"}, user)
		cfg := w.config("first")
		cfg.DB = w.poolOf(user, "Its-0wn", "", nil)
		own := w.open(cfg)
		w.sweep(own)
		if n := w.signIn(user, "Its-0wn"); n != 0 {
			t.Errorf("midas locked itself out: %d", n)
		}
		if !strings.Contains(w.log.String(), "midas's own account") {
			t.Errorf("nobody is told: %s", w.log.String())
		}
	})
}

// The backend signs a name in to the account with the most specific host that matches the
// gateway: an AADUSER must not get between another account of its name and the backend.
func TestShadows(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		first, second, login, native := w.store(), w.open(w.config("second")), w.name("dba"), w.name("native")
		admin := w.admin(second, login, idB)
		w.exec("CREATE USER " + quoteAccount(native, "%") + " IDENTIFIED BY 'Its-0wn'")
		for _, host := range []string{"localhost", "127.0.0.1", "::1", "10.%"} {
			for user, stores := range map[string][]*Store{login: {first, second}, native: {first}} {
				for _, s := range stores {
					_, err := s.Create(t.Context(), CreateRequest{Name: user, Host: host, ID: idA, SkipValidation: true}, true)
					expect(t, err, midas.Conflict, 1396)
				}
			}
		}
		if a, b := w.signIn(login, w.secret(second, admin)), w.signIn(native, "Its-0wn"); a != 0 || b != 0 {
			t.Errorf("the other administrator: %d, the native account: %d", a, b)
		}
		// This is what it would have done: the administrator is kept out.
		w.exec("CREATE USER " + quoteAccount(login, "localhost") + " IDENTIFIED BY 'Its-0wn'")
		if n := w.signIn(login, w.secret(second, admin)); n != denied {
			t.Errorf("an account at localhost shadows none: %d", n)
		}
		w.exec("DROP USER " + quoteAccount(login, "localhost"))
		// The other way round the administrator would be kept out from the beginning.
		early := w.name("early")
		_, err := first.Create(t.Context(), CreateRequest{Name: early, Host: "localhost", ID: idA, SkipValidation: true}, false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = second.EnsureAdministrator(t.Context(), early, idB)
		expect(t, err, midas.Conflict, 1396)
		if !strings.Contains(midas.HintOf(err), "another login") {
			t.Errorf("hint %q", midas.HintOf(err))
		}
		// The server's own administrator is not kept out either.
		_, err = first.EnsureAdministrator(t.Context(), early, idB)
		expect(t, err, midas.Conflict, 1396)
		// A server's own AADUSERs may differ by host.
		_, err = first.Create(t.Context(), CreateRequest{Name: early, Host: "10.%", ID: idA, SkipValidation: true}, false)
		if err != nil {
			t.Error(err)
		}
		for _, name := range []string{"", " "} { // an anonymous account would shadow them all
			if _, err := first.Create(t.Context(), CreateRequest{Name: name, Host: "localhost", ID: idA, SkipValidation: true}, false); err == nil {
				t.Errorf("an account named %q", name)
			}
		}
	})
}

// Once a password was changed again just after it was taken back, SET PASSWORD no longer
// reaches the secret: a session that does it over and over keeps no other out.
func TestRepeatedSetPasswordKeepsNobodyOut(t *testing.T) {
	w := newWorld(t, mysqltest.MariaDB(t)) // MySQL refuses SET PASSWORD
	s, user := w.store(), w.name("app")
	account := w.create(s, user, idA)
	looping := w.directly(user, w.secret(s, account))
	change := func() {
		t.Helper()
		if _, err := looping.ExecContext(t.Context(), "SET PASSWORD = PASSWORD('Mine-0wn')"); err != nil {
			t.Fatal(err)
		}
	}
	change()
	if changed, err := s.Reassert(t.Context(), account); err != nil || !changed {
		t.Fatalf("%v, %v", changed, err)
	}
	looping = w.directly(user, s.Secret(account))
	change()
	if changed, err := s.Reassert(t.Context(), account); err != nil || !changed {
		t.Fatalf("%v, %v", changed, err)
	}
	for range 3 {
		change()
		if n := w.signIn(user, s.Secret(account)); n != 0 {
			t.Errorf("the secret gives %d", n)
		}
		w.sweep(s)
		if own, secret := w.signIn(user, "Mine-0wn"), w.signIn(user, s.Secret(account)); own != denied || secret != 0 {
			t.Errorf("swept: its own password gives %d, the secret %d", own, secret)
		}
		if n := w.signIn(user, mariadbOpensNever); n != denied {
			t.Errorf("the first way in opens: %d", n)
		}
	}
	// Its owner can put back what midas has in the first way in.
	own := w.directly(user, s.Secret(account))
	put := func(password string) {
		t.Helper()
		if _, err := own.ExecContext(t.Context(), "SET PASSWORD = "+password); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		w.advance(expelEvery)
		w.sweep(s)
		own = w.directly(user, s.Secret(account))
		for _, statement := range []string{"GRANT SELECT ON mysql.* TO %s", "ALTER USER %s WITH MAX_USER_CONNECTIONS 100", "ALTER USER %s ACCOUNT LOCK", "ALTER USER %s ACCOUNT UNLOCK"} {
			w.exec(strings.ReplaceAll(statement, "%s", quoteAccount(user, "%")))
			w.sweep(s)
			if err := own.PingContext(t.Context()); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		put("PASSWORD('Mine-0wn')")
		session := w.directly(user, "Mine-0wn")
		put("'" + mariadbOpensNever + "'")
		w.sweep(s)
		w.advance(expelEvery)
		w.sweep(s)
		w.wantEnded(session)
		own = w.directly(user, s.Secret(account)) // armoured again by the next change
		put("PASSWORD('Mine-0wn')")
		w.sweep(s)
	}
	if err := s.Rotate(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	if ways := w.query("SELECT JSON_EXISTS(Priv, '$.auth_or') FROM mysql.global_priv WHERE User = ?", user); ways[0] != "0" {
		t.Error("it stays armoured")
	}
}

// Anyone who may write schema mysql can make the tables say that an account is locked while the
// server lets it in: it reads them when it is told to.
func TestForgedLock(t *testing.T) {
	forge := map[string]string{
		"mysql":   "UPDATE mysql.user SET account_locked = 'Y', User_attributes = %s WHERE User = ?",
		"mariadb": "UPDATE mysql.global_priv SET Priv = JSON_SET(%s, '$.account_locked', true) WHERE User = ?",
	}
	onServers(t, func(t *testing.T, w *world) {
		s := w.store()
		for name, document := range map[string]map[string]string{
			"unproven": {"mysql": "NULL", "mariadb": "JSON_REMOVE(Priv, '$.midas')"},
			"gone":     {"mysql": "User_attributes", "mariadb": "Priv"},
		} {
			user := w.name(name)
			account := w.create(s, user, idA)
			password := "Mine-0wn"
			if name == "unproven" {
				w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, user)
			} else {
				password = w.secret(s, account)
				w.dir.depart(idA)
			}
			w.exec(fmt.Sprintf(forge[w.server.Dialect], document[w.server.Dialect]), user)
			if n := w.signIn(user, password); n != 0 {
				t.Fatalf("%s: the lock is none of the table's alone: %d", name, n)
			}
			w.sweep(s)
			if n := w.signIn(user, password); n != w.lockedOut() {
				t.Errorf("%s: its password gives %d", name, n)
			}
			w.dir.depart()
		}
	})
}

// Sign-ins that have secrets set again without end, as those under a locked account do, put
// off no sweep.
func TestSweepHasItsTurn(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		w.create(s, user, idA)
		w.exec("DROP USER " + quoteAccount(user, "%"))
		var flood sync.WaitGroup
		ctx, end := context.WithCancel(t.Context())
		begun := make(chan struct{}, 4)
		for range 4 {
			flood.Go(func() {
				for ctx.Err() == nil {
					_ = s.locked(ctx, lockWait, func(*sql.Conn) error {
						select {
						case begun <- struct{}{}:
						default:
						}
						return nil
					})
				}
			})
		}
		<-begun
		w.sweep(s)
		if rows := w.rows(user); len(rows) != 0 {
			t.Errorf("rows: %v", rows)
		}
		end()
		flood.Wait()
	})
}

// Everyone is shown the hash of their own password, and can put it back after a change: the
// sessions made with the other one meanwhile end all the same. What does not change the
// password ends none.
func TestPasswordPutBack(t *testing.T) {
	w := newWorld(t, mysqltest.MariaDB(t)) // MySQL refuses SET PASSWORD
	s, user := w.store(), w.name("app")
	account := w.create(s, user, idA)
	for range 2 { // the second time as made by an earlier midas
		own := w.directly(user, w.secret(s, account))
		hash := w.query("SELECT JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv WHERE User = ?", user)[0]
		exec := func(statement string) {
			t.Helper()
			if _, err := own.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for _, statement := range []string{
			"GRANT SELECT ON mysql.* TO %s", "ALTER USER %s WITH MAX_USER_CONNECTIONS 100", "ALTER USER %s REQUIRE NONE", "ALTER USER %s ACCOUNT LOCK", "ALTER USER %s ACCOUNT UNLOCK",
		} {
			w.exec(strings.ReplaceAll(statement, "%s", quoteAccount(user, "%")))
			w.sweep(s)
			if err := own.PingContext(t.Context()); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		for _, date := range []string{"DEFAULT", "0.5", "1", "2147483647", "4294967295", mariadbDate, "-1"} {
			own = w.directly(user, w.secret(s, account))
			_, _ = own.ExecContext(t.Context(), "SET timestamp = "+date) // not every server takes all of them
			exec("SET PASSWORD = PASSWORD('Mine-0wn')")
			session := w.directly(user, "Mine-0wn")
			exec("SET PASSWORD = '" + hash + "'")
			w.sweep(s)
			w.wantEnded(session)
			w.advance(expelEvery)
		}
		w.exec("UPDATE mysql.global_priv SET Priv = JSON_REMOVE(JSON_SET(Priv, '$.password_last_changed', UNIX_TIMESTAMP()), '$.midas_dated') WHERE User = ?", user)
		w.sweep(s)
	}
}

// inBetween is a dialect before whose setSecret something happens.
type inBetween struct {
	dialect
	happens func()
}

func (b inBetween) setSecret(ctx context.Context, q querier, a Account, secret string) error {
	b.happens()
	return b.dialect.setSecret(ctx, q, a, secret)
}

// A changed password makes sessions until it is taken back: by a program that signs in over and
// over, at the last moment.
func TestSessionsMadeUntilThePasswordIsTakenBack(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		w.create(s, user, idA)
		w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
		var session *sql.Conn
		s.dialect = inBetween{s.dialect, sync.OnceFunc(func() {
			session, _ = w.poolOf(user, "Mine-0wn", "", nil).Conn(t.Context()) // none, where it is locked meanwhile
		})}
		w.sweep(s)
		if session != nil {
			w.wantEnded(session)
			session.Close()
		}
	})
}

// An AADUSER cannot do what a server asks of the owner of an expired password.
func TestExpiredPassword(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		for _, policy := range []string{"PASSWORD EXPIRE", "PASSWORD EXPIRE INTERVAL 90 DAY"} {
			w.exec("ALTER USER " + quoteAccount(user, "%") + " " + policy)
			if w.mysql() { // on MariaDB midas gives its passwords a date of its own
				w.exec("UPDATE mysql.user SET password_last_changed = '2001-01-01' WHERE User = '" + user + "'")
				w.exec("FLUSH PRIVILEGES")
			}
			w.sweep(s)
			session := w.directly(user, w.secret(s, account))
			if _, err := session.ExecContext(t.Context(), "DO 1"); err != nil {
				t.Errorf("%s: %v", policy, err)
			}
		}
	})
}

// An end that an administrator gives to all passwords is taken off again, and ends no session.
func TestPasswordThatIsToExpire(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		session := w.directly(user, w.secret(s, account))
		w.exec("ALTER USER " + quoteAccount(user, "%") + " PASSWORD EXPIRE DEFAULT")
		w.sweep(s)
		if err := session.PingContext(t.Context()); err != nil {
			t.Errorf("a session ended: %v", err)
		}
		users, err := s.dialect.byName(t.Context(), w.root, user)
		if err != nil || len(users) != 1 || !users[0].bound {
			t.Errorf("%+v: %v", users, err)
		}
	})
}

// An account can be renamed to the name that midas signs in by. What ends its sessions must not
// end midas's.
func TestSessionsOfAnAccountWithItsOwnName(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		service, user := w.name("midas"), w.name("app")
		w.exec("CREATE USER " + quoteAccount(service, "localhost") + " IDENTIFIED BY 'Its-0wn'")
		w.exec("GRANT ALL ON *.* TO " + quoteAccount(service, "localhost") + " WITH GRANT OPTION")
		cfg := w.config("first")
		cfg.DB = w.poolOf(service, "Its-0wn", "", nil)
		s, own := w.open(cfg), w.directly(service, "Its-0wn")
		w.create(s, user, idA)
		w.exec("RENAME USER " + quoteAccount(user, "%") + " TO " + quoteAccount(service, "10.9.9.9"))
		w.sweep(s)
		w.exec("ALTER USER " + quoteAccount(service, "10.9.9.9") + " IDENTIFIED BY 'Mine-0wn'")
		w.sweep(s)
		if err := own.PingContext(t.Context()); err != nil {
			t.Errorf("a session of midas's own ended: %v", err)
		}
	})
}
