package account

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// block keeps everyone from the rows until release.
func (w *world) block() (release func()) {
	w.t.Helper()
	conn, err := w.root.Conn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := conn.ExecContext(w.t.Context(), "LOCK TABLES midas.aaduser WRITE"); err != nil {
		w.t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if _, err := conn.ExecContext(context.Background(), "UNLOCK TABLES"); err != nil {
			w.t.Error(err)
		}
		conn.Close()
	})
}

// awaitBlocked returns when so many lookups wait for the rows.
func (w *world) awaitBlocked(n int) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if len(w.query("SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for table metadata lock'")) >= n {
			return
		}
	}
	w.t.Fatal("nobody waits for the rows")
}

// Callers who ask for one name share one question to the backend, and each may leave.
func TestLookupsShareAFlight(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		account := w.create(s, user, idA)
		s.db = w.pool("")
		s.db.SetMaxOpenConns(1)
		release := w.block()
		defer release()

		leaving, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { // the first, whose question it is
			_, err := s.found(leaving, user)
			left <- err
		}()
		w.awaitBlocked(1)
		var begun, stay sync.WaitGroup
		begun.Add(5)
		for range 5 {
			stay.Go(func() {
				begun.Done()
				if got, err := s.found(t.Context(), user); err != nil || len(got) != 1 || got[0] != account {
					t.Errorf("Lookup = %v, %v", got, err)
				}
			})
		}
		begun.Wait()
		leave()
		expect(t, <-left, midas.Unavailable, 1105)
		release()
		stay.Wait()
		if n := s.db.Stats().WaitCount; n != 0 {
			t.Errorf("%d lookups asked for a connection of their own", n)
		}
	})
}

// An answer under way while a name is forgotten is given, and not kept.
func TestForgetDuringLookup(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		w.create(s, user, idA)
		release := w.block()
		defer release()
		first := make(chan int)
		go func() {
			got, err := s.found(t.Context(), user)
			if err != nil {
				t.Error(err)
			}
			first <- len(got)
		}()
		w.awaitBlocked(1)
		// It has seen the account. Now somebody drops it, and says so.
		w.exec("DROP USER " + quoteAccount(user, "%"))
		s.Forget(user)
		second := make(chan int)
		go func() {
			got, err := s.found(t.Context(), user)
			if err != nil {
				t.Error(err)
			}
			second <- len(got)
		}()
		w.awaitBlocked(2)
		release()
		if n := <-first; n != 1 {
			t.Errorf("the first lookup began before and found %d", n)
		}
		if n := <-second; n != 0 {
			t.Errorf("the second began after and found %d", n)
		}
		if got := w.lookup(s, user); len(got) != 0 {
			t.Errorf("kept: %v", got)
		}
	})
}

// Errors are not remembered: the next lookup asks again.
func TestLookupForgetsErrors(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		w.create(s, user, idA)
		good, dead := s.db, w.pool("")
		dead.Close()
		for _, step := range []struct {
			db   *sql.DB
			want int
		}{{dead, 0}, {good, 1}, {dead, 1}} { // the last is from memory
			s.db = step.db
			got, err := s.found(t.Context(), user)
			if len(got) != step.want || (err == nil) != (step.want == 1) {
				t.Errorf("Lookup = %v, %v", got, err)
			}
		}
	})
}
