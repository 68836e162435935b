package account

import (
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// DROP USER is a plain statement that nobody but the backend sees; the mapping ends with
// it all the same.
func TestDropUserEndsTheMapping(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		first := w.create(s, user, idA)
		w.exec("DROP USER " + quoteAccount(user, "%"))
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 0 {
			t.Errorf("after DROP USER: %v", got)
		}
		if rows := w.rows(user); len(rows) != 0 {
			t.Errorf("its row is still there: %v", rows)
		}
		// A new AADUSER of that name is another account: not even its secret is the same.
		second := w.create(s, user, idA)
		if w.secret(s, second) == w.secret(s, first) || second.Mapping == first.Mapping {
			t.Errorf("a secret was used twice: %+v, then %+v", first, second)
		}
		if n := w.signIn(user, w.secret(s, first)); n != denied {
			t.Errorf("the dropped account's secret: %d", n)
		}
	})
}

// The same without a Lookup between: CREATE AADUSER meets the leftover row itself.
func TestDropAndCreate(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		first := w.create(s, user, idA)
		w.exec("DROP USER " + quoteAccount(user, "%"))
		second := w.create(s, user, idB)
		if w.secret(s, second) == w.secret(s, first) || second.Mapping == first.Mapping {
			t.Errorf("a secret was used twice: %+v, then %+v", first, second)
		}
		if got := w.lookup(s, user); len(got) != 1 || got[0] != second {
			t.Errorf("Lookup = %v", got)
		}
		if rows := w.rows(user); len(rows) != 1 || rows[0] != idB {
			t.Errorf("rows: %v", rows)
		}
	})
}

// An account in the place of an AADUSER, which nobody saw dropped, opens to no token, and
// to no password either: it may be the AADUSER without its mark. DROP USER is the way out.
func TestNativeAccountUnderAnOldName(t *testing.T) {
	for name, replace := range map[string][]string{
		"DROP USER, CREATE USER": {"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Its-0wn'"},
		"CREATE OR REPLACE USER": {"CREATE OR REPLACE USER %s IDENTIFIED BY 'Its-0wn'"},
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, func(t *testing.T, w *world) {
				if len(replace) == 1 && w.mysql() {
					return // it has no such statement
				}
				s, user := w.store(), w.name("app")
				account := w.create(s, user, idA)
				w.replace(replace, user)
				s.Forget(user)
				if got := w.lookup(s, user); len(got) != 0 {
					t.Fatalf("Lookup = %v", got)
				}
				expect(t, reassert(t, s, account), midas.Forbidden, denied)
				expect(t, s.Rotate(t.Context(), account), midas.Forbidden, denied)
				w.wantUnproven(s, account, "Its-0wn")
			})
		})
	}
}

// wantUnproven checks all that holds for an account in the place of a, also after somebody
// unlocked it, and that DROP USER is the way out.
func (w *world) wantUnproven(s *Store, a Account, password string) {
	w.t.Helper()
	for range 2 {
		s.Forget(a.User)
		if got := w.lookup(s, a.User); len(got) != 0 {
			w.t.Errorf("Lookup = %v", got)
		}
		if got, err := s.Native(w.t.Context(), a.User); err != nil || len(got) != 0 {
			w.t.Errorf("a password opens it at a gateway: %v, %v", got, err)
		}
		if n := w.signIn(a.User, password); n != w.lockedOut() {
			w.t.Errorf("its password gives %d at the backend", n)
		}
		got, err := s.Unproven(w.t.Context(), a.User)
		if err != nil || len(got) != 1 || got[0].Mapping != a.Mapping || got[0].ID != a.ID {
			w.t.Errorf("Unproven = %v, %v", got, err)
		}
		if !strings.Contains(w.log.String(), "an account is locked") || !strings.Contains(w.log.String(), "DROP USER "+a.String()) {
			w.t.Errorf("the log does not tell of it: %s", w.log.String())
		}
		_, err = s.Create(w.t.Context(), CreateRequest{Name: a.User, ID: idB, SkipValidation: true}, true)
		expect(w.t, err, midas.Conflict, 1396)
		if !strings.Contains(midas.HintOf(err), "DROP USER") {
			w.t.Errorf("hint %q", midas.HintOf(err))
		}
		w.replace([]string{"ALTER USER %s ACCOUNT UNLOCK"}, a.User)
		w.sweep(s)
	}
	w.replace([]string{"DROP USER %s"}, a.User)
	w.sweep(s)
	if rows := w.rows(a.User); len(rows) != 0 {
		w.t.Errorf("after DROP USER its row is still there: %v", rows)
	}
	w.create(s, a.User, idB)
}

func (w *world) sweep(s *Store) {
	w.t.Helper()
	if err := s.Sweep(w.t.Context()); err != nil {
		w.t.Error(err)
	}
}

func TestRenameUserIsFollowed(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, before, after := w.store(), w.name("before"), w.name("after `x`")
		w.create(s, before, idA)
		w.exec("GRANT SELECT ON mysql.* TO " + quoteAccount(before, "%"))
		if got := w.lookup(s, after); len(got) != 0 {
			t.Fatal(got) // and remembered
		}
		w.exec("RENAME USER " + quoteAccount(before, "%") + " TO " + quoteAccount(after, "localhost"))
		w.advance(time.Minute)
		got := w.lookup(s, after)
		if len(got) != 1 || got[0].User != after || got[0].Host != "localhost" || got[0].ID != idA {
			t.Fatalf("Lookup(after) = %v", got)
		}
		if got := w.lookup(s, before); len(got) != 0 {
			t.Errorf("Lookup(before) = %v", got)
		}
		if rows := w.rows(after); len(rows) != 1 {
			t.Errorf("rows: %v", rows)
		}
		// Secrets belong to names, and the new one's is there with the row.
		if n := w.signIn(after, w.secret(s, got[0])); n != 0 {
			t.Errorf("signing in: %d", n)
		}
		if again := w.create(s, before, idB); again.Mapping == got[0].Mapping {
			t.Error("the old name's new account has the renamed one's row")
		}
	})
}

// The old name's Lookup comes first: the row moves, and no token opens the old name.
func TestRenameUserSeenFromTheOldName(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, before, after := w.store(), w.name("before"), w.name("after")
		account := w.create(s, before, idA)
		leftover := w.create(s, after, idB)
		w.exec("DROP USER " + quoteAccount(after, "%"))
		w.exec("RENAME USER " + quoteAccount(before, "%") + " TO " + quoteAccount(after, "%"))
		if got := w.lookup(s, before); len(got) != 0 {
			t.Errorf("Lookup(before) = %v", got)
		}
		if got := w.lookup(s, after); len(got) != 1 || got[0].Mapping != account.Mapping || got[0].ID != idA {
			t.Errorf("Lookup(after) = %v, not the leftover %v", got, leftover)
		}
		if rows := w.query("SELECT mapping FROM midas.aaduser WHERE server = ?", s.server); len(rows) != 1 || rows[0] != account.Mapping {
			t.Errorf("rows: %v", rows)
		}
		expect(t, reassert(t, s, account), midas.Forbidden, denied)
	})
}

// Names may go round: whichever is looked up first, each row follows its own account.
func TestRenameUserInARound(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, a, b, c := w.store(), w.name("a"), w.name("b"), w.name("c")
		at := func(name string) string { return quoteAccount(name, "%") }
		for name, statement := range map[string]string{
			"moved up": "RENAME USER " + at(a) + " TO " + at(c) + ", " + at(b) + " TO " + at(a),
			"swapped":  "RENAME USER " + at(a) + " TO " + at(c) + ", " + at(b) + " TO " + at(a) + ", " + at(c) + " TO " + at(b),
		} {
			for _, first := range []string{a, b, c} {
				ids := map[string]string{w.create(s, a, idA).Mapping: idA, w.create(s, b, idB).Mapping: idB}
				w.exec(statement)
				want := map[string]string{"moved up": a + " " + idB + ", " + c + " " + idA, "swapped": a + " " + idB + ", " + b + " " + idA}[name]
				var got []string
				s.Forget(first)
				w.lookup(s, first)
				for _, user := range []string{a, b, c} {
					s.Forget(user)
					for _, account := range w.lookup(s, user) {
						got = append(got, user+" "+account.ID)
						if ids[account.Mapping] != account.ID {
							t.Errorf("%s: %+v is another's row", name, account)
						}
						w.exec("DROP USER " + at(user))
					}
				}
				if strings.Join(got, ", ") != want {
					t.Errorf("%s, looked at from %s: %q, want %q", name, first, got, want)
				}
				for _, user := range []string{a, b, c} {
					w.exec("DROP USER IF EXISTS " + at(user))
				}
			}
		}
	})
}

// A name that cannot be an AADUSER's ends the mapping: MariaDB has longer ones.
func TestRenameUserOutOfReach(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		if w.mysql() {
			return
		}
		s, before, after := w.store(), w.name("before"), w.name("a.name.of.more.than.thirty-two.characters")
		w.create(s, before, idA)
		w.exec("RENAME USER " + quoteAccount(before, "%") + " TO " + quoteAccount(after, "%"))
		for _, name := range []string{after, before} {
			if got := w.lookup(s, name); len(got) != 0 {
				t.Errorf("Lookup(%s) = %v", name, got)
			}
		}
		if rows := w.rows(before); len(rows) != 0 {
			t.Errorf("rows: %v", rows)
		}
	})
}

// MySQL shows the marker in SHOW CREATE USER, so a copy of an account carries it too.
func TestCopyOfAnAccount(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		copies := []string{w.name("copy1"), w.name("copy2")}
		for _, name := range copies {
			w.copyAccount(user, name)
		}
		for range 2 { // and the second time nothing has changed
			for _, name := range copies {
				if got := w.lookup(w.store(), name); len(got) != 0 {
					t.Errorf("Lookup(%s) = %v", name, got)
				}
			}
			if got := w.lookup(w.store(), user); len(got) != 1 || got[0] != account {
				t.Errorf("Lookup of the original = %v", got)
			}
		}
		// Nobody can tell which of two copies a dropped original became: neither.
		w.exec("DROP USER " + quoteAccount(user, "%"))
		for _, name := range append(copies, user) {
			if got := w.lookup(w.store(), name); len(got) != 0 {
				t.Errorf("after DROP USER: Lookup(%s) = %v", name, got)
			}
		}
		if rows := w.query("SELECT user FROM midas.aaduser WHERE mapping = ?", account.Mapping); len(rows) != 0 {
			t.Errorf("rows: %v", rows)
		}
	})
}
