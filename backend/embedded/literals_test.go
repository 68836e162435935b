//go:build gms_pure_go

package embedded_test

import (
	"testing"

	"github.com/go-sql-driver/mysql"
)

// TestPatternEscapes: on the bare engine '\%' is '%', so that a pattern that a program
// has escaped matches everything.
func TestPatternEscapes(t *testing.T) {
	e := shop(t)
	u := e.conn("u", inShop)
	for _, c := range [][2]string{
		{`SELECT 'ab' LIKE 'a\_', 'a_' LIKE 'a\_', 'ab' LIKE 'a\%', 'a%' LIKE 'a\%'`, "0|1|0|1"},
		{`SELECT "ab" LIKE "a\_", LENGTH("\%\_\\"), HEX('\\%'), HEX('\\\%')`, "0|5|5C25|5C5C25"},
		{`SELECT LENGTH('it''s\%'), LENGTH('it\'s\%'), LENGTH('a' 'b\%')`, "6|6|4"},
		{"SELECT 1 AS `it's \\%`, LENGTH('\\%')", "1|2"},
		{"SELECT /* it's \\% */ LENGTH('\\%') -- it's \\%\n, LENGTH('\\%') # it's \\%", "2|2"},
		{"SELECT LENGTH('-- \\%'), '//', '--x', /*! LENGTH('\\%'), */ 1", "5|//|--x|2|1"},
	} {
		e.want(u, c[0], c[1])
		e.want(u, "/* a */ "+c[0], c[1])
		if got := e.askPrepared(u, c[0]); got != c[1] {
			t.Errorf("%s, prepared: %q, want %q", c[0], got, c[1])
		}
	}
	e.run(u, `DO LENGTH('\%')`, `PREPARE s FROM 'SELECT LENGTH("\\%")'`)
	e.want(u, "EXECUTE s", "2")
	e.run(u, `SET @s = 'SELECT LENGTH("\\%")'`)
	e.refused(u, 1235, "PREPARE s FROM @s")
	e.run(u, `CREATE VIEW v AS SELECT LENGTH('\%') AS n`, `CREATE PROCEDURE q() SELECT LENGTH('\%')`)
	e.want(u, "SELECT n FROM v", "2")
	e.want(u, "CALL q()", "2")
	e.run(u, `SET sql_mode = 'ANSI_QUOTES'`)
	e.want(u, `SELECT LENGTH('\%') AS "it's \%"`, "2")
}

// TestCommentsThatAreNone: the bare engine answers 5 and 4.
func TestCommentsThatAreNone(t *testing.T) {
	e := start(t)
	e.refused(e.DB(), 1235, "SELECT 5--1")
	e.refused(e.DB(), 1064, "SELECT 4//2")
	e.want(e.DB(), "SELECT 5- -1", "6")
	e.want(e.DB(), "SELECT 5 --\n", "5")
	e.want(e.DB(), "SELECT 5 --", "5")
}

// TestBackslashesAlwaysEscape: a program that has set the mode doubles quotes alone, and
// with the bare engine's reading a value of \ ends where the program's text begins.
func TestBackslashesAlwaysEscape(t *testing.T) {
	e := start(t)
	e.user("u")
	u := e.conn("u")
	for _, statement := range []string{
		"SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
		"SET @@session.sql_mode = CONCAT(@@sql_mode, ',no_backslash_escapes')",
		"SET SESSION sql_mode = 1048576",
	} {
		e.refused(u, 1235, statement)
	}
	e.refused(e.DB(), 1235, "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'")
	e.run(u, "SET sql_mode = 'STRICT_TRANS_TABLES,ANSI_QUOTES'", "SET sql_mode = DEFAULT", "SET sql_mode = ''")
	e.want(u, `SELECT LENGTH('\\')`, "1")
}

// TestCharacterSets: the bare engine takes all text for UTF-8. In Shift JIS the bytes 83
// 5C are one character; as UTF-8 the second is a backslash, and with it ' is no quote.
func TestCharacterSets(t *testing.T) {
	e := shop(t)
	u := e.conn("u", inShop)
	for _, set := range []string{"sjis", "gbk", "big5", "utf16"} {
		e.refused(u, 1235, "SET NAMES "+set)
		e.refused(u, 1235, "SET character_set_client = "+set)
		e.refused(u, 1235, "SET character_set_results = "+set)
	}
	e.run(u, "SET NAMES latin1", "UPDATE t SET n = n WHERE id = '1'")
	e.refused(u, 1235, "UPDATE t SET n = 7 WHERE id = '\xe9'")
	e.refused(u, 1235, "UPDATE t SET n = 7 WHERE id = ?", "\xe9")
	e.run(u, "SET NAMES utf8mb4", "SET character_set_results = NULL", "SET NAMES utf8mb3", "SET NAMES DEFAULT")
	e.want(u, "SELECT 'é', HEX('é')", "é|C3A9")
	in := func(collation string) func(*mysql.Config) {
		return func(c *mysql.Config) { c.Collation = collation }
	}
	old := e.conn("u", in("latin1_swedish_ci"))
	e.want(old, "SELECT @@character_set_client, @@character_set_results, 'x'", "latin1|latin1|x")
	e.refused(old, 1235, "SELECT '\xe9'")
	e.want(e.conn("u", in("utf8mb4_bin")), "SELECT 'é'", "é")
	if _, err := e.open("u", in("sjis_japanese_ci")).Conn(t.Context()); !isError(err, 1235) {
		t.Errorf("sign-in with Shift JIS: %v", err)
	}
}
