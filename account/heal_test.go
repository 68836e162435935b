package account

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// copied is w.config with a copy of the rows in a folder of the test.
func (w *world) copied(dir string) StoreConfig {
	w.t.Helper()
	cfg := w.config("first")
	var err error
	if cfg.Copies, err = OpenCopies(dir); err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

func (w *world) copyDir() string { return filepath.Join(w.t.TempDir(), "accounts") }

// losses are ways in which anyone who may write to the backend can lose all rows, or some.
var losses = map[string][]string{
	"the schema":          {"DROP DATABASE midas"},
	"the table":           {"DROP TABLE midas.aaduser"},
	"all rows":            {"TRUNCATE TABLE midas.aaduser"},
	"the users' rows":     {"DELETE FROM midas.aaduser WHERE admin = 0"},
	"the administrator's": {"DELETE FROM midas.aaduser WHERE admin = 1"},
	"their names":         {"UPDATE midas.aaduser SET user = CONCAT(user, '2')"},
	"their server":        {"UPDATE midas.aaduser SET server = 'another'"},
	"their ids":           {"UPDATE midas.aaduser SET mapping = UUID()"},
	"whom they admit":     {"UPDATE midas.aaduser SET principal = '" + idB + "'"},
	"their seals":         {"UPDATE midas.aaduser SET seal = NULL"},
	"a column":            {"ALTER TABLE midas.aaduser DROP COLUMN principal"},
	"its name":            {"DROP TABLE IF EXISTS midas.another", "RENAME TABLE midas.aaduser TO midas.another"},
	"to a view":           {"DROP TABLE midas.aaduser", "CREATE VIEW midas.aaduser AS SELECT 1 AS mapping"},
}

// Whatever is lost of the rows, the next sign-in opens the accounts that are there: at a
// gateway that runs, and at one that starts.
func TestLostRowsComeBack(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		s, user, login := w.open(w.copied(dir)), w.name("app"), w.name("admin")
		app, admin := w.create(s, user, idA), w.admin(s, login, idA)
		for what, statements := range losses {
			for _, restarted := range []bool{false, true} {
				w.log.text.Reset()
				for _, statement := range statements {
					w.exec(statement)
				}
				if restarted {
					s = w.open(w.copied(dir))
				}
				w.advance(time.Minute)
				if got := w.lookup(s, user); len(got) != 1 || got[0] != app {
					t.Fatalf("%s, restarted %v: Lookup = %v", what, restarted, got)
				}
				if again := w.admin(s, login, idA); again != admin {
					t.Fatalf("%s, restarted %v: the administrator is %+v", what, restarted, again)
				}
				if !strings.Contains(w.log.String(), "written again from their copy") || strings.Contains(w.log.String(), "deleted") {
					t.Errorf("%s, restarted %v: the log says %s", what, restarted, w.log.String())
				}
			}
		}
		if w.signIn(user, w.secret(s, app)) != 0 || w.signIn(login, w.secret(s, admin)) != 0 {
			t.Error("an account does not open")
		}
		w.exec("DROP DATABASE midas")
		w.create(s, w.name("more"), idA)
		w.exec("DROP DATABASE midas")
		if err := s.Rotate(t.Context(), app); err != nil {
			t.Errorf("Rotate: %v", err)
		}
	})
}

// The administrator is asked for first, after all was lost.
func TestLostAdministrator(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, login := w.open(w.copied(w.copyDir())), w.name("admin")
		admin := w.admin(s, login, idA)
		w.exec("DROP DATABASE midas")
		w.advance(time.Minute)
		if again := w.admin(s, login, idA); again != admin {
			t.Errorf("%+v became %+v", admin, again)
		}
		// Another administrator takes the place of the one whose row is lost.
		w.exec("DROP DATABASE midas")
		w.admin(s, w.name("next"), idB)
		if hosts := w.hosts(login); len(hosts) != 0 {
			t.Errorf("the former administrator's account is there: %v", hosts)
		}
	})
}

// A row comes back, its account does not: what has the name by now cannot be proven to be
// the row's own, and opens to nobody until DROP USER.
func TestLostRowsOpenNoOtherAccount(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		s, user, gone := w.open(w.copied(dir)), w.name("app"), w.name("gone")
		app := w.create(s, user, idA)
		w.create(s, gone, idA)
		w.exec("DROP DATABASE midas")
		w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Its-0wn'"}, user)
		w.exec("DROP USER " + quoteAccount(gone, "%"))
		w.advance(time.Minute)
		for range 2 {
			if got := append(w.lookup(s, user), w.lookup(s, gone)...); len(got) != 0 {
				t.Errorf("Lookup = %v", got)
			}
			expect(t, reassert(t, s, app), midas.Forbidden, denied)
			s = w.open(w.copied(dir))
		}
		if n := w.signIn(user, "Its-0wn"); len(w.hosts(gone)) != 0 || n != w.lockedOut() {
			t.Errorf("accounts %v were made, or the other one opens: %d", w.hosts(gone), n)
		}
		if left := s.Rows(); len(left) != 1 || left[0] != app {
			t.Errorf("the copy has %v", left)
		}
		w.exec("DROP USER " + quoteAccount(user, "%"))
		w.advance(time.Minute)
		if got := w.lookup(s, user); len(got)+len(s.Rows()) != 0 {
			t.Errorf("after DROP USER: Lookup = %v, the copy has %v", got, s.Rows())
		}
	})
}

// Anyone who may write to schema midas cannot turn their AADUSER into a native account by
// deleting its row.
func TestLostRowMakesNoNativeAccount(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.open(w.copied(w.copyDir())), w.name("eve")
		w.create(s, user, idA)
		w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Mine-0wn'"}, user)
		for _, statement := range []string{"DELETE FROM midas.aaduser", "DROP DATABASE midas"} {
			w.exec(statement)
			if hosts, err := s.Native(t.Context(), user); err != nil || len(hosts) != 0 {
				t.Errorf("%s: native with hosts %v, %v", statement, hosts, err)
			}
			if err := s.Sweep(t.Context()); err != nil {
				t.Errorf("%s: Sweep: %v", statement, err)
			}
			if rows := w.rows(user); len(rows) != 1 || w.signIn(user, "Mine-0wn") == 0 {
				t.Errorf("%s: after a sweep: rows %v, or the account is not locked", statement, rows)
			}
		}
	})
}

// A row follows RENAME USER also when it was lost between the two.
func TestLostRowFollowsItsAccount(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.open(w.copied(w.copyDir())), w.name("app")
		app := w.create(s, user, idA)
		w.exec("RENAME USER " + quoteAccount(user, "%") + " TO " + quoteAccount(user+"x", "%"))
		w.exec("DROP DATABASE midas")
		w.advance(time.Minute)
		app.User += "x"
		app.Generation++
		// The first look at the old name brings the rows back, the one at the new name
		// finds whose the account is.
		w.lookup(s, user)
		if got := w.lookup(s, user+"x"); len(got) != 1 || got[0] != app {
			t.Errorf("Lookup = %v", got)
		}
		if rows := s.Rows(); len(rows) != 1 || rows[0] != app {
			t.Errorf("the copy has %v", rows)
		}
	})
}

// Several servers have their rows in one table, and each brings back its own.
func TestLostRowsOfSeveralServers(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		first := w.open(cfg)
		cfg.ServerID += "x"
		second := w.open(cfg)
		one, two := w.create(first, w.name("one"), idA), w.create(second, w.name("two"), idB)
		w.exec("DROP DATABASE midas")
		w.advance(time.Minute)
		if got := append(w.lookup(first, one.User), w.lookup(second, two.User)...); len(got) != 2 || got[0] != one || got[1] != two {
			t.Errorf("Lookup = %v", got)
		}
		// Uninstall needs the rows, too.
		w.exec("DROP DATABASE midas")
		if err := first.Uninstall(t.Context(), true); err != nil || len(w.hosts(one.User)) != 0 || len(w.hosts(two.User)) != 1 {
			t.Errorf("Uninstall: %v; accounts %v and %v", err, w.hosts(one.User), w.hosts(two.User))
		}
		if got := w.lookup(second, two.User); len(got) != 1 {
			t.Errorf("Lookup = %v", got)
		}
		if err := second.Uninstall(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(cfg.Copies.dir, "*")); len(left) != 0 {
			t.Errorf("copies of servers that are gone: %v", left)
		}
	})
}

// What is remembered costs neither a question to the backend nor a look at a file.
func TestCopyIsNotOnTheWarmPath(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		cfg.DB = w.pool("")
		s, user := w.open(cfg), w.name("app")
		w.create(s, user, idA)
		admin := w.admin(s, w.name("admin"), idA)
		w.lookup(s, user)
		cfg.DB.Close()
		cfg.Copies.kept[s.server].now.Store(nil)
		if got := w.lookup(s, user); len(got) != 1 || w.admin(s, admin.User, idA) != admin {
			t.Errorf("Lookup = %v", got)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = s.Lookup(t.Context(), user) }); n > 1 {
			t.Errorf("%v allocations", n)
		}
	})
}

// A backend that starts without its data for a while, or whose backup is put back schema by
// schema, takes no account away: each opens again when its row and its account are there.
func TestBackendWithoutItsData(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		cfg := w.copied(dir)
		s, user, login, dropped := w.open(cfg), w.name("app"), w.name("admin"), w.name("dropped")
		w.create(s, dropped, idB)
		app, admin := w.create(s, user, idA), w.admin(s, login, idA)
		backup := w.save()
		w.exec("DROP USER " + quoteAccount(dropped, "%"))
		w.sweep(s)
		lose := func() {
			for _, name := range []string{user, login} {
				w.exec("DROP USER " + quoteAccount(name, "%"))
			}
			w.exec("DROP DATABASE midas")
		}
		check := func(how string) {
			t.Helper()
			w.advance(time.Minute)
			if again := w.admin(s, login, idA); again != admin || w.signIn(login, w.secret(s, admin)) != 0 {
				t.Errorf("%s: the administrator is %+v", how, again)
			}
			if got := w.lookup(s, user); len(got) != 1 || got[0] != app || w.signIn(user, w.secret(s, app)) != 0 {
				t.Errorf("%s: Lookup = %v", how, got)
			}
			w.closed(cfg, s, dropped, "its account was dropped")
		}

		lose()
		w.sweep(s)
		w.sweep(s)
		backup.restore()
		check("all at once")

		lose()
		w.sweep(s)
		w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + w.backup())
		w.sweep(s)
		if got := w.lookup(s, user); len(got) != 0 {
			t.Errorf("without the account: Lookup = %v", got)
		}
		cfg = w.copied(dir)
		s = w.open(cfg) // midas was restarted meanwhile
		w.sweep(s)
		backup.restore()
		w.sweep(s)
		check("rows first")

		// Meanwhile the server can be used as it is.
		lose()
		w.sweep(s)
		other := w.admin(s, login, idA)
		if w.create(s, user, idB); other.Mapping == admin.Mapping {
			t.Error("the administrator has the row of before")
		}
		backup.restore()
		w.sweep(s)
		check("after it was used")
	})
}

// A name that was made again after such a loss, and then dropped, stays dropped: a user who
// made the server lose everything, and kept a copy, would bring the former account back.
func TestDropAfterALossIsForGood(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		cfg := w.copied(dir)
		s, user := w.open(cfg), w.name("app")
		w.create(s, user, idA)
		backup := w.save()
		w.exec("DROP USER " + quoteAccount(user, "%"))
		w.exec("DROP DATABASE midas")
		w.sweep(s)
		w.create(s, user, idA)
		w.exec("DROP USER " + quoteAccount(user, "%"))
		w.sweep(s)
		backup.restore()
		w.sweep(s)
		w.closed(cfg, s, user, "its account was dropped")
		w.closed(w.copied(dir), w.open(w.copied(dir)), user, "its account was dropped")
	})
}

// A backend that starts with other data, in which an account has the name of one of the
// server's, takes no account away, however often; nor does a backup that is put back there and
// is older than what was lost.
func TestBackendWithOtherData(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user, login := w.open(cfg), w.name("app"), w.name("admin")
		app, admin := w.create(s, user, idA), w.admin(s, login, idA)
		right := w.save()
		lose := func() {
			for _, name := range []string{user, login} {
				w.exec("DROP USER IF EXISTS " + quoteAccount(name, "%"))
			}
			w.exec("DROP DATABASE midas")
		}
		lose()
		w.sweep(s)
		w.admin(s, login, idA)
		rows, account := w.backup()+"_other", w.database()+".accounts_other"
		table := "mysql.user"
		if !w.mysql() {
			table = "mysql.global_priv"
		}
		w.exec("CREATE TABLE "+rows+" AS SELECT * FROM midas.aaduser WHERE `server` = ?", strings.ToLower(cfg.ServerID))
		w.exec("CREATE TABLE "+account+" AS SELECT * FROM "+table+" WHERE User = ?", login)
		other := func() {
			lose()
			w.sweep(s)
			w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + rows)
			w.exec("REPLACE INTO " + table + " SELECT * FROM " + account)
			w.exec("FLUSH PRIVILEGES")
			w.sweep(s)
			w.sweep(s)
		}
		for range 2 {
			right.restore()
			w.sweep(s)
			w.advance(time.Minute)
			if again := w.admin(s, login, idA); again != admin || w.signIn(login, w.secret(s, admin)) != 0 {
				t.Errorf("the administrator is %+v", again)
			}
			if got := w.lookup(s, user); len(got) != 1 || got[0] != app || w.signIn(user, w.secret(s, app)) != 0 {
				t.Errorf("Lookup = %v", got)
			}
			other()
		}

		right.restore()
		w.sweep(s)
		w.advance(time.Minute)
		if err := s.Rotate(t.Context(), app); err != nil { // what is lost next is newer
			t.Fatal(err)
		}
		lose()
		w.sweep(s)
		right.restore()
		w.sweep(s)
		w.closed(cfg, s, user, "it is older than its copy")
		if _, err := s.Restore(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if got := w.lookup(s, user); len(got) != 1 || w.signIn(user, w.secret(s, got[0])) != 0 {
			t.Errorf("after Restore: Lookup = %v", got)
		}
	})
}
