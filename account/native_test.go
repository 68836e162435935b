package account

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// Only accounts that a password proves, and nothing else, may be signed in to by a
// gateway that passes passwords on.
func TestNative(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, ours := w.store(), w.name("ours")
		w.create(s, ours, idA)
		good := "IDENTIFIED BY 'Own-secret-1'"
		native := map[string]struct {
			clauses map[string]string // by host
			want    []string
		}{
			"one":        {map[string]string{"%": good}, []string{"%"}},
			"two":        {map[string]string{"%": good, "10.1.%": good}, []string{"%", "10.1.%"}},
			"one open":   {map[string]string{"%": good, "localhost": ""}, nil},
			"noPassword": {map[string]string{"%": ""}, nil},
		}
		if w.mysql() {
			native["otherPlugin"] = struct {
				clauses map[string]string
				want    []string
			}{map[string]string{"%": "IDENTIFIED WITH sha256_password BY 'Own-secret-1'"}, nil}
		} else {
			native["socket"] = struct {
				clauses map[string]string
				want    []string
			}{map[string]string{"%": "IDENTIFIED VIA unix_socket"}, nil}
			native["either"] = struct {
				clauses map[string]string
				want    []string
			}{map[string]string{"%": "IDENTIFIED VIA mysql_native_password USING PASSWORD('a') OR unix_socket"}, nil}
		}
		for what, tt := range native {
			user := w.name(what)
			for host, clause := range tt.clauses {
				w.exec(fmt.Sprintf("CREATE USER %s %s", quoteAccount(user, host), clause))
			}
			got, err := s.Native(t.Context(), user)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s: %q, %v; want %q", what, got, err, tt.want)
			}
		}
		role := w.name("role")
		w.exec("CREATE ROLE " + quoteName(role))
		t.Cleanup(func() { w.exec("DROP ROLE " + quoteName(role)) })
		other := w.open(w.config("second")) // an AADUSER of another server is none of its natives
		for _, user := range []string{ours, role, w.name("one") + " ", w.name("nobody"), "", "x\x00"} {
			for _, store := range []*Store{s, other} {
				if got, err := store.Native(t.Context(), user); err != nil || len(got) > 0 {
					t.Errorf("%q: %q, %v", user, got, err)
				}
			}
		}
	})
}

// The store's own user may do everything. Its password is not for the front door.
func TestServiceUserIsNotNative(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		w.store() // makes the schema, which the poor user may not
		cfg := w.config("first")
		cfg.DB = w.poor("service", "SELECT")
		s, service := w.open(cfg), w.name("service")
		// One of another host is a stranger's door to the same name.
		w.exec("CREATE USER " + quoteAccount(service, "10.1.%") + " IDENTIFIED BY 'Own-secret-1'")
		if got, err := s.Native(t.Context(), service); err != nil || len(got) > 0 {
			t.Errorf("midas's own user: %q, %v", got, err)
		}
		if got, err := w.store().Native(t.Context(), w.server.User); err != nil || len(got) > 0 {
			t.Errorf("midas's own user, root: %q, %v", got, err)
		}
		if got, err := w.store().Native(t.Context(), service); err != nil || len(got) != 2 {
			t.Errorf("to another midas it is an account like others: %q, %v", got, err)
		}
	})
}

// Strangers choose the names, and there is no end to them: what a token has proved must not
// wait for connections to the backend until all of those were looked up.
func TestNamesOfStrangersLeaveConnections(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.config("first")
		cfg.DB = w.pool("")
		cfg.DB.SetMaxOpenConns(8)
		s := w.open(cfg)
		blocked, err := w.root.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer blocked.Close()
		table := "mysql.global_priv"
		if w.mysql() {
			table = "mysql.user"
		}
		if _, err := blocked.ExecContext(t.Context(), "LOCK TABLES "+table+" WRITE"); err != nil {
			t.Fatal(err)
		}
		asked, give := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer give()
		for i := range 50 {
			all.Go(func() { s.Native(asked, w.name(fmt.Sprintf("nobody%d", i))) })
		}
		busy := func() int { return cfg.DB.Stats().InUse }
		for deadline := time.Now().Add(10 * time.Second); busy() < nativesAtOnce && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if err := cfg.DB.PingContext(ctx); err != nil {
				t.Errorf("no connection is left: %v, %d in use", err, busy())
				cancel()
				break
			}
			cancel()
		}
		give()
		if _, err := blocked.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
			t.Fatal(err)
		}
	})
}
