package account

import (
	"fmt"
	"testing"
	"time"
)

// A sweep with nothing to do reads the accounts of its backend once; what is wrong with some of
// them is put right by one sweep.
func TestSweepLooksOnce(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		var accounts []Account
		s := w.open(w.copied(""))
		for i := range 12 {
			accounts = append(accounts, w.create(s, w.name(fmt.Sprint("app", i)), idA))
		}
		w.sweep(s)
		selects := func() (n int) {
			var what string
			if err := w.root.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Com_select'").Scan(&what, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := selects()
		w.sweep(s)
		if n := selects() - before; n > 3 {
			t.Errorf("a sweep costs %d queries", n)
		}
		live, _, err := s.Live(t.Context(), time.Hour) // the gateway ends the sessions of accounts that are not there
		for _, a := range accounts {
			if err != nil || live[a.Mapping] != a {
				t.Errorf("after a sweep the server has the accounts %v: %v", live, err)
			}
		}

		dropped, changed, placed, lost, added := accounts[3], accounts[5], accounts[7], accounts[9], accounts[11]
		w.replace([]string{"DROP USER %s"}, dropped.User)
		w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, changed.User)
		w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Mine-0wn'"}, placed.User)
		w.exec("DELETE FROM midas.aaduser WHERE mapping = ?", lost.Mapping)
		w.exec("UPDATE midas.aaduser SET principal = ? WHERE mapping = ?", idB, added.Mapping)
		w.sweep(s)
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
			if got := w.lookup(s, accounts[i].User); len(got) != 1 || got[0] != accounts[i] {
				t.Errorf("Lookup = %v", got)
			}
		}
	})
}
