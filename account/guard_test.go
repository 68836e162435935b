package account

import (
	"strings"
	"testing"
)

var changesOfSchema = []string{
	"DROP DATABASE midas", "drop database MIDAS", "DROP SCHEMA `midas`;", "DROP DATABASE IF EXISTS midas ; -- gone", `DROP DATABASE "midas"`,
	"/* a */ DROP -- b\n DATABASE # c\n midas", "/*!50000 DROP DATABASE midas */", "/*M!100100 drop database */ midas", "\t\n;; DROP DATABASE midas",
	"SELECT 'a;b'; DROP DATABASE midas", "USE shop; DROP TABLE t; DROP DATABASE midas; SELECT 1",
	"ALTER DATABASE midas READ ONLY = 1", "ALTER SCHEMA midas CHARACTER SET latin1",
	"DROP TABLE midas.aaduser", "DROP TABLE IF EXISTS shop.t, `midas` . `aaduser`", "DROP TEMPORARY TABLE midas.aaduser", "DROP INDEX backend_account ON midas.aaduser",
	"TRUNCATE midas.aaduser", "TRUNCATE TABLE midas.aaduser", "DELETE FROM midas.aaduser WHERE user = 'x'", "DELETE QUICK FROM midas.aaduser",
	"DELETE a FROM midas.aaduser a", "DELETE midas.aaduser FROM shop.t", "UPDATE midas.aaduser SET admin = 1", "UPDATE LOW_PRIORITY shop.t, midas.aaduser a SET a.admin = 1",
	"INSERT INTO midas.aaduser VALUES (1)", "INSERT IGNORE midas.aaduser SET user = 'x'", "REPLACE INTO midas.aaduser SELECT * FROM shop.old",
	"ALTER TABLE midas.aaduser DROP COLUMN seal", "ALTER IGNORE TABLE midas.aaduser ADD x INT", "RENAME TABLE midas.aaduser TO midas.x", "RENAME TABLE shop.t TO midas.t",
	"CREATE TABLE midas.t (a INT)", "CREATE OR REPLACE TABLE midas.aaduser (a INT)", "CREATE TRIGGER shop.x BEFORE INSERT ON midas.aaduser FOR EACH ROW SET @a = 1",
	"CREATE VIEW midas.v AS SELECT 1", "CREATE UNIQUE INDEX i ON midas.aaduser (user)", "LOAD DATA INFILE 'x' INTO TABLE midas.aaduser",
	"CREATE PROCEDURE p() BEGIN SELECT 1; DROP DATABASE midas; END",
}

var changesOfOthers = []string{
	"", "midas", "SELECT 1", "DROP DATABASE midas_app", "DROP DATABASE `midas `", "DROP DATABASE `mi``das`", "DROP DATABASE midas2", "DROP DATABASE xmidas", "DROP DATABASE midasé",
	"SELECT 'DROP DATABASE midas'", "SELECT '; DROP DATABASE midas'", `SELECT "; DROP DATABASE midas"`, "SELECT `; DROP DATABASE midas`", "SELECT 1 -- ; DROP DATABASE midas",
	"SELECT 1 /* ; DROP DATABASE midas */", "INSERT INTO notes VALUES ('DROP DATABASE midas')", "INSERT INTO notes (t) VALUES ('a; DELETE FROM midas.aaduser')",
	"SELECT * FROM midas.aaduser", "SHOW TABLES FROM midas", "USE midas", "CREATE DATABASE IF NOT EXISTS midas", "EXPLAIN DELETE FROM midas.aaduser",
	"INSERT INTO shop.t SELECT * FROM midas.aaduser", "CREATE TABLE shop.t AS SELECT * FROM midas.aaduser", "CREATE TABLE shop.t LIKE midas.aaduser",
	"CREATE VIEW shop.v AS SELECT * FROM midas.aaduser", "DELETE FROM shop.t WHERE id IN (SELECT mapping FROM midas.aaduser)", "UPDATE shop.t SET n = (SELECT COUNT(*) FROM midas.aaduser)",
	"DROP TABLE midas", "DROP TABLE shop.midas", "DROP USER midas", "DROP USER midas@localhost", "ALTER USER midas@'10.0.0.1' ACCOUNT LOCK", "RENAME USER midas TO x", "CREATE USER midas",
	"CREATE USER 'midas'@'db.midas.local'", "DROP TRIGGER midas.x", "DROP VIEW midas.v", "DROP PROCEDURE midas.p", "GRANT SELECT ON midas.* TO x", "CREATE DATABASE shop COMMENT 'DROP DATABASE midas'",
	"DELETE FROM midas", "UPDATE midas SET a = 1", "INSERT INTO midas VALUES (1)", "UPDATE shop.t SET midas.a = 1",
	// In one of the modes of a session this is text.
	`SELECT '\', '; DROP DATABASE midas; -- '`, `SELECT 'x\'; DROP DATABASE midas; SELECT '\'`, `SELECT "\", "; DROP DATABASE midas; -- "`, `SELECT "x\";" ; DROP DATABASE midas`,
	"DROP DATABASE", "DROP DATABASE 'midas", "DROP DATABASE IF EXISTS", // nothing that a server runs
}

func TestChangesSchema(t *testing.T) {
	for _, text := range changesOfSchema {
		if !ChangesSchema([]byte(text)) {
			t.Errorf("%s: not seen", text)
		}
	}
	for _, text := range changesOfOthers {
		if ChangesSchema([]byte(text)) {
			t.Errorf("%s: taken for a change of schema midas", text)
		}
	}
	if ChangesSchema([]byte(strings.Repeat(" ", MaxStatement) + "DROP DATABASE midas")) {
		t.Error("it looks further than MaxStatement")
	}
}

// It is asked about every statement of an administrator.
func TestChangesSchemaAllocatesNothing(t *testing.T) {
	texts := append(changesOfOthers, changesOfSchema...)
	if n := testing.AllocsPerRun(10, func() {
		for _, text := range texts {
			ChangesSchema([]byte(text))
		}
	}); n > float64(len(texts)) { // the conversions, where the compiler makes them
		t.Errorf("%v allocations for %d texts", n, len(texts))
	}
}

func FuzzChangesSchema(f *testing.F) {
	for _, text := range append(changesOfOthers, changesOfSchema...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		changes := ChangesSchema(text)
		if changes && !strings.Contains(strings.ToLower(string(text)), schemaName) {
			t.Errorf("%q does not name the schema", text)
		}
		// A string in front of it, whatever it holds, and a comment around it change nothing.
		if len(text) < MaxStatement/4 {
			quoted := "SELECT '" + strings.NewReplacer("'", "''", `\`, "").Replace(string(text)) + "'"
			if ChangesSchema([]byte(quoted)) {
				t.Errorf("%q: text in a string is taken for a statement", quoted)
			}
			if after := ChangesSchema([]byte("SELECT 1;" + string(text))); changes && !after {
				t.Errorf("%q: not seen as a second statement", text)
			}
		}
	})
}
