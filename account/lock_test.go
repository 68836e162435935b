package account

import (
	"testing"
	"time"
)

// TestLockIsTakenFromPrograms: a stored program and an event have the name of their definer, who
// is midas here. An event is told by how it runs, a program by midas being alone at its backend.
func TestLockIsTakenFromPrograms(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.config("first")
		s, name, schema := w.open(cfg), cfg.Key.lockName(), w.database()
		account := w.create(s, w.name("app"), idA)
		w.exec("CREATE DATABASE IF NOT EXISTS " + schema)
		hold := "BEGIN DO GET_LOCK('" + name + "', 0); DO SLEEP(60); END"

		w.exec("SET GLOBAL event_scheduler = ON")
		t.Cleanup(func() { w.exec("SET GLOBAL event_scheduler = OFF") })
		w.exec("CREATE EVENT " + schema + ".holds ON SCHEDULE EVERY 1 SECOND DO " + hold)
		w.awaitHolder(name)
		w.dir.depart(idA)
		w.sweep(s)
		if n := w.signIn(account.User, w.secret(s, account)); n != w.lockedOut() {
			t.Errorf("an account whose identity is gone, after a sweep beside an event: %d", n)
		}
		w.exec("DROP EVENT " + schema + ".holds")
		w.create(s, w.name("next"), idB)

		w.exec("CREATE PROCEDURE " + schema + ".holds() " + hold)
		user := w.poor("user", "EXECUTE")
		go user.ExecContext(t.Context(), "CALL "+schema+".holds()")
		w.awaitHolder(name)
		cfg = w.config("first")
		cfg.Alone, cfg.Copies = true, nil
		w.create(w.open(cfg), w.name("last"), idB)
	})
}

func (w *world) awaitHolder(name string) {
	w.t.Helper()
	for until := time.Now().Add(20 * time.Second); w.query("SELECT IS_USED_LOCK(?) IS NOT NULL", name)[0] != "1"; {
		if time.Now().After(until) {
			w.t.Fatal("nobody has the lock")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
