package account

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// saved is a backup of all that the backend says about accounts: rows and accounts.
type saved struct {
	w      *world
	tables map[string]string // by table: where the backup is
}

func (w *world) save() saved {
	w.t.Helper()
	accounts := "mysql.user"
	if !w.mysql() {
		accounts = "mysql.global_priv"
	}
	rows := w.backup()
	w.exec("DROP TABLE IF EXISTS " + rows + ", " + rows + "_users")
	w.exec("CREATE TABLE " + rows + " AS SELECT * FROM midas.aaduser WHERE server LIKE '%" + w.tag + "%'")
	w.exec("CREATE TABLE " + rows + "_users AS SELECT * FROM " + accounts + " WHERE User LIKE '%" + w.tag + "%'")
	return saved{w, map[string]string{"midas.aaduser": rows, accounts: rows + "_users"}}
}

// restore puts everything back, as a script that loads a dump does.
func (b saved) restore() {
	b.w.t.Helper()
	b.w.exec("DELETE FROM midas.aaduser WHERE server LIKE '%" + b.w.tag + "%'")
	for table, from := range b.tables {
		b.w.exec("REPLACE INTO " + table + " SELECT * FROM " + from)
	}
	b.w.exec("FLUSH PRIVILEGES")
	b.w.advance(time.Minute)
}

// refused checks that the user's account is closed, now and after a new start, and that
// nothing that midas does by itself opens it.
func (w *world) closed(cfg StoreConfig, s *Store, user, says string) {
	w.t.Helper()
	for _, gateway := range []*Store{s, w.open(cfg)} {
		for range 2 {
			got, err := gateway.found(w.t.Context(), user)
			if says == "" && (err != nil || len(got) != 0) {
				w.t.Errorf("Lookup = %v, %v", got, err)
			}
			if says != "" {
				expect(w.t, err, midas.Forbidden, denied)
				if !strings.Contains(err.Error(), says) || !strings.Contains(midas.HintOf(err), "aad-user restore") {
					w.t.Errorf("%v (%s)", err, midas.HintOf(err))
				}
			}
			gateway.Forget(user)
		}
		_, err := gateway.Create(w.t.Context(), CreateRequest{Name: user, ID: idB, SkipValidation: true}, true)
		expect(w.t, err, midas.Conflict, 1396)
	}
}

// restores runs Restore for user, and wants it to open accounts of these names.
func (w *world) restores(s *Store, user string, want ...string) {
	w.t.Helper()
	done, err := s.Restore(w.t.Context(), user)
	if err != nil {
		w.t.Fatal(err)
	}
	var opened []string
	for _, one := range done {
		if one.Restored {
			opened = append(opened, one.Account.User)
		}
	}
	slices.Sort(opened)
	slices.Sort(want)
	if !slices.Equal(opened, want) {
		w.t.Errorf("Restore(%q) = %+v, want %v", user, done, want)
	}
}

// A backup from before a change of an account is refused until it is confirmed.
func TestOldBackup(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user, login := w.open(cfg), w.name("app"), w.name("admin")
		before, _ := w.create(s, user, idA), w.admin(s, login, idA)
		backup := w.save()
		if err := s.Rotate(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		w.admin(s, login, idB) // the former administrator is another
		backup.restore()
		s.admin.forget()
		w.closed(cfg, s, user, "older than its copy")
		_, err := s.EnsureAdministrator(t.Context(), login, idB)
		expect(t, err, midas.Conflict, 1396)
		if !strings.Contains(midas.HintOf(err), "aad-user restore") {
			t.Errorf("%v (%s)", err, midas.HintOf(err))
		}
		w.restores(s, user, user)
		got := w.lookup(s, user)
		if len(got) != 1 || got[0].Generation != before.Generation+2 || w.signIn(user, w.secret(s, got[0])) != 0 || w.signIn(user, s.Secret(before)) != denied {
			t.Errorf("after Restore: Lookup = %+v", got)
		}
		w.restores(s, "", login)
		// Whom the directory names is the administrator, whatever the backup says.
		if a := w.admin(s, login, idB); a.ID != idB || w.signIn(login, w.secret(s, a)) != 0 {
			t.Errorf("%+v", a)
		}
		w.restores(s, "")
		// Confirmed once is not confirmed for ever.
		backup.restore()
		w.closed(cfg, w.open(cfg), user, "older than its copy")
	})
}

// An old row alone, put back by anyone who may write to schema midas.
func TestOldRowPutBack(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user, login := w.open(cfg), w.name("app"), w.name("admin")
		app, _ := w.create(s, user, idA), w.admin(s, login, idA)
		backup := w.save()
		if err := s.Rotate(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		w.admin(s, login, idB)
		w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + backup.tables["midas.aaduser"])
		w.advance(time.Minute)
		w.closed(cfg, s, user, "older than its copy")
		if got, err := s.found(t.Context(), login); len(got) != 0 || err == nil {
			t.Errorf("the former administrator: %v, %v", got, err)
		}
		// Deleting it brings back the right one.
		w.exec("DELETE FROM midas.aaduser")
		w.advance(time.Minute)
		if got := append(w.lookup(s, user), w.lookup(s, login)...); len(got) != 2 || got[0].Generation != app.Generation+1 || got[1].ID != idB {
			t.Errorf("Lookup = %v", got)
		}
	})
}

// An old row takes the place of the one that has the name now: the account says whose it
// is, and the administrator is not locked out either.
func TestOldRowUnderATakenName(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user, login := w.open(cfg), w.name("app"), w.name("admin")
		w.create(s, user, idA)
		w.admin(s, login, idA)
		old := w.save().tables["midas.aaduser"]
		w.exec("DROP USER " + quoteAccount(user, "%"))
		w.create(s, user, idB)
		if err := s.DropAdministrator(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.admin(s, login, idB)
		for _, restarted := range []bool{false, true} {
			w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + old)
			w.advance(time.Minute)
			if restarted {
				s = w.open(w.copied(cfg.Copies.dir))
			}
			for name, a := range map[string]Account{user: {}, login: w.admin(s, login, idB)} {
				if got := w.lookup(s, name); len(got) != 1 || got[0].ID != idB || (a.Admin && got[0] != a) || w.signIn(name, w.secret(s, got[0])) != 0 {
					t.Errorf("restarted %v: Lookup(%s) = %+v", restarted, name, got)
				}
			}
		}
	})
}

// Whom a backup brings back that was dropped since stays out, unless somebody names them.
func TestBackupWithDroppedAccounts(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, left, stays := w.open(cfg), w.name("left"), w.name("stays")
		gone := w.create(s, left, idA)
		kept := w.create(s, stays, idA)
		backup := w.save()
		w.exec("DROP USER " + quoteAccount(left, "%"))
		w.advance(time.Minute)
		w.lookup(s, left)
		fresh := w.create(s, w.name("fresh"), idB)
		backup.restore()
		w.closed(cfg, s, left, "its account was dropped")
		if got := w.lookup(s, stays); len(got) != 1 || got[0] != kept {
			t.Errorf("Lookup = %v", got)
		}
		// The account was not in the backup: its row comes back, and then it is clear that
		// nothing stands behind it.
		w.exec("DROP USER " + quoteAccount(fresh.User, "%"))
		w.advance(time.Minute)
		if got := w.lookup(s, fresh.User); len(got) != 0 {
			t.Errorf("Lookup = %v", got)
		}
		w.restores(s, "")
		w.closed(cfg, s, left, "its account was dropped")
		w.restores(s, left, left)
		if got := w.lookup(s, left); len(got) != 1 || got[0].Generation != gone.Generation+1 || w.signIn(left, w.secret(s, got[0])) != 0 {
			t.Errorf("after Restore: Lookup = %v", got)
		}
		if got := w.lookup(w.open(w.copied(cfg.Copies.dir)), left); len(got) != 1 {
			t.Errorf("after a new start: Lookup = %v", got)
		}
	})
}

// The name was given to another identity since. The backup has the former one's account.
func TestBackupUnderATakenName(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user := w.open(cfg), w.name("app")
		w.create(s, user, idA)
		backup := w.save()
		w.exec("DROP USER " + quoteAccount(user, "%"))
		w.create(s, user, idB)
		w.exec("DROP USER " + quoteAccount(user, "%"))
		backup.restore()
		w.closed(cfg, s, user, "its account was dropped")
		w.restores(s, "")
		w.restores(s, user, user)
		if got := w.lookup(s, user); len(got) != 1 || got[0].ID != idA || len(s.Rows()) != 1 {
			t.Errorf("Lookup = %v, the copy has %v", got, s.Rows())
		}
	})
}

// A row that the copy does not know, as when the copy was restored from a backup.
func TestRowThatTheCopyDoesNotKnow(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user, other := w.open(cfg), w.name("app"), w.name("other")
		made := w.create(w.store(), user, idA) // at a gateway without a copy
		w.create(w.store(), other, idA)
		w.closed(cfg, s, user, "does not know it")
		w.restores(s, user, user)
		if got := w.lookup(s, user); len(got) != 1 || got[0].Generation != made.Generation+1 {
			t.Errorf("Lookup = %v", got)
		}
		w.closed(cfg, s, other, "does not know it")
		w.exec("DROP USER " + quoteAccount(other, "%"))
		w.restores(s, "")
		w.create(s, other, idB)
		// Without any copy the rows are taken as they are, and that is said once.
		again := w.copied(w.copyDir())
		for i := range 2 {
			w.log.text.Reset()
			if got := w.lookup(w.open(again), user); len(got) != 1 || strings.Contains(w.log.String(), "no copy") != (i == 0) {
				t.Errorf("start %d: Lookup = %v, log %s", i, got, w.log.String())
			}
		}
	})
}

// Of a row and its copy the higher generation wins.
func TestRowNewerThanItsCopy(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user := w.open(cfg), w.name("app")
		app := w.create(s, user, idA)
		if err := w.store().Rotate(t.Context(), app); err != nil { // at a gateway without a copy
			t.Fatal(err)
		}
		app.Generation++
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 1 || got[0] != app {
			t.Errorf("Lookup = %v", got)
		}
		w.exec("DROP DATABASE midas")
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 1 || got[0] != app {
			t.Errorf("after a loss: Lookup = %v", got)
		}
	})
}

// Those who know a key that the server had before can seal a row as another's. The operator who
// confirms it gives the account back to its owner alone.
func TestRestoreGoesByTheCopyForPrincipals(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s := w.open(cfg)
		app := w.create(s, w.name("app"), idA)
		if err := s.Rekey(t.Context(), w.key(cfg.ServerID, 2)); err != nil {
			t.Fatal(err)
		}
		forged := app
		forged.ID = idB
		w.exec(`UPDATE midas.aaduser SET principal = ?, generation = ?, seal = ? WHERE mapping = ?`, forged.ID, forged.Generation, cfg.Key.seal(forged), forged.Mapping)
		w.advance(time.Minute)
		w.restores(s, "", app.User)
		w.opens(s, app.User, idA)
	})
}

// A key is replaced because somebody may know it, who can then seal a row that nobody made. An
// operator who restores a backup confirms it only by name.
func TestRestoreOfWhatOnlyAReplacedKeyVouchesFor(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s := w.open(cfg)
		w.create(s, w.name("app"), idA)
		other := w.copied(w.copyDir()) // its copy is another, its key the same
		user := w.name("stranger")
		w.create(w.open(other), user, idB)
		w.advance(time.Minute)
		w.closed(cfg, s, user, "its copy does not know it")
		if err := s.Rekey(t.Context(), w.key(cfg.ServerID, 2)); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Minute)
		w.restores(s, "")
		if _, err := s.found(t.Context(), user); err == nil || !strings.Contains(midas.HintOf(err), "--name") {
			t.Errorf("%v (%s)", err, midas.HintOf(err))
		}
		w.restores(s, user, user)
		w.opens(s, user, idB)
	})
}
