package account

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A user who may write to schema midas can fill its table. Sweep checks the accounts all the same,
// midas does not hold all those rows in memory, and the log does not name each.
func TestTableThatIsFilled_slow(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s := w.open(w.copied(w.copyDir()))
		account, other := w.create(s, w.name("gone"), idA), w.create(s, w.name("own"), idB)
		defer w.dir.depart()
		fill := func(server string, thousands int) {
			for i := range thousands {
				values := make([]string, 1000)
				for j := range values {
					id := strconv.Itoa(i*1000 + j)
					values[j] = fmt.Sprintf("('%s-%s', '%s', 'f%s', '%s', '', '', 'user', '', '', 0, 1, '', NULL)", w.tag, id, server, id, w.tag)
				}
				w.exec("INSERT INTO midas.aaduser (" + strings.Replace(columns, "`seal`", "`created`, `seal`", 1) + ") VALUES " + strings.Join(values, ","))
			}
		}
		for _, server := range []string{s.server, w.tag + "-other"} {
			fill(server, maxRows/1000+1)
			if _, err := readRows(t.Context(), w.root, "1 = 1"); !isLost(err) {
				t.Errorf("reading a filled table: %v", err)
			}
			w.dir.depart(idA)
			w.exec("ALTER USER " + quoteAccount(other.User, "%") + " IDENTIFIED BY 'Mine-0wn'")
			_ = s.Sweep(t.Context()) // it may have no time to make the table again
			if n := w.signIn(account.User, w.secret(s, account)); n != w.lockedOut() {
				t.Errorf("an account whose identity is gone gives %d", n)
			}
			if own, secret := w.signIn(other.User, "Mine-0wn"), w.signIn(other.User, w.secret(s, other)); own != denied || secret != 0 {
				t.Errorf("its own password gives %d, the secret %d", own, secret)
			}
			for end := time.Now().Add(time.Minute); s.Sweep(t.Context()) != nil; {
				if time.Now().After(end) {
					t.Fatal("the table is not made again")
				}
			}
			for _, aside := range w.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'midas' AND TABLE_NAME LIKE 'aaduser\\_%'") {
				w.exec("DROP TABLE midas." + aside)
			}
			w.dir.depart()
			w.advance(time.Minute)
			w.sweep(s)
			if got := w.lookup(s, account.User); len(got) != 1 || got[0].Mapping != account.Mapping {
				t.Errorf("afterwards: %v", got)
			}
		}
		w.advance(time.Minute)
		fill(s.server, 1)
		before := strings.Count(w.log.String(), "is refused")
		w.sweep(s)
		if n := strings.Count(w.log.String(), "is refused") - before; n == 0 || n > refusedLines {
			t.Errorf("the log names %d rows", n)
		}
		w.exec("DELETE FROM midas.aaduser WHERE host = '" + w.tag + "'")
	})
}
