package account

import (
	"context"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

// A user who may write to schema midas can keep midas from writing rows, by a trigger or a lock.
// Sweep locks and drops accounts and resets their secrets all the same, in time.
func TestSweepThoughRowsCannotBeWritten_slow(t *testing.T) {
	ways := map[string][]string{
		"refusing trigger": {"CREATE TRIGGER midas.planted%e BEFORE %e ON midas.aaduser FOR EACH ROW SIGNAL SQLSTATE '45000'"},
		"sleeping trigger": {"CREATE TRIGGER midas.planted%e BEFORE %e ON midas.aaduser FOR EACH ROW SET @slept = SLEEP(100)"},
		"locked row":       {"BEGIN", "SELECT * FROM midas.aaduser FOR UPDATE"},
	}
	onServers(t, func(t *testing.T, w *world) {
		w.trustFunctions()
		planter := w.name("planter")
		w.exec("CREATE USER " + quoteAccount(planter, "%") + " IDENTIFIED BY 'Aa1-Planter'")
		w.exec("GRANT ALL ON midas.* TO " + quoteAccount(planter, "%"))
		events := []string{"INSERT", "UPDATE", "DELETE"}
		t.Cleanup(func() {
			for _, e := range events {
				w.exec("DROP TRIGGER IF EXISTS midas.planted" + e)
			}
		})
		for way, statements := range ways {
			tag := way[:2]
			cfg := w.copied(w.copyDir())
			cfg.ServerID += tag
			cfg.Administrator = func(context.Context) (*midas.Administrator, error) { return nil, nil }
			s := w.open(cfg)
			gone, changed, former := w.name("gone"+tag), w.name("changed"+tag), w.name("former"+tag)
			account, other := w.create(s, gone, idA), w.create(s, changed, idB)
			if _, err := s.EnsureAdministrator(t.Context(), former, "99999999-2222-3333-4444-555555555555"); err != nil {
				t.Fatal(err)
			}
			db := w.poolOf(planter, "Aa1-Planter", "", nil)
			db.SetMaxOpenConns(1)
			w.execAs(db, "UPDATE midas.aaduser SET directory_name = 'x' WHERE `user` = '%s'", changed)
			for _, statement := range statements {
				for _, e := range events {
					w.execAs(db, "%s", strings.ReplaceAll(statement, "%e", e))
				}
			}
			w.dir.depart(idA)
			w.exec("ALTER USER " + quoteAccount(changed, "%") + " IDENTIFIED BY 'Mine-0wn'")
			for range 2 {
				if err := s.Sweep(t.Context()); err == nil {
					t.Errorf("%s: the sweep says nothing", way)
				}
			}
			if n := w.signIn(gone, w.secret(s, account)); n != w.lockedOut() {
				t.Errorf("%s: an account whose identity is gone gives %d", way, n)
			}
			if own, secret := w.signIn(changed, "Mine-0wn"), w.signIn(changed, w.secret(s, other)); own != denied || secret != 0 {
				t.Errorf("%s: its own password gives %d, the secret %d", way, own, secret)
			}
			if hosts := w.hosts(former); len(hosts) != 0 {
				t.Errorf("%s: the former administrator's account stays", way)
			}
			db.Close()
			w.dir.depart()
			for _, e := range events {
				w.exec("DROP TRIGGER IF EXISTS midas.planted" + e)
			}
			if err := s.Sweep(t.Context()); err != nil {
				t.Errorf("%s: afterwards: %v", way, err)
			}
			if got := w.lookup(s, changed); len(got) != 1 || got[0].Mapping != other.Mapping {
				t.Errorf("%s: afterwards: %v", way, got)
			}
		}
	})
}

// Nor does an old row that is put back keep an account from being looked after, though it opens
// nothing before an operator has confirmed that a backup was restored.
func TestSweepThoughAnOldRowIsPutBack(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.open(w.copied(w.copyDir())), w.name("app")
		made := w.create(s, user, idA)
		old := "midas.old_" + w.tag
		w.exec("CREATE TABLE " + old + " AS SELECT * FROM midas.aaduser WHERE `user` = '" + user + "'")
		t.Cleanup(func() { w.exec("DROP TABLE " + old) })
		if err := s.Rotate(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		after := w.lookup(s, user)[0]
		w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + old)
		w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
		w.sweep(s)
		if own, secret := w.signIn(user, "Mine-0wn"), w.signIn(user, w.secret(s, after)); own != denied || secret != 0 {
			t.Errorf("its own password gives %d, the secret %d", own, secret)
		}
		w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
		w.dir.depart(idA)
		defer w.dir.depart()
		w.sweep(s)
		if n := w.signIn(user, "Mine-0wn"); n == 0 {
			t.Error("its own password opens the account of an identity that is gone")
		}
		if n := w.signIn(user, w.secret(s, after)); n != w.lockedOut() {
			t.Errorf("the account of an identity that is gone gives %d", n)
		}
	})
}
