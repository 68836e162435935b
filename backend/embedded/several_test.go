//go:build gms_pure_go

package embedded_test

import (
	"sync"
	"testing"
)

// Engines in one process have nothing of each other: no databases, accounts, locks, sessions or
// variables.
func TestSeveralEngines(t *testing.T) {
	one, other := start(t), start(t)
	one.run(one.DB(), "CREATE DATABASE shop")
	one.run(one.DB(), "CREATE TABLE shop.t (a INT PRIMARY KEY)")
	one.user("eve", "ALL PRIVILEGES ON *.*")
	eve := one.conn("eve")
	if _, err := eve.ExecContext(t.Context(), "DO GET_LOCK('lock', 0)"); err != nil {
		t.Fatal(err)
	}
	for what, query := range map[string]string{
		"databases": "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop'",
		"accounts":  "SELECT COUNT(*) FROM mysql.user WHERE User = 'eve'",
		"locks":     "SELECT COUNT(IS_USED_LOCK('lock'))",
		"sessions":  "SELECT COUNT(*) FROM information_schema.processlist WHERE User = 'eve'",
	} {
		var here, there int
		if err := one.DB().QueryRowContext(t.Context(), query).Scan(&here); err != nil || here != 1 {
			t.Errorf("%s of the engine itself: %d, %v", what, here, err)
		}
		if err := other.DB().QueryRowContext(t.Context(), query).Scan(&there); err != nil || there != 0 {
			t.Errorf("%s of the other engine: %d, %v", what, there, err)
		}
	}
	if err := other.open("eve").Ping(); err == nil {
		t.Error("an account of one engine opens the other")
	}
	for _, variable := range []string{"max_connections", "sql_mode", "autocommit", "wait_timeout", "read_only", "event_scheduler", "time_zone", "character_set_server"} {
		var before, after string
		if err := other.DB().QueryRowContext(t.Context(), "SELECT @@GLOBAL."+variable).Scan(&before); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{"SET GLOBAL " + variable + " = 1", "SET @@GLOBAL." + variable + " = 1", "SET PERSIST " + variable + " = 1", "SET GLOBAL " + variable + " = DEFAULT"} {
			if _, err := eve.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s: engines share what it sets", statement)
			}
			if err := other.DB().QueryRowContext(t.Context(), "SELECT @@GLOBAL."+variable).Scan(&after); err != nil || after != before {
				t.Errorf("%s changes the other engine from %q to %q, %v", statement, before, after, err)
			}
		}
	}
}

// They start side by side, and while others count statements: what the engine keeps in variables
// of the process, one that starts must not set anew.
func TestEnginesStartSideBySide(t *testing.T) {
	running := start(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { start(t) })
		all.Go(func() {
			for range 20 {
				running.run(running.DB(), "SHOW GLOBAL STATUS")
			}
		})
	}
	all.Wait()
}
