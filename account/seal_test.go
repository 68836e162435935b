package account

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// A row that somebody else wrote or changed opens nothing, whatever they changed.
func TestEditedRows(t *testing.T) {
	edits := map[string]string{
		"whom it admits":    "principal = '" + idB + "'",
		"what that is":      "kind = 'Group'",
		"the issuer":        "issuer = 'https://issuer.example/'",
		"no issuer":         "issuer = NULL",
		"the tenant":        "tenant = '" + idB + "'",
		"the directory":     "directory_name = 'x'",
		"the generation":    "generation = generation + 1",
		"the administrator": "admin = 1",
		"no seal":           "seal = NULL",
		"an empty seal":     "seal = ''",
		"another seal":      "seal = REPEAT('0', 64)",
		"a former form":     "seal = REPLACE(seal, '2.1.', '')",
		"another key":       "seal = REPLACE(seal, '2.1.', '2.2.')",
	}
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		w.exec("CREATE TABLE " + w.backup() + " AS SELECT * FROM midas.aaduser WHERE user = '" + user + "'")
		for what, edit := range edits {
			w.exec("UPDATE midas.aaduser SET "+edit+" WHERE user = ?", user)
			w.advance(refusedEvery)
			s.Forget(user)
			if got := w.lookup(s, user); len(got) != 0 {
				t.Errorf("%s: Lookup = %v", what, got)
			}
			expect(t, reassert(t, s, account), midas.Forbidden, denied)
			if !strings.Contains(w.log.String(), "without this server's key") || !strings.Contains(w.log.String(), account.Mapping) {
				t.Errorf("%s: the log says nothing of it", what)
			}
			w.log.text.Reset()
			_, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, true)
			expect(t, err, midas.Conflict, 1396)
			if rows := w.rows(user); len(rows) != 1 {
				t.Errorf("%s: rows %v: what was done can no longer be seen", what, rows)
			}
			w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + w.backup())
			s.Forget(user)
			if got := w.lookup(s, user); len(got) != 1 || got[0] != account {
				t.Fatalf("%s taken back: Lookup = %v", what, got)
			}
		}
		// A record that nothing stands behind is not in the way.
		w.exec("UPDATE midas.aaduser SET principal = ? WHERE user = ?", idB, user)
		w.exec("DROP USER " + quoteAccount(user, "%"))
		w.create(s, user, idA)
	})
}

// backup is a table outside schema midas, for rows as they were.
func (w *world) backup() string {
	w.t.Helper()
	w.exec("CREATE DATABASE IF NOT EXISTS " + w.database())
	return w.database() + ".backup"
}

// What a row says cannot be taken from another row, which midas did write.
func TestCopiedRows(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		first, second := w.store(), w.open(w.config("second"))
		victim, mine := w.name("victim"), w.name("mine")
		account := w.create(first, victim, idA)
		w.create(second, mine, idB)
		w.exec("CREATE TABLE " + w.backup() + " AS SELECT * FROM midas.aaduser WHERE server LIKE '%" + w.tag + "%'")
		const from = " b SET %s WHERE a.user = '%s' AND b.user = '%s'"
		for what, set := range map[string]string{
			"whom it admits, with its seal": "a.principal = b.principal, a.seal = b.seal",
			"all but name and mapping":      "a.principal = b.principal, a.kind = b.kind, a.server = b.server, a.generation = b.generation, a.directory_name = b.directory_name, a.seal = b.seal",
			"the server, with its seal":     "a.server = b.server, a.seal = b.seal",
		} {
			w.exec("UPDATE midas.aaduser a, " + w.backup() + fmt.Sprintf(from, set, victim, mine))
			w.refusesAll(what, victim, first, second)
			w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + w.backup())
		}
		// The whole row of one, under the other's name or mapping.
		for what, statements := range map[string][]string{
			"its mapping": {"DELETE FROM midas.aaduser WHERE user = '" + victim + "'", "UPDATE midas.aaduser SET mapping = '" + account.Mapping + "' WHERE user = '" + mine + "'"},
			"its name":    {"DELETE FROM midas.aaduser WHERE user = '" + victim + "'", "UPDATE midas.aaduser SET user = '" + victim + "' WHERE user = '" + mine + "'"},
			"both":        {"DELETE FROM midas.aaduser WHERE user = '" + victim + "'", "UPDATE midas.aaduser SET mapping = '" + account.Mapping + "', user = '" + victim + "' WHERE user = '" + mine + "'"},
		} {
			for _, statement := range statements {
				w.exec(statement)
			}
			w.refusesAll(what, victim, first, second)
			w.exec("DELETE FROM midas.aaduser WHERE server LIKE '%" + w.tag + "%' OR server = ''")
			w.exec("REPLACE INTO midas.aaduser SELECT * FROM " + w.backup())
		}
		first.Forget(victim)
		if got := w.lookup(first, victim); len(got) != 1 || got[0] != account {
			t.Errorf("Lookup = %v", got)
		}
		// A row of before counts for nothing once its account is another one.
		w.exec("DROP USER " + quoteAccount(victim, "%"))
		second.Forget(victim)
		w.exec("DELETE FROM midas.aaduser WHERE user = ?", victim)
		next := w.create(first, victim, idB)
		w.exec("DELETE FROM midas.aaduser WHERE user = ?", victim)
		w.exec("REPLACE INTO midas.aaduser SELECT * FROM "+w.backup()+" WHERE user = ?", victim)
		w.refusesAll("a row of before", victim, first)
		expect(t, reassert(t, first, account), midas.Forbidden, denied)
		expect(t, reassert(t, first, next), midas.Forbidden, denied)
	})
}

func (w *world) refusesAll(what, user string, stores ...*Store) {
	w.t.Helper()
	for _, s := range stores {
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 0 {
			w.t.Errorf("%s: Lookup = %+v", what, got)
		}
	}
}

// The administrator's row is like others: nobody makes one, or makes one of theirs.
func TestEditedAdministrator(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, login, user := w.store(), w.name("admin"), w.name("app")
		admin := w.admin(s, login, idA)
		w.create(s, user, idB)
		w.exec("UPDATE midas.aaduser SET admin = 1 - admin WHERE server = ?", s.server)
		w.advance(time.Minute)
		_, err := s.EnsureAdministrator(t.Context(), login, idA)
		expect(t, err, midas.Conflict, 1396)
		// The false one is not taken for a former administrator, whose account is dropped.
		if hosts := w.hosts(user); len(hosts) != 1 {
			t.Errorf("account %s is gone", user)
		}
		w.exec("UPDATE midas.aaduser SET admin = 1 - admin WHERE server = ?", s.server)
		if again := w.admin(s, login, idA); again != admin {
			t.Errorf("%+v became %+v", admin, again)
		}
	})
}

// Two midas with keys of their own may have one backend. Neither changes what is the
// other's.
func TestRowsOfAnotherKey(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.config("first")
		cfg.Key = serverKey(t, bytes.Repeat([]byte("another."), 4), cfg.ServerID, 1)
		s, other, user := w.store(), w.open(cfg), w.name("app")
		account := w.create(s, user, idA)
		if got := w.lookup(other, user); len(got) != 0 {
			t.Errorf("Lookup = %v", got)
		}
		_, err := other.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, true)
		expect(t, err, midas.Conflict, 1396)
		if err := other.Uninstall(t.Context(), true); err != nil {
			t.Error(err)
		}
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 1 || got[0] != account || w.signIn(user, w.secret(s, account)) != 0 {
			t.Errorf("Lookup = %v", got)
		}
	})
}

// A backend that an earlier midas has written goes on, if the caller knows of it; and
// nobody gets the same by taking the seals away.
func TestAdoptUnsealed(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user, changed := w.store(), w.name("app"), w.name("changed")
		account := w.create(s, user, idA)
		w.create(s, changed, idA)
		w.exec("ALTER TABLE midas.aaduser DROP COLUMN seal")
		if !Installed(t.Context(), w.root) {
			t.Error("Installed does not know the table")
		}
		if w.mysql() { // where accounts had a label alone
			w.exec("UPDATE mysql.user SET User_attributes = JSON_REMOVE(User_attributes, '$.midas') WHERE User LIKE '%" + w.tag + "'")
		}
		w.exec("ALTER USER " + quoteAccount(changed, "%") + " IDENTIFIED BY 'Mine-0wn'")

		w.refusesAll("without being told", user, w.store())
		cfg := w.config("first")
		cfg.AdoptUnsealed = true
		adopter := w.open(cfg)
		for _, next := range []*Store{adopter, w.store()} {
			if got := w.lookup(next, user); len(got) != 1 || got[0] != account || w.signIn(user, w.secret(next, account)) != 0 {
				t.Errorf("Lookup = %v", got)
			}
			got := w.lookup(next, changed)
			if len(got) != 1 {
				t.Fatalf("Lookup(changed) = %v", got)
			}
			if err := reassert(t, next, got[0]); err != nil {
				t.Error(err)
			}
		}
		w.exec("UPDATE midas.aaduser SET seal = 'x' WHERE user = ?", user)
		w.refusesAll("a wrong seal is not none", user, w.open(cfg))
	})
}

// A row that is refused is no line in the log for each sign-in that meets it.
func TestRefusedRowsAreSaidOnce(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		w.create(s, user, idA)
		w.exec("UPDATE midas.aaduser SET seal = 'none' WHERE user = ?", user)
		for range 20 {
			s.Forget(user)
			if got := w.lookup(s, user); len(got) != 0 {
				t.Fatalf("Lookup = %v", got)
			}
		}
		if n := strings.Count(w.log.String(), string(rowUnsealed)); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}
