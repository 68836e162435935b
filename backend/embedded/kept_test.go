//go:build gms_pure_go

package embedded_test

import (
	"strings"
	"testing"
)

// TestKeptSchemas: nobody but midas changes the schemas that say who may do what, however
// they are named. Losing the mappings of accounts would keep everybody out.
func TestKeptSchemas(t *testing.T) {
	e := start(t)
	e.run(
		e.DB(), "CREATE DATABASE midas", "CREATE TABLE midas.aaduser (mapping VARCHAR(36) PRIMARY KEY, user VARCHAR(32))", "INSERT INTO midas.aaduser VALUES ('1', 'u')",
		"CREATE DATABASE midas_app", "CREATE TABLE midas_app.aaduser (n INT)", "CREATE TABLE midas_app.t (n INT)",
	)
	e.user("u")
	e.run(e.DB(), "GRANT ALL ON *.* TO u WITH GRANT OPTION")
	u := e.conn("u")
	for _, statement := range []string{
		"DROP DATABASE midas", "DROP SCHEMA IF EXISTS `midas`", "drop /* all */ database MIDAS", "DROP TABLE midas.aaduser", "DROP TABLE IF EXISTS midas_app.t, midas.aaduser",
		"TRUNCATE midas.aaduser", "DELETE FROM midas.aaduser", "UPDATE midas.aaduser SET user = 'x'", "INSERT INTO midas.aaduser VALUES ('2', 'x')",
		"REPLACE INTO midas.aaduser VALUES ('1', 'x')", "INSERT INTO midas.aaduser VALUES ('1', 'x') ON DUPLICATE KEY UPDATE user = 'x'",
		"ALTER TABLE midas.aaduser DROP COLUMN user", "RENAME TABLE midas.aaduser TO midas_app.x", "RENAME TABLE midas_app.t TO midas.t", "ALTER TABLE midas.aaduser RENAME TO midas.x",
		"CREATE TABLE midas.t (n INT)", "CREATE VIEW midas.v AS SELECT 1", "CREATE TRIGGER midas.tr BEFORE INSERT ON midas.aaduser FOR EACH ROW SET NEW.user = 'x'",
		"CREATE INDEX i ON midas.aaduser (user)", "UPDATE midas_app.t JOIN midas.aaduser a SET a.user = 'x'", "DELETE a FROM midas.aaduser a JOIN midas_app.t",
		"ALTER DATABASE midas COLLATE utf8mb4_bin", "CREATE PROCEDURE midas.p() SELECT 1",
		"DELETE FROM mysql.user", "DROP TABLE midas_app.t, mysql.user", "RENAME TABLE mysql.user TO midas_app.u", "DROP DATABASE mysql",
	} {
		e.refused(u, 1235, statement)
	}
	for _, schema := range []string{"midas", "mysql"} {
		e.run(u, "USE "+schema)
		for _, statement := range []string{"DELETE FROM %s", "DROP TABLE %s", "TRUNCATE %s", "UPDATE %s SET user = 'x'", "RENAME TABLE %s TO midas_app.x", "ALTER TABLE %s RENAME TO x", "CREATE TABLE x (n INT)"} {
			e.refused(u, 1235, strings.ReplaceAll(statement, "%s", map[string]string{"midas": "aaduser", "mysql": "user"}[schema]))
		}
	}
	e.run(u, "PREPARE s FROM 'SELECT user FROM midas.aaduser'", "USE midas_app")
	e.want(u, "SELECT user FROM midas.aaduser", "u")
	e.run(
		u, "INSERT INTO midas_app.t VALUES (1)", "DELETE FROM aaduser", "UPDATE midas_app.t SET n = 2 WHERE 'DROP DATABASE midas' <> ''",
		"INSERT INTO midas_app.aaduser SELECT COUNT(*) FROM midas.aaduser", "DROP DATABASE midas_app", "CREATE DATABASE midas2", "DROP DATABASE midas2",
	)
	e.want(e.DB(), "SELECT user FROM midas.aaduser", "u")
	e.run(e.DB(), "DELETE FROM midas.aaduser WHERE mapping = '1'", "DROP DATABASE midas")
}
