package account

import (
	"fmt"
	"testing"
	"time"
)

// However many servers share a backend, a round of sweeps with nothing to do reads its accounts
// once; what is wrong at one of them is found by the same look.
func TestOneLookForAllServers(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		var stores []*Store
		var accounts []Account
		for i := range 20 {
			cfg := w.config(fmt.Sprint("server", i))
			cfg.Copies = w.copied("").Copies
			s := w.open(cfg)
			accounts = append(accounts, w.create(s, w.name(fmt.Sprint("app", i)), idA))
			w.sweep(s)
			stores = append(stores, s)
		}
		round := func() (asked []int) {
			look, err := LookAt(t.Context(), w.root, w.server.Dialect)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range stores {
				did, err := s.SweepAfter(t.Context(), look)
				if err != nil {
					t.Error(err)
				}
				if did {
					asked = append(asked, i)
				}
			}
			return asked
		}
		selects := func() (n int) {
			var what string
			if err := w.root.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Com_select'").Scan(&what, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := selects()
		if asked := round(); asked != nil {
			t.Errorf("with nothing to do, these asked for themselves: %v", asked)
		}
		if n := selects() - before; n > 3 {
			t.Errorf("a round costs %d queries", n)
		}
		for i, s := range stores { // the gateway ends the sessions of accounts that are not there
			if live, _, err := s.Live(t.Context(), time.Hour); err != nil || live[accounts[i].Mapping] != accounts[i] {
				t.Errorf("after a round server %d has the accounts %v: %v", i, live, err)
			}
		}

		dropped, changed, placed, lost, added := accounts[3], accounts[5], accounts[7], accounts[9], accounts[11]
		w.replace([]string{"DROP USER %s"}, dropped.User)
		w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, changed.User)
		w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Mine-0wn'"}, placed.User)
		w.exec("DELETE FROM midas.aaduser WHERE mapping = ?", lost.Mapping)
		w.exec("UPDATE midas.aaduser SET principal = ? WHERE mapping = ?", idB, added.Mapping)
		if asked := fmt.Sprint(round()); asked != "[3 5 7 9 11]" {
			t.Errorf("asked for themselves: %s", asked)
		}
		if rows := w.rows(dropped.User); len(rows) != 0 {
			t.Errorf("the dropped one has rows %v", rows)
		}
		if n := w.signIn(changed.User, "Mine-0wn"); n != denied {
			t.Errorf("a changed password: %d", n)
		}
		if n := w.signIn(placed.User, "Mine-0wn"); n != w.lockedOut() {
			t.Errorf("in the place of an AADUSER: %d", n)
		}
		for _, i := range []int{9, 11} {
			if got := w.lookup(stores[i], accounts[i].User); len(got) != 1 || got[0] != accounts[i] {
				t.Errorf("Lookup = %v", got)
			}
		}
	})
}
