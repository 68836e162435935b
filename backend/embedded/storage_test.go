//go:build gms_pure_go

package embedded_test

import (
	"fmt"
	"testing"
)

// TestIndexesAnswerRightAfterARollback: on the bare engine the lookup of 'y' answers with
// the row of 'x'.
func TestIndexesAnswerRightAfterARollback(t *testing.T) {
	e := shop(t)
	u := e.conn("u", inShop)
	e.run(
		u, "CREATE TABLE k (id INT PRIMARY KEY, s VARCHAR(20), n INT, UNIQUE KEY us (s), KEY kn (n, s))",
		"INSERT INTO k VALUES (1, 'x', 10), (2, 'y', 20), (3, 'z', 30)",
		"BEGIN", "DELETE FROM k WHERE id = 1", "INSERT INTO k VALUES (0, 'w', 5)", "UPDATE k SET n = n + 1", "ROLLBACK",
	)
	for _, c := range [][2]string{
		{"SELECT id FROM k WHERE s = 'x'", "1"},
		{"SELECT id FROM k WHERE s = 'y'", "2"},
		{"SELECT * FROM k WHERE s = 'z'", "3|z|30"},
		{"SELECT s FROM k WHERE s = 'w'", ""},
		{"SELECT id FROM k WHERE n BETWEEN 15 AND 35 ORDER BY n DESC", "3, 2"},
		{"SELECT id FROM k WHERE n = 20 AND s = 'y'", "2"},
		{"SELECT a.id, b.id FROM k AS a JOIN k AS b ON a.s = b.s ORDER BY 1", "1|1, 2|2, 3|3"},
	} {
		e.want(u, c[0], c[1])
	}
	e.refused(u, 1062, "INSERT INTO k VALUES (4, 'x', 1)")
}

func TestIndexesWhileATransactionIsOpen(t *testing.T) {
	e := shop(t)
	u, other := e.conn("u", inShop), e.conn("u", inShop)
	e.run(u, "CREATE TABLE k (id INT PRIMARY KEY, s VARCHAR(20), UNIQUE KEY us (s))", "INSERT INTO k VALUES (1, 'x'), (2, 'y'), (3, 'z')")
	e.run(other, "BEGIN", "SELECT * FROM k")
	e.run(u, "BEGIN", "DELETE FROM k WHERE id = 1", "INSERT INTO k VALUES (0, 'w')")
	for _, conn := range []querier{other, e.DB()} {
		e.want(conn, "SELECT id FROM shop.k WHERE s = 'y'", "2")
		e.want(conn, "SELECT id FROM shop.k WHERE s = 'w'", "")
	}
	e.want(u, "SELECT id FROM k WHERE s = 'w'", "0")
	e.run(u, "COMMIT")
	e.want(other, "SELECT id FROM k WHERE s = 'x'", "1")
	e.want(e.DB(), "SELECT id FROM shop.k WHERE s = 'x'", "")
}

// TestLookups asks the same with and without an index.
func TestLookups(t *testing.T) {
	e := shop(t)
	u := e.conn("u", inShop)
	columns := "(id INT PRIMARY KEY, a INT, b VARCHAR(10) COLLATE utf8mb4_0900_ai_ci, c DECIMAL(6,2)"
	e.run(u, "CREATE TABLE plain "+columns+")", "CREATE TABLE keyed "+columns+", KEY ka (a), KEY kab (a, b), KEY kb (b), KEY kc (c))")
	for i := range 60 {
		a, b := fmt.Sprint(i%7), fmt.Sprintf("'%c%d'", "aAbBc"[i%5], i%11)
		if i%9 == 0 {
			a = "NULL"
		}
		if i%13 == 0 {
			b = "NULL"
		}
		row := fmt.Sprintf("VALUES (%d, %s, %s, %d.5)", i, a, b, i%17)
		e.run(u, "INSERT INTO plain "+row, "INSERT INTO keyed "+row)
	}
	e.run(u, "DELETE FROM plain WHERE id % 10 = 3", "DELETE FROM keyed WHERE id % 10 = 3", "UPDATE plain SET a = a + 1 WHERE id % 4 = 1", "UPDATE keyed SET a = a + 1 WHERE id % 4 = 1")
	e.run(u, "BEGIN", "DELETE FROM keyed WHERE id % 3 = 0", "UPDATE keyed SET id = 1000 - id, a = 9", "ROLLBACK") // leaves indexes wrong
	for _, query := range []string{
		"SELECT id FROM %s WHERE a = 3 ORDER BY id",
		"SELECT id, b FROM %s WHERE a IN (1, 5, 99) ORDER BY id",
		"SELECT id FROM %s WHERE a IS NULL ORDER BY id",
		"SELECT id FROM %s WHERE a > 2 AND a <= 5 ORDER BY id",
		"SELECT id FROM %s WHERE a <> 3 ORDER BY id",
		"SELECT id FROM %s WHERE b = 'A5' ORDER BY id",
		"SELECT id FROM %s WHERE b LIKE 'b%%' ORDER BY id",
		"SELECT id FROM %s WHERE a = 2 AND b >= 'b' ORDER BY id",
		"SELECT id FROM %s WHERE c BETWEEN 3.5 AND 7.5 ORDER BY id",
		"SELECT id FROM %s WHERE id BETWEEN 10 AND 20 ORDER BY id DESC",
		"SELECT a, id FROM %s ORDER BY a, id",
		"SELECT a, id FROM %s ORDER BY a DESC, id",
		"SELECT a FROM %s ORDER BY a LIMIT 8",
		"SELECT a FROM %s ORDER BY a DESC LIMIT 55",
		"SELECT a FROM %s WHERE a > 1 ORDER BY a DESC",
		"SELECT DISTINCT a FROM %s ORDER BY a",
		"SELECT MIN(a), MAX(a), COUNT(*), SUM(c) FROM %s",
		"SELECT a, COUNT(*) FROM %s GROUP BY a ORDER BY a",
		"SELECT MAX(id), MIN(id) FROM %s",
		"SELECT x.id, y.id FROM %[1]s AS x JOIN %[1]s AS y ON x.a = y.a WHERE x.id < 8 ORDER BY 1, 2",
		"SELECT x.id, y.id FROM %[1]s AS x LEFT JOIN %[1]s AS y ON x.id + 1 = y.a ORDER BY 1, 2",
		"SELECT id FROM %[1]s AS x WHERE EXISTS (SELECT 1 FROM %[1]s AS y WHERE y.a = x.id) ORDER BY id",
		"SELECT id FROM %[1]s WHERE a IN (SELECT a FROM %[1]s WHERE c > 10) ORDER BY id",
	} {
		want, got := e.ask(u, fmt.Sprintf(query, "plain")), e.ask(u, fmt.Sprintf(query, "keyed"))
		if want != got || want == "" {
			t.Errorf("%s: %q, without an index %q", query, got, want)
		}
	}
}

// TestKeysThatReadTheSame: the bare engine deletes one row of each such pair.
func TestKeysThatReadTheSame(t *testing.T) {
	e := shop(t)
	u := e.conn("u", inShop)
	e.run(
		u, "CREATE TABLE tags (post INT, tag INT, n INT, PRIMARY KEY (post, tag))", "CREATE TABLE names (a VARCHAR(9), b VARCHAR(9), n INT, PRIMARY KEY (a, b))",
		"INSERT INTO tags VALUES (1, 11, 0), (11, 1, 0), (2, 2, 0)", "INSERT INTO names VALUES ('a', 'bc', 0), ('ab', 'c', 0), ('', 'abc', 0)",
	)
	e.wantSet(u, "SELECT post, tag FROM tags", "1|11", "11|1", "2|2")
	e.wantSet(u, "SELECT a, b FROM names", "a|bc", "ab|c", "|abc")
	e.run(u, "UPDATE tags SET n = post", "UPDATE names SET n = LENGTH(a)")
	e.wantSet(u, "SELECT * FROM tags", "1|11|1", "11|1|11", "2|2|2")
	e.wantSet(u, "SELECT * FROM names", "a|bc|1", "ab|c|2", "|abc|0")
	e.refused(u, 1062, "INSERT INTO tags VALUES (3, 3, 0), (1, 11, 0), (11, 1, 0)")
	e.wantSet(u, "SELECT post, tag FROM tags", "1|11", "11|1", "2|2") // all or nothing
	e.run(u, "INSERT INTO tags VALUES (1, 11, 5), (11, 1, 6), (111, 0, 7), (1110, 0, 8) ON DUPLICATE KEY UPDATE n = VALUES(n)")
	e.wantSet(u, "SELECT * FROM tags", "1|11|5", "11|1|6", "2|2|2", "111|0|7", "1110|0|8")
	e.run(u, "REPLACE INTO names VALUES ('a', 'bc', 7), ('ab', 'c', 8)")
	e.wantSet(u, "SELECT * FROM names", "a|bc|7", "ab|c|8", "|abc|0")
	e.run(u, "DELETE FROM tags WHERE n >= 5", "DELETE FROM names")
	e.wantSet(u, "SELECT post, tag FROM tags", "2|2")
	e.want(u, "SELECT COUNT(*) FROM names", "0")
	e.run(u, "INSERT INTO tags VALUES (1, 11, 0)", "UPDATE tags SET post = tag, tag = post WHERE post = 1")
	e.want(u, "SELECT COUNT(*) FROM tags", "2")
}

func TestForeignKeys(t *testing.T) {
	e := shop(t)
	u := e.conn("u", inShop)
	e.run(
		u, "CREATE TABLE parent (id INT PRIMARY KEY, code VARCHAR(9), UNIQUE KEY (code))",
		"CREATE TABLE child (id INT PRIMARY KEY, code VARCHAR(9), KEY (code), FOREIGN KEY (code) REFERENCES parent (code) ON DELETE CASCADE ON UPDATE CASCADE)",
		"INSERT INTO parent VALUES (1, 'x'), (2, 'y'), (3, 'z')", "INSERT INTO child VALUES (10, 'x'), (20, 'y'), (30, 'z'), (31, 'z')",
	)
	e.refused(u, 1452, "INSERT INTO child VALUES (40, 'no')")
	e.run(u, "BEGIN", "DELETE FROM parent WHERE id = 1", "INSERT INTO parent VALUES (0, 'w')", "ROLLBACK")
	e.run(u, "DELETE FROM parent WHERE code = 'y'", "UPDATE parent SET code = 'zz' WHERE id = 3")
	e.wantSet(u, "SELECT * FROM child", "10|x", "30|zz", "31|zz")
	e.refused(u, 1452, "UPDATE child SET code = 'y' WHERE id = 10")
	e.run(u, "ALTER TABLE child DROP FOREIGN KEY "+e.ask(u, "SELECT constraint_name FROM information_schema.table_constraints WHERE table_name = 'child' AND constraint_type = 'FOREIGN KEY'"))
	e.run(u, "INSERT INTO child VALUES (40, 'no')")
}

func TestStatementsThatBuildOnEachOther(t *testing.T) {
	e := shop(t)
	u := e.conn("u", inShop)
	e.run(
		u, "CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(20) NOT NULL DEFAULT 'd', t TEXT, UNIQUE KEY (s))",
		"INSERT INTO a (s) VALUES ('x'), ('y')", "INSERT IGNORE INTO a (s) VALUES ('y'), ('z')",
		"ALTER TABLE a ADD COLUMN n INT DEFAULT 5", "UPDATE a SET n = id WHERE s = 'x'", "ALTER TABLE a DROP COLUMN t, ADD KEY kn (n)",
		"CREATE TABLE log (s VARCHAR(20))", "CREATE TRIGGER after_a AFTER INSERT ON a FOR EACH ROW INSERT INTO log VALUES (NEW.s)",
		"INSERT INTO a (s) VALUES ('t')", "CREATE VIEW v AS SELECT s, n FROM a WHERE n = 5", "RENAME TABLE log TO journal",
		"CREATE TABLE copied AS SELECT * FROM a", "CREATE TABLE alike LIKE a", "TRUNCATE TABLE copied", "DROP TRIGGER after_a",
		"CREATE PROCEDURE twice(x INT) BEGIN INSERT INTO copied (id, s) VALUES (x, 'p'); INSERT INTO copied (id, s) VALUES (x + 1, 'q'); END",
		"CALL twice(5)",
	)
	e.wantSet(u, "SELECT s FROM v", "y", "z", "t")
	e.want(u, "SELECT s FROM journal", "t")
	e.want(u, "SELECT id, s FROM copied ORDER BY id", "5|p, 6|q")
	e.want(u, "SELECT COUNT(*) FROM alike", "0")
	e.wantSet(u, "SELECT index_name FROM information_schema.statistics WHERE table_name = 'a'", "PRIMARY", "kn", "s")
}
