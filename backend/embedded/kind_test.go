//go:build gms_pure_go

package embedded

import (
	"testing"

	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// kindsOf are statements of each kind, in the forms that are easily taken for another.
var kindsOf = []struct {
	statement string
	want      kind
}{
	{"SELECT 1", aside},
	{"SELECT SLEEP(1) FROM dual", aside},
	{"SELECT GET_LOCK('x', 10)", aside},
	{"SELECT * FROM t", reading},
	{"SELECT SLEEP(1) FROM t", reading},
	{"SELECT (SELECT MAX(n) FROM t)", reading},
	{"SELECT 1 WHERE EXISTS (SELECT 1 FROM t)", reading},
	{"WITH c AS (SELECT * FROM t) SELECT 1", reading},
	{"SELECT 1 UNION SELECT n FROM t", reading},
	{"(SELECT n FROM t) UNION (SELECT 1)", reading},
	{"TABLE t", reading},
	{"SELECT * FROM JSON_TABLE('[]', '$[*]' COLUMNS (a INT PATH '$')) AS j", reading},
	{"SELECT * FROM t FOR UPDATE", writing},
	{"SELECT * FROM t LOCK IN SHARE MODE", writing},
	{"SELECT * FROM (SELECT * FROM t FOR UPDATE) AS s", writing},
	{"SELECT 1 INTO @x", aside},
	{"SHOW TABLES", reading},
	{"SHOW GRANTS", reading},
	{"EXPLAIN SELECT * FROM t", reading},
	{"EXPLAIN ANALYZE SELECT * FROM t", reading},
	{"DESCRIBE t", reading},
	{"INSERT INTO t VALUES (1)", writing},
	{"REPLACE INTO t VALUES (1)", writing},
	{"UPDATE t SET n = 1", writing},
	{"WITH c AS (SELECT 1) UPDATE t SET n = 1", writing},
	{"DELETE FROM t", writing},
	{"TRUNCATE TABLE t", writing},
	{"LOAD DATA LOCAL INFILE 'x' INTO TABLE t", writing},
	{"CALL p()", calling},
	{"CREATE TABLE t (n INT)", defining},
	{"CREATE TABLE t AS SELECT 1", defining},
	{"ALTER TABLE t ADD COLUMN m INT", defining},
	{"DROP TABLE t", defining},
	{"RENAME TABLE t TO u", defining},
	{"CREATE INDEX i ON t (n)", defining},
	{"CREATE VIEW v AS SELECT 1", defining},
	{"CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 1", defining},
	{"CREATE PROCEDURE p() SELECT 1", defining},
	{"CREATE DATABASE d", defining},
	{"DROP DATABASE d", defining},
	{"ANALYZE TABLE t", defining},
	{"CREATE USER u", granting},
	{"ALTER USER u IDENTIFIED BY 'x'", granting},
	{"RENAME USER u TO v", granting},
	{"DROP USER u", granting},
	{"GRANT SELECT ON *.* TO u", granting},
	{"REVOKE ALL PRIVILEGES, GRANT OPTION FROM u", granting},
	{"CREATE ROLE r", granting},
	{"START TRANSACTION", beginning},
	{"BEGIN", beginning},
	{"COMMIT", ending},
	{"ROLLBACK", ending},
	{"SET @x = 1", ending},
	{"SET autocommit = 1", ending},
	{"USE d", ending},
	{"KILL 1", ending},
	{"FLUSH TABLES", ending},
	{"FLUSH TABLES WITH READ LOCK", locking},
	{"FLUSH PRIVILEGES", ending},
	{"LOCK TABLES t WRITE", locking},
	{"UNLOCK TABLES", unlocking},
	{"PREPARE s FROM 'SELECT 1'", preparing},
	{"DEALLOCATE PREPARE s", ending},
}

func TestKinds(t *testing.T) {
	for _, c := range kindsOf {
		stmt, err := ast.Parse(c.statement)
		if err != nil {
			t.Errorf("%s: %v", c.statement, err)
			continue
		}
		if got := kindOf(stmt); got != c.want {
			t.Errorf("%s (%T) is of kind %d, want %d", c.statement, stmt, got, c.want)
		}
	}
}
