package stack

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas/arm"
)

// TestDatabasesThatWaitKeepNobodyOut: a user of a server locks a table of theirs, and CREATE DATABASE
// waits for it as long as they like. Those who may make databases there must not have all of midas's
// own connections wait with it.
func TestDatabasesThatWaitKeepNobodyOut(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		server := w.server()
		store := w.store(server)
		user, err := w.mysql.DB().Conn(t.Context())
		w.must(err)
		defer user.Close()
		for _, statement := range []string{"CREATE DATABASE theirs", "CREATE TABLE theirs.t (a INT)", "LOCK TABLES theirs.t WRITE"} {
			_, err = user.ExecContext(t.Context(), statement)
			w.must(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var asking sync.WaitGroup
		defer asking.Wait()
		for range 40 {
			asking.Go(func() { _ = databases{w.Stack}.Create(ctx, server, arm.Database{Name: "theirs"}) })
		}
		for waits := 0; waits < borrowedAtOnce; { // until they have what they get
			w.must(w.mysql.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE '%metadata lock%'").Scan(&waits))
		}
		soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := store.Sweep(soon); err != nil {
			t.Errorf("accounts are not looked after: %v", err)
		}
		if _, err := store.Lookup(soon, "somebody"); err != nil {
			t.Errorf("nobody signs in: %v", err)
		}
		stop()
		// MySQL does not notice that midas has given up, and the statements would take all connections.
		var seconds int
		w.must(w.behind().DB().QueryRowContext(t.Context(), "SELECT @@lock_wait_timeout").Scan(&seconds))
		if seconds > 30 {
			t.Errorf("what was given up waits for %d s", seconds)
		}
	})
}

// TestDeletedServerGivesItsConnectionsBack: what waits at a database that somebody else runs would
// go on taking connections from the next server there.
func TestDeletedServerGivesItsConnectionsBack(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		server := w.server()
		w.store(server)
		ctx, _, done, err := w.bindings.borrow(t.Context(), server)
		w.must(err)
		defer done()
		w.must(w.bindings.Remove(server))
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
			t.Error("the connection is kept")
		}
	})
}

// TestPagesOfDatabasesLeaveNoneOut: to a server two names may be the same that differ in case, and a page may
// end between them.
func TestPagesOfDatabasesLeaveNoneOut(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		server := w.server()
		w.store(server)
		want := []string{"Shop", "SHOP", "shop", "shop2"}
		for _, name := range want {
			w.must(databases{w.Stack}.Create(t.Context(), server, arm.Database{Name: name}))
		}
		var got []string
		for after := ""; ; {
			page, err := databases{w.Stack}.List(t.Context(), server, after, 1)
			w.must(err)
			if len(page) == 0 {
				break
			}
			after = page[0].Name
			if strings.EqualFold(after[:4], "shop") {
				got = append(got, after)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
	})
}
