package account

import (
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// Where the server can keep an administrator from schemas mysql and midas, it does, also
// when it is told to after the administrator was made.
func TestConfinedAdministrator(t *testing.T) {
	w := newWorld(t, mysqltest.Fresh(t, "mysql"))
	s, login := w.store(), w.name("admin")
	w.admin(s, login, idA)
	w.exec("SET GLOBAL partial_revokes = ON")
	w.advance(time.Minute)
	admin := w.admin(s, login, idA)
	w.create(s, w.name("app"), idB)
	w.exec("CREATE DATABASE " + w.database())

	db := w.poolOf(login, w.secret(s, admin), "", nil)
	for _, statement := range breakouts(login) {
		_, err := db.ExecContext(t.Context(), statement)
		if held := w.query("SELECT COUNT(*) FROM mysql.user WHERE User = ? AND (Super_priv = 'Y' OR User_attributes->>'$.Restrictions' IS NULL)", login); held[0] != "0" {
			t.Errorf("%s: it is no longer confined (%v)", statement, err)
		}
		if err == nil && statement[:5] != "GRANT" { // GRANT gives what it has, and answers OK
			t.Errorf("%s: no error", statement)
		}
	}
	for _, statement := range []string{
		"SELECT COUNT(*) FROM mysql.user",
		"CREATE TABLE " + w.database() + ".t (i INT)", "INSERT INTO " + w.database() + ".t VALUES (1)",
		"CREATE USER " + quoteAccount(w.name("made"), "%") + " IDENTIFIED BY 'Made-0ne'",
		"GRANT ALL ON " + w.database() + ".* TO " + quoteAccount(w.name("app"), "%"),
		"GRANT SELECT ON *.* TO " + quoteAccount(w.name("app"), "%"),
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if rows := w.rows(w.name("app")); len(rows) != 1 || rows[0] != idB {
		t.Errorf("rows: %v", rows)
	}

	// And it goes on: nothing is done again, and the marker is there.
	w.advance(time.Minute)
	if again := w.admin(s, login, idA); again != admin {
		t.Errorf("%+v became %+v", admin, again)
	}
	w.exec("ALTER USER " + quoteAccount(login, "%") + " IDENTIFIED BY 'Mine-0wn'")
	if err := reassert(t, s, admin); err != nil || w.signIn(login, w.secret(s, admin)) != 0 {
		t.Errorf("Reassert: %v", err)
	}
	if again := w.admin(w.store(), login, idA); again != admin {
		t.Errorf("%+v became %+v", admin, again)
	}
}

// breakouts are statements by which an administrator would get out of its confinement.
func breakouts(login string) []string {
	return []string{
		"UPDATE mysql.user SET Super_priv = 'Y' WHERE User = '" + login + "'",
		"INSERT INTO mysql.global_grants VALUES ('" + login + "', '%', 'SYSTEM_USER', 'Y')",
		"DELETE FROM mysql.db",
		"INSTALL PLUGIN x SONAME 'x.so'",
		"INSTALL COMPONENT 'file://component_validate_password'",
		"CREATE EVENT mysql.x ON SCHEDULE EVERY 1 DAY DO SELECT 1",
		"CREATE PROCEDURE mysql.x() SELECT 1",
		"UPDATE midas.aaduser SET principal = '" + idA + "'",
		"DROP TABLE midas.aaduser",
		"DROP DATABASE midas",
		"CREATE TRIGGER midas.x BEFORE UPDATE ON midas.aaduser FOR EACH ROW SET NEW.principal = '" + idA + "'",
		"GRANT UPDATE ON mysql.* TO " + quoteAccount(login, "%"),
		"GRANT UPDATE ON *.* TO " + quoteAccount(login, "%"),
	}
}

func TestRestricts(t *testing.T) {
	all := `["INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT", "TRIGGER"]`
	for restrictions, want := range map[string]bool{
		`[{"Database": "mysql", "Privileges": ` + all + `}, {"Database": "midas", "Privileges": ` + all + `}]`: true,
		`[{"Database": "mysql", "Privileges": ` + all + `}, {"Database": "midas", "Privileges": ["INSERT"]}]`:  false,
		`[{"Database": "mysql", "Privileges": ` + all + `}]`:                                                   false,
		`[{"Database": "MySQL", "Privileges": ` + all + `}, {"Database": "midas", "Privileges": ` + all + `}]`: false,
		"": false, "null": false, "[]": false, "{}": false, "not JSON": false,
	} {
		if got := restricts(restrictions); got != want {
			t.Errorf("%s: %v", restrictions, got)
		}
	}
}
