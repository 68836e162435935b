package account

import (
	"testing"
	"time"
)

// A user who may write to schema midas can put a view in the place of the table, or a trigger on
// it. A view may call a function that has the rights of its reader.
func TestPlantedViewRunsNothing(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		w.exec("CREATE DATABASE " + w.database())
		w.exec("CREATE TABLE " + w.database() + ".got (a VARCHAR(100))")
		w.trustFunctions()
		w.exec("CREATE FUNCTION " + w.database() + ".f() RETURNS INT SQL SECURITY INVOKER MODIFIES SQL DATA " +
			"BEGIN INSERT INTO " + w.database() + ".got VALUES (CURRENT_USER()); RETURN 1; END")
		s, user := w.open(w.copied(w.copyDir())), w.name("app")
		app := w.create(s, user, idA)
		for _, row := range []string{"", " AND `mapping` = ''"} {
			w.exec("RENAME TABLE midas.aaduser TO " + w.database() + ".aaduser")
			w.exec("CREATE SQL SECURITY INVOKER VIEW midas.aaduser AS SELECT * FROM " + w.database() + ".aaduser WHERE " +
				w.database() + ".f() = 1" + row + " WITH CHECK OPTION")
			w.advance(time.Minute)
			for what, write := range map[string]func() error{
				"insert": func() error { return s.writeRow(t.Context(), app) },
				"update": func() error { return s.rewriteRow(t.Context(), app) },
				"delete": func() error { return s.discardRow(t.Context(), app.Mapping) },
			} {
				if err := write(); !isLost(err) {
					t.Errorf("%s at a view: %v", what, err)
				}
			}
			if err := s.Sweep(t.Context()); err != nil {
				t.Errorf("Sweep: %v", err)
			}
			if got := w.lookup(s, user); len(got) != 1 || got[0] != app {
				t.Errorf("Lookup = %v", got)
			}
			w.exec("DROP TABLE " + w.database() + ".aaduser")
		}
		if got := w.query("SELECT a FROM " + w.database() + ".got"); len(got) != 0 {
			t.Errorf("the function ran as %v", got)
		}
	})
}

// What a trigger sets of midas's session counts for nothing that comes after it: not the rows
// that are read, not their characters, and not how names are quoted.
func TestPlantedTriggerChangesNoSession(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		w.trustFunctions()
		cfg := w.copied(w.copyDir())
		cfg.DB = w.pool("interpolateParams=true")
		cfg.DB.SetMaxOpenConns(2) // the one that has the lock, and the one that writes
		s, user := w.open(cfg), w.name("app")
		for i, set := range []string{"sql_mode = 'NO_BACKSLASH_ESCAPES'", "sql_select_limit = 0", "sql_safe_updates = 1", "character_set_results = latin1"} {
			for _, event := range []string{"INSERT", "UPDATE"} {
				w.exec("CREATE TRIGGER midas.planted BEFORE " + event + " ON midas.aaduser FOR EACH ROW SET SESSION " + set)
				t.Cleanup(func() { w.exec("DROP TRIGGER IF EXISTS midas.planted") })
				var app Account
				name := user + "é" + string(rune('a'+i)) + event[:1]
				if app = w.create(s, name, idA); event == "UPDATE" {
					if err := s.Rotate(t.Context(), app); err != nil {
						t.Errorf("%s: Rotate: %v", set, err)
					}
				}
				// A stranger's name that closes the text, where the backslash counts.
				hosts, err := s.Native(t.Context(), `\' (`)
				if err != nil || len(hosts) != 0 {
					t.Errorf("%s: Native = %v, %v", set, hosts, err)
				}
				w.exec("DROP TRIGGER midas.planted")
				w.advance(time.Minute)
				if got := w.lookup(s, name); len(got) != 1 || got[0].Mapping != app.Mapping {
					t.Errorf("%s: Lookup = %v", set, got)
				}
				var limit uint64
				var safe bool
				if err := cfg.DB.QueryRow("SELECT @@sql_safe_updates, @@sql_select_limit > 0").Scan(&safe, &limit); err != nil || safe || limit == 0 {
					t.Errorf("%s stays: %v", set, err)
				}
			}
		}
	})
}

// Nor does a temporary table that a trigger makes in midas's session count for anything.
func TestPlantedTriggerHidesNoTable(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		w.trustFunctions()
		table, planter := "mysql.global_priv", w.name("planter")
		if w.mysql() {
			table = "mysql.user"
		}
		s := w.open(w.copied(w.copyDir()))
		w.exec("CREATE USER " + quoteAccount(planter, "%") + " IDENTIFIED BY 'Aa1-Planter'")
		w.exec("GRANT ALL ON midas.* TO " + quoteAccount(planter, "%"))
		w.exec("GRANT CREATE TEMPORARY TABLES ON *.* TO " + quoteAccount(planter, "%"))
		for i, hidden := range []string{"midas.aaduser", table} {
			w.execAs(w.poolOf(planter, "Aa1-Planter", "", nil), "CREATE TRIGGER midas.planted BEFORE INSERT ON midas.aaduser FOR EACH ROW "+
				"CREATE TEMPORARY TABLE %s SELECT * FROM (SELECT '' AS User, '' AS Host, '{}' AS Priv, '{}' AS User_attributes, '' AS authentication_string, "+
				"'' AS plugin, 'N' AS password_expired, 'N' AS account_locked, 'N' AS Password_require_current, 1 AS password_lifetime) AS none", hidden)
			t.Cleanup(func() { w.exec("DROP TRIGGER IF EXISTS midas.planted") })
			user := w.name("app" + string(rune('a'+i)))
			made := w.create(s, user, idA)
			if n := w.signIn(user, w.secret(s, made)); n != 0 {
				t.Errorf("%s: the account that was made gives %d", hidden, n)
			}
			w.exec("DROP TRIGGER midas.planted")
		}
	})
}

// trustFunctions lets everybody make functions and triggers, as servers without a binary log do.
func (w *world) trustFunctions() {
	w.exec("SET GLOBAL log_bin_trust_function_creators = 1")
	w.t.Cleanup(func() { w.exec("SET GLOBAL log_bin_trust_function_creators = DEFAULT") })
}
