package account

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Those who may write to the schemas midas and mysql, or alter accounts, can have long texts there.
// midas, in whose memory all servers' accounts are, does not read them.
func TestBackendFillsNoMemory_slow(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s := w.open(w.copied(w.copyDir()))
		account := w.create(s, w.name("own"), idA)
		// What the server allows in one text, and a packet of midas's own.
		const long, many = "REPEAT('a', 15000000)", 20
		t.Run("accounts", func(t *testing.T) {
			for i := range many {
				if w.mysql() {
					w.exec(fmt.Sprintf("CREATE USER 'f%s%d'@'h' ATTRIBUTE '{\"midas\": \"%s\"}'", w.tag, i, strings.Repeat("a", 15000000)))
					continue
				}
				w.exec(fmt.Sprintf("INSERT INTO mysql.global_priv VALUES ('h', 'f%s%d', CONCAT('{\"midas\": \"', %s, '\"}'))", w.tag, i, long))
			}
			w.isModest(t, func() error { _, err := s.dialect.all(t.Context(), w.root, s.server, ""); return err })
			for i := range many {
				if w.mysql() {
					w.exec(fmt.Sprintf("DROP USER 'f%s%d'@'h'", w.tag, i))
				}
			}
			if !w.mysql() {
				w.exec("DELETE FROM mysql.global_priv WHERE Host = 'h' AND User LIKE 'f" + w.tag + "%'")
			}
		})
		t.Run("rows", func(t *testing.T) {
			w.exec("ALTER TABLE midas.aaduser MODIFY `seal` LONGTEXT")
			for i := range many {
				w.exec(fmt.Sprintf("INSERT INTO midas.aaduser (%s, `created`) VALUES ('%s-%d', '%s', 'f%d', '%s', '', '', 'user', '', '', 0, 1, %s, '')",
					columns, w.tag, i, s.server, i, w.tag, long))
			}
			w.isModest(t, func() error { _, err := readRows(t.Context(), w.root, "1 = 1"); return err })
			if _, err := s.whole(t.Context(), w.root); !errors.Is(err, errFlooded) {
				t.Errorf("a table of %d long rows: %v", many, err)
			}
			w.advance(time.Minute)
			for end := time.Now().Add(time.Minute); s.Sweep(t.Context()) != nil; { // it may have no time to make the table again
				if time.Now().After(end) {
					t.Fatal("the table is not made again")
				}
			}
			if got := w.lookup(s, account.User); len(got) != 1 || got[0].Mapping != account.Mapping {
				t.Errorf("afterwards: %v", got)
			}
			for _, aside := range w.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'midas' AND TABLE_NAME LIKE 'aaduser\\_%'") {
				w.exec("DROP TABLE midas." + aside)
			}
		})
	})
}

// isModest checks that what do does takes little memory.
func (w *world) isModest(t *testing.T, do func() error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := do()
	runtime.ReadMemStats(&after)
	if taken := (after.TotalAlloc - before.TotalAlloc) >> 20; err != nil || taken > 32 {
		t.Errorf("%d MiB, %v", taken, err)
	}
}
