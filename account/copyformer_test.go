package account

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Stores open in any order. The server that goes elsewhere may be there before the one whose
// backend has its rows: it gets its accounts all the same, once.
func TestFormerMidasGoesElsewhereFirst(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		firstBefore, secondBefore := w.formerConfig("first", dir), w.formerConfig("second", dir)
		firstBefore.Copies, secondBefore.Copies = nil, nil // it kept none
		first, second := w.formerStore(firstBefore), w.formerStore(secondBefore)
		w.create(first, w.name("app"), idA)
		theirs, dropped := w.create(second, w.name("theirs"), idA), w.create(second, w.name("dropped"), idA)
		shared := w.save()
		for _, name := range []string{"app", "theirs", "dropped"} {
			w.exec("DROP USER " + quoteAccount(w.name(name), "%"))
		}
		w.exec("DELETE FROM midas.aaduser WHERE server LIKE '%" + w.tag + "%'")

		cfg := w.upgraded("second", dir)
		cfg.Former.Elsewhere = true
		s := w.open(cfg) // its own backend, which has nothing
		shared.restore()
		cfg = w.upgraded("first", dir)
		cfg.Former.TakesOver = true
		w.open(cfg)
		for _, a := range []Account{theirs, dropped} {
			w.exec("DROP USER " + quoteAccount(a.User, "%"))
		}
		w.sweep(s)
		for _, a := range []Account{theirs, dropped} {
			if now := w.opens(s, a.User, idA); now.Mapping != a.Mapping || now.Generation != a.Generation+1 {
				t.Errorf("%+v was %+v", now, a)
			}
		}
		w.exec("DROP USER " + quoteAccount(dropped.User, "%"))
		w.sweep(s)
		cfg = w.upgraded("second", dir)
		cfg.Former.Elsewhere = true
		again := w.open(cfg)
		w.opens(again, theirs.User, idA)
		if got := w.lookup(again, dropped.User); len(got) != 0 || len(w.hosts(dropped.User)) != 0 {
			t.Errorf("what was dropped is made again: %v", got)
		}
		files, err := os.ReadDir(dir)
		if err != nil || slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.Contains(f.Name(), "former") }) {
			t.Errorf("what waited for the server is kept: %v, %v", files, err)
		}
	})
}

// An administrator of the backend that servers shared kept the row of another server's AADUSER,
// which was dropped before the upgrade. Put back after it, the row makes no account.
func TestFormerRowsAreTakenOnce(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		firstBefore, secondBefore := w.formerConfig("first", dir), w.formerConfig("second", dir)
		firstBefore.Copies, secondBefore.Copies = nil, nil // it kept none
		w.create(w.formerStore(firstBefore), w.name("app"), idA)
		second := w.formerStore(secondBefore)
		revoked := w.create(second, w.name("revoked"), idA)
		stolen := w.save()
		w.exec("DROP USER " + quoteAccount(revoked.User, "%"))
		w.sweep(second)

		cfg := w.upgraded("second", dir)
		cfg.Former.Elsewhere = true
		s := w.open(cfg)
		first := func() {
			cfg := w.upgraded("first", dir)
			cfg.Former.TakesOver = true
			w.open(cfg)
		}
		first()
		w.sweep(s)
		stolen.restore()
		w.exec("DROP USER " + quoteAccount(revoked.User, "%")) // of the backend that it was at
		first()
		w.sweep(s)
		if got := w.lookup(s, revoked.User); len(got) != 0 || len(w.hosts(revoked.User)) != 0 {
			t.Errorf("an account that was dropped is back: %v, %v", got, w.hosts(revoked.User))
		}
		if rows := w.rows(revoked.User); len(rows) != 0 {
			t.Errorf("the row that was put back stays: %v", rows)
		}
	})
}

// A server that is made at the backend after another one, which took over what was there, takes
// nothing over: its administrator may have put the row back.
func TestFormerRowsAreTakenByOneServer(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		dir := w.copyDir()
		secondBefore := w.formerConfig("second", dir)
		secondBefore.Copies = nil // it kept none
		before := w.formerStore(secondBefore)
		revoked := w.create(before, w.name("revoked"), idA)
		stolen := w.save()
		w.exec("DROP USER " + quoteAccount(revoked.User, "%"))
		w.sweep(before)

		cfg := w.upgraded("second", dir)
		cfg.Former.Elsewhere = true
		s := w.open(cfg)
		first := func(server string, takenOver bool) *Store {
			cfg := w.upgraded(server, dir)
			cfg.Former.TakesOver, cfg.Former.TakenOver = true, takenOver
			return w.open(cfg)
		}
		one := first("first", false)
		if one.TookOthers() {
			t.Error("it took over accounts, and there were none")
		}
		if err := one.Uninstall(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		stolen.restore()
		w.exec("DROP USER " + quoteAccount(revoked.User, "%")) // of the backend that it was at
		first("again", true)
		w.sweep(s)
		if got := w.lookup(s, revoked.User); len(got) != 0 || len(w.hosts(revoked.User)) != 0 {
			t.Errorf("an account that was dropped is back: %v, %v", got, w.hosts(revoked.User))
		}
		if rows := w.rows(revoked.User); len(rows) != 0 {
			t.Errorf("the row that was put back stays: %v", rows)
		}
	})
}
