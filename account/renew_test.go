package account

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// sharedKey is what all servers of a former midas had in this test.
func (w *world) sharedKey() ServerKey {
	w.t.Helper()
	key, err := SharedKey(bytes.Repeat([]byte(w.tag+"."), 4))
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

// formerConfig is that of a server that a former midas made, in dir.
func (w *world) formerConfig(name, dir string) StoreConfig {
	cfg := w.config(name)
	cfg.Key, cfg.Copies = w.sharedKey(), w.copied(dir).Copies
	return cfg
}

// upgraded is the same server under its own key, in another process.
func (w *world) upgraded(name, dir string) StoreConfig {
	cfg := w.config(name)
	cfg.Copies, cfg.Former = w.copied(dir).Copies, Former{Keys: []ServerKey{w.sharedKey()}}
	return cfg
}

// formerStore opens a server as a former midas did.
func (w *world) formerStore(cfg StoreConfig) *Store {
	w.t.Helper()
	s, err := open(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// asBefore gives the table and the copies the form that a former midas left them in.
func (w *world) asBefore(stores ...*Store) {
	w.t.Helper()
	w.exec("ALTER TABLE midas.aaduser DROP COLUMN issuer, DROP COLUMN tenant")
	for _, s := range stores {
		f, ok := s.copies.(*copyFile)
		if !ok {
			continue
		}
		var doc map[string]any
		data, err := os.ReadFile(f.path)
		if err == nil {
			err = json.Unmarshal(data, &doc)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for _, row := range doc["rows"].([]any) {
			delete(row.(map[string]any), "issuer")
			delete(row.(map[string]any), "tenant")
		}
		if data, err = json.Marshal(doc); err == nil {
			err = os.WriteFile(f.path, data, 0o600)
		}
		if err != nil || doc["format"] != 1.0 || doc["keyVersion"] != nil {
			w.t.Fatalf("the copy is not as before: %v, %s", err, data)
		}
	}
}

// opens checks that an account of that name opens with the secret of s, and maps to id.
func (w *world) opens(s *Store, user, id string) Account {
	w.t.Helper()
	got := w.lookup(s, user)
	if len(got) != 1 || got[0].ID != id || got[0].Issuer != OwnIssuer || got[0].Tenant != tenant {
		w.t.Fatalf("Lookup(%s) = %+v", user, got)
	}
	if n := w.signIn(user, w.secret(s, got[0])); n != 0 {
		w.t.Errorf("signing in as %s: %d", user, n)
	}
	return got[0]
}

// A server that kept its backend goes on under its own key: accounts, grants and sessions are
// there, all that is derived is another, and what was given up stays out. What other servers
// had at the backend opens to nobody.
func TestFormerMidasIsTakenOver(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		first, second := w.formerStore(w.formerConfig("first", dir)), w.formerStore(w.formerConfig("second", dir))
		app, admin := w.create(first, w.name("app"), idA), w.admin(first, w.name("admin"), idB)
		before, after := w.name("before"), w.name("after")
		w.create(first, before, idA)
		w.create(first, w.name("gone"), idA)
		changed := w.create(first, w.name("changed"), idA)
		theirs, boss := w.create(second, w.name("theirs"), idA), w.admin(second, w.name("boss"), idB)
		former := map[string]string{app.User: first.Secret(app), admin.User: first.Secret(admin), theirs.User: second.Secret(theirs), boss.User: second.Secret(boss)}
		w.exec("GRANT SELECT ON mysql.* TO " + quoteAccount(app.User, "%"))
		grants := w.query("SHOW GRANTS FOR " + quoteAccount(app.User, "%"))
		session := w.poolOf(app.User, former[app.User], "", nil)
		if err := session.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.asBefore(first, second)
		// While no midas runs:
		w.exec("RENAME USER " + quoteAccount(before, "%") + " TO " + quoteAccount(after, "%"))
		w.exec("DROP USER " + quoteAccount(w.name("gone"), "%"))
		w.exec("ALTER USER " + quoteAccount(changed.User, "%") + " IDENTIFIED BY 'Mine-0wn'")

		cfg := w.upgraded("first", dir)
		cfg.Former.TakesOver = true
		s := w.open(cfg)
		for user, id := range map[string]string{app.User: idA, admin.User: idB, after: idA, changed.User: idA} {
			if a := w.opens(s, user, id); a.Generation == app.Generation || a.Admin != (user == admin.User) {
				t.Errorf("%s is %+v", user, a)
			}
		}
		for user, secret := range former {
			if n := w.signIn(user, secret); n != denied && n != w.lockedOut() {
				t.Errorf("the former secret of %s: %d", user, n)
			}
		}
		if got := w.query("SHOW GRANTS FOR " + quoteAccount(app.User, "%")); len(got) != len(grants) || !slices.Contains(got, grants[len(grants)-1]) {
			t.Errorf("grants %q were %q", got, grants)
		}
		if err := session.PingContext(t.Context()); err != nil {
			t.Errorf("a session: %v", err)
		}
		for _, user := range []string{before, w.name("gone")} {
			if got := w.lookup(s, user); len(got) != 0 || len(w.hosts(user)) != 0 {
				t.Errorf("%s: Lookup = %v, accounts %v", user, got, w.hosts(user))
			}
		}
		// The other server's accounts are there for the operator to look at, and nothing else.
		for _, a := range []Account{theirs, boss} {
			if n := w.signIn(a.User, former[a.User]); n != w.lockedOut() || len(w.rows(a.User)) != 0 {
				t.Errorf("%s: %d, rows %v", a, n, w.rows(a.User))
			}
			if hosts, err := s.Native(t.Context(), a.User); err != nil || len(hosts) > 0 {
				t.Errorf("%s is a native account: %v, %v", a, hosts, err)
			}
			if !strings.Contains(w.log.String(), a.String()) {
				t.Errorf("the log says nothing of %s", a)
			}
		}
		if again := w.opens(w.open(w.upgraded("first", dir)), app.User, idA); again != w.lookup(s, app.User)[0] {
			t.Errorf("the next start makes it anew again: %+v", again)
		}
		if kept := s.Rows(); len(kept) != 4 {
			t.Errorf("the copy has %v", kept)
		}
	})
}

// The accounts of a server that gets another backend are made anew there, for the same
// identities, and begin without grants; the administrator's get theirs at their sign-in.
func TestFormerMidasGoesElsewhere(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		for _, copied := range []bool{true, false} {
			dir := w.copyDir()
			firstBefore, secondBefore := w.formerConfig("first", dir), w.formerConfig("second", dir)
			if !copied { // it was so old that it kept none
				firstBefore.Copies, secondBefore.Copies = nil, nil
			}
			first, second := w.formerStore(firstBefore), w.formerStore(secondBefore)
			w.create(first, w.name("app"), idA)
			theirs, boss := w.create(second, w.name("theirs"), idA), w.admin(second, w.name("boss"), idB)
			taken := w.create(second, w.name("taken"), idA)
			w.asBefore(first, second)
			cfg := w.upgraded("first", dir)
			cfg.Former.TakesOver = true
			w.open(cfg)
			// The other backend has none of them, and one that is somebody's own.
			for _, a := range []Account{theirs, boss, taken} {
				w.exec("DROP USER " + quoteAccount(a.User, "%"))
			}
			w.exec("CREATE USER " + quoteAccount(taken.User, "%") + " IDENTIFIED BY 'Mine-0wn'")

			cfg = w.upgraded("second", dir)
			cfg.Former.Elsewhere = true
			s := w.open(cfg)
			if a := w.opens(s, theirs.User, idA); a.Mapping != theirs.Mapping || a.Generation != theirs.Generation+1 {
				t.Errorf("%+v was %+v", a, theirs)
			}
			if grants := w.query("SHOW GRANTS FOR " + quoteAccount(theirs.User, "%")); len(grants) != 1 || !strings.HasPrefix(grants[0], "GRANT USAGE ON *.*") {
				t.Errorf("grants %q", grants)
			}
			if a := w.admin(s, boss.User, idB); a.Mapping != boss.Mapping || w.signIn(boss.User, w.secret(s, a)) != 0 {
				t.Errorf("the administrator is %+v", a)
			}
			if n := w.signIn(taken.User, "Mine-0wn"); n != 0 || len(w.lookup(s, taken.User)) != 0 || !strings.Contains(w.log.String(), "is another account's") {
				t.Errorf("somebody's own account: %d", n)
			}
			again := w.upgraded("second", dir)
			again.Former.Elsewhere = true // for ever
			w.exec("DROP USER " + quoteAccount(theirs.User, "%"))
			if got := w.lookup(w.open(again), theirs.User); len(got) != 0 || len(w.hosts(theirs.User)) != 0 {
				t.Errorf("what was dropped afterwards is made again: %v", got)
			}
			// Nor by another version of the key, which is there before any sweep.
			w.exec("DROP USER " + quoteAccount(boss.User, "%"))
			if copied {
				if err := s.Rekey(t.Context(), w.key(again.ServerID, 2)); err != nil || len(w.hosts(boss.User)) != 0 {
					t.Errorf("what was dropped is made again with the key: %v", err)
				}
			}
			w.clean()
		}
	})
}

// Rows of a server that has no copy are made anew, too.
func TestFormerMidasWithoutCopy(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.formerConfig("first", "")
		cfg.Copies = nil
		s := w.formerStore(cfg)
		app, admin := w.create(s, w.name("app"), idA), w.admin(s, w.name("admin"), idB)
		w.asBefore()
		for range 2 {
			cfg := w.upgraded("first", "")
			cfg.Copies = nil
			next := w.open(cfg)
			w.opens(next, app.User, idA)
			w.opens(next, admin.User, idB)
		}
	})
}

// Nothing that is under a former key opens by itself: a backup of the time before is for the
// operator to confirm, and gets a secret under the key of now.
func TestBackupOfAFormerMidas(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		before := w.formerStore(w.formerConfig("first", dir))
		app := w.create(before, w.name("app"), idA)
		secret := w.secret(before, app)
		cfg := w.upgraded("first", dir)
		backup := w.save()
		s := w.open(cfg)
		w.opens(s, app.User, idA)
		backup.restore()
		s.Forget(app.User)
		w.closed(w.upgraded("first", dir), s, app.User, "older than its copy")
		if done, err := s.Restore(t.Context(), ""); err != nil || len(done) != 1 || !done[0].Restored {
			t.Fatalf("Restore = %+v, %v", done, err)
		}
		w.opens(s, app.User, idA)
		if n := w.signIn(app.User, secret); n != denied {
			t.Errorf("the secret of before: %d", n)
		}
	})
}

// Wherever a crash cuts it, the next start completes what the one before began.
func TestCrashWhileMadeAnew(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		texts := []string{"UPDATE midas.aaduser", "SELECT CONNECTION_ID()", "ALTER TABLE midas.aaduser ADD COLUMN `tenant`"}
		if w.mysql() {
			texts = append(texts, "ALTER USER")
		} else {
			texts = append(texts, "UPDATE mysql.global_priv", "FLUSH PRIVILEGES", "midas_unloaded')")
		}
		for _, text := range texts {
			dir := w.copyDir()
			s := w.formerStore(w.formerConfig("first", dir))
			app, other := w.create(s, w.name("app"), idA), w.create(s, w.name("other"), idB)
			w.asBefore(s)
			cfg := w.upgraded("first", dir)
			cfg.DB = w.faulty(&fault{text: text, lose: true})
			if _, err := New(t.Context(), cfg); err == nil && text != texts[2] { // another may be adding it
				t.Fatalf("%s: the crash was none", text)
			}
			next := w.open(w.upgraded("first", dir))
			w.opens(next, app.User, idA)
			w.opens(next, other.User, idB)
			// MariaDB cannot tell a secret that was half set from one that somebody changed.
			if (w.mysql() || text == texts[0]) && strings.Contains(w.log.String(), "was changed at the backend") {
				t.Errorf("%s: a secret of midas is taken for somebody's: %s", text, w.log.String())
			}
			w.log.text.Reset()
			w.wipe(next)
		}
	})
}

// The gateway ends the sessions of accounts that Live does not have. While the key changes it
// has all of them, whichever was made anew already.
func TestSessionsStayWhileTheKeyChanges(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		first := w.open(cfg)
		app, other := w.create(first, w.name("app"), idA), w.create(first, w.name("other"), idB)
		var s *Store
		look := func() {
			live, _, err := s.Live(t.Context(), -1)
			if err != nil || len(live) != 2 || live[app.Mapping].User != app.User || live[other.Mapping].User != other.User {
				t.Errorf("while the key changes Live has %v, %v", live, err)
			}
		}
		statement := "UPDATE mysql.global_priv SET Priv = JSON_SET(JSON_REMOVE"
		if w.mysql() {
			statement = "ALTER USER"
		}
		for n, text := range []string{"UPDATE midas.aaduser", statement} {
			cfg.DB = w.faulty(&fault{text: text, before: look})
			s = w.open(cfg)
			if err := s.Rekey(t.Context(), w.key(cfg.ServerID, n+2)); err != nil {
				t.Fatal(err)
			}
			cfg = w.copied(cfg.Copies.dir)
			cfg.Key, cfg.Former.Keys = w.key(cfg.ServerID, n+2), []ServerKey{w.key(cfg.ServerID, n+1)}
			w.opens(s, app.User, idA)
			w.opens(s, other.User, idB)
		}
	})
}

// Another version of the key: all that is derived is another, sessions stay, and what the
// former key opens is nothing. A copy that cannot be written leaves it to be completed.
func TestRekey(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s := w.open(cfg)
		app, admin := w.create(s, w.name("app"), idA), w.admin(s, w.name("admin"), idB)
		secret := w.secret(s, app)
		session := w.poolOf(app.User, secret, "", nil)
		if err := session.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.lookup(s, app.User) // remembered
		next := w.key(cfg.ServerID, 2)
		if err := s.Rekey(t.Context(), next); err != nil || s.KeyState() != next.State() || next.State().Version != 2 {
			t.Fatal(err)
		}
		for _, version := range []int{1, 2} {
			if err := s.Rekey(t.Context(), w.key(cfg.ServerID, version)); midas.CodeOf(err) != midas.Invalid {
				t.Errorf("version %d again: %v", version, err)
			}
		}
		w.opens(s, app.User, idA)
		w.opens(s, admin.User, idB)
		if n := w.signIn(app.User, secret); n != denied {
			t.Errorf("the former secret: %d", n)
		}
		if err := session.PingContext(t.Context()); err != nil {
			t.Errorf("a session: %v", err)
		}
		if seals := w.query("SELECT seal FROM midas.aaduser WHERE user = ?", app.User); !strings.HasPrefix(seals[0], "2.2.") {
			t.Errorf("sealed as %q", seals[0])
		}
		// The next start has the later key, or begins with the former and is refused.
		if _, err := New(t.Context(), w.copied(cfg.Copies.dir)); err == nil || !strings.Contains(midas.HintOf(err), "log") {
			t.Errorf("with the former key: %v", err)
		}
		later := w.copied(cfg.Copies.dir)
		later.Key, later.Former.Keys = next, []ServerKey{cfg.Key}
		w.opens(w.open(later), app.User, idA)

		// The copy cannot be written: what was begun is completed when it can.
		if err := os.Chmod(cfg.Copies.dir, 0o500); err != nil {
			t.Fatal(err)
		}
		moved := cfg.Copies.dir + "2"
		if err := os.Rename(cfg.Copies.dir, moved); err != nil {
			t.Fatal(err)
		}
		if err := s.Rekey(t.Context(), w.key(cfg.ServerID, 3)); midas.CodeOf(err) != midas.Unavailable {
			t.Fatalf("without a copy: %v", err)
		}
		if err := os.Rename(moved, cfg.Copies.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(cfg.Copies.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Minute)
		w.sweep(s)
		w.opens(s, app.User, idA)
		w.opens(s, admin.User, idB)
		if s.toRenew() || strings.Contains(w.log.String(), "was changed at the backend") {
			t.Errorf("the copy is under version %d; %s", s.copies.sealedUnder().version, w.log.String())
		}
	})
}
