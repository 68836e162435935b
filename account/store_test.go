package account

import (
	"strings"
	"sync"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestNewMakesTheSchema(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		w.exec("DROP DATABASE IF EXISTS midas")
		// Gateways start together, on a server that would make tables of another engine.
		var all sync.WaitGroup
		for range 8 {
			db := w.pool("default_storage_engine=MyISAM")
			all.Go(func() {
				cfg := w.config("first")
				cfg.DB = db
				if _, err := New(t.Context(), cfg); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		s := w.store() // again, on what is there
		const about = " FROM information_schema.%s WHERE table_schema = 'midas' AND table_name = 'aaduser'"
		if got := w.query("SELECT engine" + strings.Replace(about, "%s", "tables", 1)); len(got) != 1 || got[0] != "InnoDB" {
			t.Errorf("engine %q: a crash of the server would lose accounts", got)
		}
		if got := w.query("SELECT collation_name" + strings.Replace(about, "%s", "columns", 1) + " AND column_name = 'user'"); got[0] != "utf8mb4_bin" {
			t.Errorf("user names compare as %q", got)
		}
		w.create(s, w.name("app"), idA)
	})
}

func TestNewForReader(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		account := w.create(w.store(), w.name("app"), idA)
		gone := w.create(w.store(), w.name("gone"), idA)
		cfg := w.config("first")
		cfg.DB = w.poor("reader", "SELECT")
		reader := w.open(cfg)
		if got := w.lookup(reader, account.User); len(got) != 1 || got[0] != account {
			t.Errorf("Lookup = %v", got)
		}
		// What it may not tidy up it still judges rightly.
		w.exec("DROP USER " + quoteAccount(gone.User, "%"))
		if got := w.lookup(reader, gone.User); len(got) != 0 {
			t.Errorf("Lookup of a dropped account = %v", got)
		}
		_, err := reader.Create(t.Context(), CreateRequest{Name: w.name("other"), ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Unavailable, 1105)
		if hosts, rows := w.hosts(w.name("other")), w.rows(w.name("other")); len(hosts)+len(rows) > 0 {
			t.Errorf("left behind: accounts %v, rows %v", hosts, rows)
		}

		w.exec("DROP DATABASE midas")
		_, err = New(t.Context(), cfg)
		expect(t, err, midas.Unavailable, 1105)
		if !strings.Contains(err.Error(), "make schema midas") {
			t.Errorf("%v", err)
		}
		w.store() // the next test expects it
	})
}

func TestNewRefuses(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		for name, change := range map[string]func(*StoreConfig){
			"no database":           func(c *StoreConfig) { c.DB = nil },
			"no server":             func(c *StoreConfig) { c.ServerID = "" },
			"a server id with room": func(c *StoreConfig) { c.ServerID += " " }, // SQL would take it for the one without
			"a long server id":      func(c *StoreConfig) { c.ServerID += strings.Repeat("x", 512) },
			"no dialect":            func(c *StoreConfig) { c.Dialect = "oracle" },
			"no key":                func(c *StoreConfig) { c.Key = ServerKey{} },
			"a shared key":          func(c *StoreConfig) { c.Key.version = 0 },
		} {
			cfg := w.config("first")
			change(&cfg)
			if _, err := New(t.Context(), cfg); midas.CodeOf(err) != midas.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		cfg := w.config("first")
		cfg.DB = w.pool("autocommit=0")
		if _, err := New(t.Context(), cfg); midas.CodeOf(err) != midas.Invalid || !strings.Contains(midas.HintOf(err), "autocommit") {
			t.Errorf("autocommit off: %v", err)
		}
		// The dialects must not be taken for each other: the marker would be lost.
		cfg = w.config("first")
		cfg.Dialect = map[string]string{"mysql": DialectMariaDB, "mariadb": DialectMySQL}[w.server.Dialect]
		_, err := New(t.Context(), cfg)
		expect(t, err, midas.Unavailable, 1105)
		if !strings.Contains(midas.HintOf(err), "or later is needed") {
			t.Errorf("hint %q", midas.HintOf(err))
		}
	})
}

func TestNewWithoutBackend(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.config("first")
		cfg.DB = w.pool("")
		s := w.open(cfg)
		cfg.DB.Close()
		_, err := New(t.Context(), cfg)
		expect(t, err, midas.Unavailable, 1105)
		_, err = s.found(t.Context(), w.name("app"))
		expect(t, err, midas.Unavailable, 1105)
		_, err = s.Create(t.Context(), CreateRequest{Name: w.name("app"), ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Unavailable, 1105)
		_, err = s.EnsureAdministrator(t.Context(), w.name("admin"), idA)
		expect(t, err, midas.Unavailable, 1105)
		expect(t, reassert(t, s, Account{User: w.name("app"), Host: "%"}), midas.Unavailable, 1105)
		expect(t, s.DropAdministrator(t.Context()), midas.Unavailable, 1105)
	})
}
