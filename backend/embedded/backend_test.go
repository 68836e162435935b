//go:build gms_pure_go

package embedded_test

import (
	"bytes"
	"database/sql"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/account"
)

func TestBackendIsWhatAGatewayNeeds(t *testing.T) {
	began := time.Now()
	e := start(t)
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	if e.Dialect() != account.DialectEmbedded || e.TLS() != nil {
		t.Errorf("dialect %q, TLS %v", e.Dialect(), e.TLS())
	}
	for _, words := range []string{"in memory", "trying things out", e.Version()} {
		if !strings.Contains(e.Describe(), words) {
			t.Errorf("%q does not say %q", e.Describe(), words)
		}
	}
	conn, err := e.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if network := conn.RemoteAddr().Network(); network == "tcp" {
		t.Error("the gateway would not send a secret over this")
	}
	greeting := make([]byte, 5+len(e.Version())+1) // header, protocol, version, NUL: not in one read
	if _, err := io.ReadFull(conn, greeting); err != nil || string(greeting[5:]) != e.Version()+"\x00" {
		t.Errorf("greeting %q, %v, wants version %s", greeting, err, e.Version())
	}
	e.want(e.DB(), "SELECT VERSION()", e.Version())
	if comment := e.ask(e.DB(), "SELECT @@version_comment"); !strings.Contains(comment, "midas embedded") {
		t.Errorf("@@version_comment is %q", comment)
	}
}

// TestSilentOnStandardError runs this binary again: the engine's logger took hold of
// standard error before any test could replace it.
func TestSilentOnStandardError(t *testing.T) {
	if os.Getenv("MIDAS_TEST_SILENT") != "" {
		e := start(t)
		e.user("u")
		e.refused(e.conn("u"), 1064, "SELECT FROM WHERE")
		e.refused(e.conn("u"), 1105, "SELECT no_such_function()")
		e.open("nobody").Ping()
		e.DB().Exec("CREATE USER u IDENTIFIED BY 'also a secret'")
		e.DB().Query("SELECT * FROM nowhere.t WHERE n = ?", 1)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSilentOnStandardError$")
	cmd.Env = append(os.Environ(), "MIDAS_TEST_SILENT=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if stderr.Len() > 0 {
		t.Errorf("written to standard error: %s", &stderr)
	}
}

func TestTwoEnginesShareNothing(t *testing.T) {
	one, other := start(t), start(t)
	one.run(one.DB(), "CREATE DATABASE shop", "CREATE USER u")
	other.refused(other.DB(), 1049, "USE shop")
	other.want(other.DB(), "SELECT COUNT(*) FROM mysql.user WHERE User = 'u'", "0")
}

func TestTwoDatabases(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE a", "CREATE DATABASE b", "CREATE TABLE a.t (n INT)", "CREATE TABLE b.t (n INT)", "INSERT INTO a.t VALUES (1)", "INSERT INTO b.t VALUES (2)")
	e.user("u", "SELECT ON a.*")
	in := func(name string) func(*mysql.Config) { return func(c *mysql.Config) { c.DBName = name } }
	e.want(e.conn("u", in("a")), "SELECT DATABASE(), n FROM t", "a|1")
	if err := e.open("u", in("b")).Ping(); !isError(err, 1044) {
		t.Errorf("signed in to another's database: %v", err)
	}
	if err := e.open("u", in("nowhere")).Ping(); !isError(err, 1044) {
		t.Errorf("signed in to no database: %v", err)
	}
	u := e.conn("u")
	e.refused(u, 1142, "SELECT * FROM b.t")
	e.refused(u, 1044, "USE b")
	e.wantSet(u, "SELECT table_schema FROM information_schema.tables WHERE table_schema IN ('a', 'b')", "a")
}

func TestDriverWithTextAndBinaryProtocol(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(40), at DATETIME, n DECIMAL(6,2))")
	e.user("u", "ALL ON shop.*")
	for _, text := range []bool{true, false} {
		db := e.open("u", func(c *mysql.Config) { c.InterpolateParams, c.ParseTime, c.DBName = text, true, "shop" })
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		result, err := db.Exec("INSERT INTO t (s, at, n) VALUES (?, ?, ?)", "über 'quoted'", at, "12.50")
		if err != nil {
			t.Fatal(err)
		}
		id, _ := result.LastInsertId()
		var s string
		var got time.Time
		var n float64
		if err := db.QueryRow("SELECT s, at, n FROM t WHERE id = ?", id).Scan(&s, &got, &n); err != nil || s != "über 'quoted'" || !got.Equal(at) || n != 12.5 {
			t.Errorf("text %v: %q %v %v, %v", text, s, got, n, err)
		}
	}
	multi := e.conn("u", func(c *mysql.Config) { c.MultiStatements = true })
	e.run(multi, "INSERT INTO shop.t (s) VALUES ('x'); INSERT INTO shop.t (s) VALUES ('y'); DO 1; -- done")
	e.want(multi, "SELECT COUNT(*) FROM shop.t", "4")
}

// TestDo: the gateway sends DO 0 in place of a statement that it has carried out.
func TestDo(t *testing.T) {
	e := start(t)
	conn := e.connOf(e.DB())
	e.run(conn, "DO 0", "do 1, 2", " /* note */ Do(3)", "SET @x = 1", "DO GET_LOCK('l', 0)")
	e.want(conn, "SELECT IS_USED_LOCK('l') = CONNECTION_ID()", "1")
	e.run(conn, "DO RELEASE_LOCK('l')")
	e.want(conn, "SELECT IS_FREE_LOCK('l')", "1")
	e.refused(conn, 1064, "DO")
	e.refused(conn, 1064, "DO SELECT")
	if rows, err := conn.QueryContext(t.Context(), "DO 5"); err != nil {
		t.Error(err)
	} else if columns, _ := rows.Columns(); len(columns) != 0 {
		t.Errorf("DO answers with rows %q", columns)
	} else {
		rows.Close()
	}
}

func (e *engine) connOf(db *sql.DB) *sql.Conn {
	e.Helper()
	conn, err := db.Conn(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { conn.Close() })
	return conn
}
