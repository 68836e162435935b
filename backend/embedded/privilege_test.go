//go:build gms_pure_go

package embedded_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDatabasePrivilegesAreNotGlobal: on the bare engine, u makes himself a reader and
// writer of everything.
func TestDatabasePrivilegesAreNotGlobal(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE DATABASE bank", "CREATE TABLE bank.t (n INT)")
	e.user("u")
	e.user("v")
	e.run(e.DB(), "GRANT ALL ON shop.* TO u WITH GRANT OPTION", "GRANT ALL ON vault.* TO u")
	u := e.conn("u", inShop)
	e.refused(u, 1227, "GRANT SELECT, INSERT ON *.* TO u")
	e.refused(u, 1227, "REVOKE SELECT ON *.* FROM v")
	e.refused(u, 1044, "GRANT SELECT ON bank.* TO u")
	e.refused(u, 1142, "SELECT * FROM bank.t")
	e.refused(u, 1044, "CREATE DATABASE another")
	e.run(u, "GRANT SELECT ON shop.* TO v", "CREATE DATABASE vault", "CREATE TABLE vault.t (n INT)")
	e.refused(u, 1227, "CREATE USER x")
	e.refused(u, 1044, "DROP DATABASE bank")
	e.run(e.DB(), "GRANT SELECT ON bank.* TO u")
	e.refused(u, 1044, "DROP DATABASE bank")
	e.refused(u, 1142, "DROP TABLE bank.t")
	e.run(u, "DROP DATABASE vault")
}

// TestNoFiles: on the bare engine anyone reads and writes the files of the process.
func TestNoFiles(t *testing.T) {
	e := shop(t)
	e.run(e.DB(), "GRANT FILE ON *.* TO u")
	dir := t.TempDir()
	secret := filepath.Join(dir, "master.key")
	if err := os.WriteFile(secret, []byte("7"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, conn := range []querier{e.conn("u", inShop), e.DB()} {
		e.want(conn, "SELECT LOAD_FILE('"+secret+"')", "NULL")
		e.want(conn, "SELECT load_file(CONCAT('"+secret+"', ''))", "NULL")
		e.refused(conn, 1290, "SELECT 1 INTO OUTFILE '"+dir+"/out'")
		e.refused(conn, 1290, "SELECT * FROM shop.t WHERE id = 1 INTO DUMPFILE '"+dir+"/out'")
		e.refused(conn, 1290, "LOAD DATA INFILE '"+secret+"' INTO TABLE shop.t")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("the engine wrote files: %q", left)
	}
}

// TestSharedVariables: on the bare engine anyone sets what all sessions go by.
func TestSharedVariables(t *testing.T) {
	e := start(t)
	e.user("u")
	u := e.conn("u")
	for _, statement := range []string{
		"SET GLOBAL max_connections = 1", "SET @@GLOBAL.max_connections = 1", "SET @x = 1, GLOBAL max_connections = 1",
		"SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE",
	} {
		e.refused(u, 1227, statement)
	}
	e.refused(u, 1235, "SET PERSIST max_connections = 1")
	e.refused(e.DB(), 1235, "SET @@PERSIST.max_connections = 1")
	e.run(u, "SET SESSION sql_mode = ''", "SET @@session.sql_mode = ''", "SET @x = 1", "SET NAMES utf8mb4", "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
	e.run(e.DB(), "SET GLOBAL max_connections = 151")
}

// TestOthersProcessesAreTheirs: what others run may hold their data and passwords.
func TestOthersProcessesAreTheirs(t *testing.T) {
	e := start(t)
	e.user("u")
	e.user("v")
	u, second, v := e.conn("u"), e.conn("u"), e.conn("v")
	id := func(conn querier) string { return e.ask(conn, "SELECT CONNECTION_ID()") }
	if shown := e.ask(u, "SELECT user FROM information_schema.processlist"); shown != "u, u" {
		t.Errorf("information_schema.processlist shows %q", shown)
	}
	if shown := e.ask(u, "SHOW PROCESSLIST"); strings.Contains(shown, "|v|") || strings.Contains(shown, "midas") || !strings.Contains(shown, "|u|") {
		t.Errorf("SHOW PROCESSLIST shows %q", shown)
	}
	e.run(e.DB(), "GRANT PROCESS ON *.* TO v")
	if shown := e.ask(v, "SHOW FULL PROCESSLIST"); !strings.Contains(shown, "|u|") {
		t.Errorf("with PROCESS, SHOW PROCESSLIST shows %q", shown)
	}
	e.refused(v, 1227, "KILL "+id(u))
	e.refused(v, 1227, "KILL QUERY "+id(u))
	e.refused(u, 1094, "KILL 4000000000")
	e.run(u, "KILL QUERY "+id(second))
	e.want(second, "SELECT 1", "1")
	e.run(u, "KILL "+id(second))
	e.eventually("the killed connection has ended", func() bool {
		return e.ask(u, "SELECT COUNT(*) FROM information_schema.processlist") == "1"
	})
}

func TestKillQueryEndsWhatRuns(t *testing.T) {
	e := start(t)
	e.user("u")
	slow, u := e.conn("u"), e.conn("u")
	id := e.ask(slow, "SELECT CONNECTION_ID()")
	for _, query := range []string{"SELECT SLEEP(1000)", "SELECT GET_LOCK('l', 1000)"} {
		if strings.Contains(query, "GET_LOCK") {
			e.run(u, "DO GET_LOCK('l', 0)")
		}
		ended := make(chan error, 1)
		go func() {
			_, err := slow.ExecContext(t.Context(), query)
			ended <- err
		}()
		e.eventually("it runs", func() bool {
			return e.ask(u, "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND id = "+id) == "1"
		})
		e.run(u, "KILL QUERY "+id)
		if err := <-ended; err == nil {
			t.Errorf("%s went on", query)
		}
	}
	e.want(slow, "SELECT 1", "1")
}

func TestErrorNumbers(t *testing.T) {
	e := shop(t)
	e.user("reader", "SELECT ON shop.*")
	u, reader := e.conn("u", inShop), e.conn("reader", inShop)
	e.user("maker", "CREATE ON shop.made")
	e.run(e.conn("maker", inShop), "CREATE TABLE made (n INT)")
	for _, c := range []struct {
		conn      querier
		statement string
		number    uint16
	}{
		{u, "SELEC 1", 1064},
		{u, "SELECT 1; SELECT 2", 1064}, // one statement at a time unless asked for more
		{u, "SELECT * FROM nowhere", 1146},
		{u, "SELECT * FROM bank.t", 1142},
		{u, "USE bank", 1044},
		{u, "INSERT INTO t VALUES (1, 1)", 1062},
		{u, "INSERT INTO t VALUES (NULL, 1)", 1048},
		{u, "CREATE USER x", 1227},
		{u, "DROP DATABASE bank", 1044},
		{reader, "INSERT INTO t VALUES (9, 9)", 1142},
		{reader, "UPDATE t SET n = 1", 1142},
		{reader, "DELETE FROM t WHERE id = 1", 1142},
		{reader, "CREATE TABLE x (n INT)", 1142},
		{reader, "DROP TABLE t", 1142},
		{reader, "CALL p()", 1370},
		{reader, "CREATE EVENT v ON SCHEDULE EVERY 1 DAY DO SELECT 1", 1235},
		{reader, "FLUSH TABLES", 1044},
		{e.DB(), "CREATE EVENT shop.v ON SCHEDULE EVERY 1 DAY DO SELECT 1", 1235},
		{e.DB(), "USE nowhere", 1049},
	} {
		e.refused(c.conn, c.number, c.statement)
	}
}
