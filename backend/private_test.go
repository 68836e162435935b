//go:build unix

package backend_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/confine"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// programs are the kinds of private server; each test runs with both.
func programs(t *testing.T, test func(t *testing.T, binary string)) {
	for _, name := range []string{mysqltest.MariaDBServer, mysqltest.MySQLServer} {
		t.Run(name, func(t *testing.T) { test(t, mysqltest.Require(t, name)) })
	}
}

func open(t *testing.T, dir, binary string) *backend.Backend {
	t.Helper()
	begin := time.Now()
	b, err := backend.Private(t.Context(), backend.PrivateConfig{Dir: dir, Binary: binary, Password: `it's a \ "secret"`})
	if err != nil {
		t.Fatalf("%v\n%s", err, midas.HintOf(err))
	}
	t.Logf("%s, up in %v", b.Describe(), time.Since(begin).Round(time.Millisecond))
	t.Cleanup(func() { _ = b.Close() })
	return b
}

var templates sync.Map // program to directory

// prepared copies a directory that Private initialised: MySQL takes seconds for that.
func prepared(t *testing.T, binary string) string {
	t.Helper()
	template, ok := templates.Load(binary)
	if !ok {
		dir, err := os.MkdirTemp("", "midas-backend-")
		if err != nil {
			t.Fatal(err)
		}
		_ = open(t, dir, binary).Close()
		templates.Store(binary, dir)
		template = dir
	}
	dir := filepath.Join(t.TempDir(), "backend")
	if err := os.CopyFS(dir, os.DirFS(template.(string))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	confine.Enter() // a confined server begins as this binary, started again
	code := m.Run()
	templates.Range(func(_, dir any) bool { return os.RemoveAll(dir.(string)) == nil })
	os.Exit(code)
}

func run(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func pid(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "run", "mysqld.pid"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually polls: what it waits for is another process's doing.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(40 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); !ok(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("in 40 s not: %s", what)
		}
	}
}

func TestPrivateKeepsDataAndLetsNobodyElseIn(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		b := open(t, dir, binary)
		run(t, b.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT)", "INSERT INTO shop.t VALUES (7)")
		for _, user := range []string{"root", "", "nobody", "mysql"} {
			db, err := sql.Open("mysql", user+"@unix("+filepath.Join(dir, "run", "mysqld.sock")+")/")
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Ping(); err == nil {
				t.Errorf("%q gets in without a password", user)
			}
			_ = db.Close()
		}
		var name, networking string
		if err := b.DB().QueryRow("SHOW VARIABLES LIKE 'skip_networking'").Scan(&name, &networking); err != nil || networking != "ON" {
			t.Errorf("skip_networking is %q, %v", networking, err)
		}
		if _, err := backend.Private(t.Context(), backend.PrivateConfig{Dir: dir, Binary: binary, Password: "x"}); midas.CodeOf(err) != midas.Conflict {
			t.Errorf("a second process on the directory: %v, want a conflict", err)
		}
		// What its statements may not read: the master key is beside the data.
		outside := filepath.Join(t.TempDir(), "file")
		if _, err := b.DB().Exec("SELECT 1 INTO OUTFILE '" + outside + "'"); err == nil {
			t.Error("a statement writes files")
		}
		var read sql.NullString
		if err := b.DB().QueryRow("SELECT LOAD_FILE('" + filepath.Join(dir, "run", "mysqld.pid") + "')").Scan(&read); err != nil || read.Valid {
			t.Errorf("a statement reads files: %v, %v", read, err)
		}
		server := pid(t, dir)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Wait(); err != nil {
			t.Errorf("Wait after Close: %v", err)
		}
		if syscall.Kill(server, 0) == nil {
			t.Error("Close left the server running")
		}
		var a int
		if err := open(t, dir, binary).DB().QueryRow("SELECT a FROM shop.t").Scan(&a); err != nil || a != 7 {
			t.Errorf("after a restart: %d, %v", a, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.sql")); len(left) != 0 {
			t.Errorf("statements with passwords are left in %q", left)
		}
	})
}

func TestPrivateStartsAgainWhenTheServerDies(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		b := open(t, dir, binary)
		run(t, b.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT)", "INSERT INTO shop.t VALUES (7)")
		first := pid(t, dir)
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		var a int
		eventually(t, "the acknowledged row is back", func() bool {
			return b.DB().QueryRow("SELECT a FROM shop.t").Scan(&a) == nil && a == 7
		})
		if pid(t, dir) == first {
			t.Error("it is the same process")
		}
	})
}

// A server that dies over and over, for want of memory or room on the disk, serves again when that
// is over, and nobody has to know.
func TestPrivateStartsAgainHoweverOftenTheServerDies(t *testing.T) {
	defer backend.PauseBetweenStarts(10 * time.Millisecond)()
	dir := prepared(t, backend.Installed())
	b := open(t, dir, backend.Installed())
	for death := range 10 {
		before := pid(t, dir)
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("it serves after death %d", death+1), func() bool {
			return b.DB().Ping() == nil && pid(t, dir) != before
		})
	}
}

// The child re-runs this test binary: it holds a private server and is killed.
func TestPrivateServerEndsWithAKilledProcess(t *testing.T) {
	if dir := os.Getenv("MIDAS_TEST_PRIVATE_DIR"); dir != "" {
		b := open(t, dir, os.Getenv("MIDAS_TEST_PRIVATE_BINARY"))
		run(t, b.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT)", "INSERT INTO shop.t VALUES (7)")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		cmd := exec.Command(os.Args[0], "-test.run=^TestPrivateServerEndsWithAKilledProcess$")
		cmd.Env = append(os.Environ(), "MIDAS_TEST_PRIVATE_DIR="+dir, "MIDAS_TEST_PRIVATE_BINARY="+binary)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the holder was not killed: %s", out)
		}
		var a int
		if err := open(t, dir, binary).DB().QueryRow("SELECT a FROM shop.t").Scan(&a); err != nil || a != 7 {
			t.Errorf("after the kill: %d, %v", a, err)
		}
	})
}

func TestPrivateWithALongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	run(t, open(t, dir, mysqltest.Require(t, mysqltest.MariaDBServer)).DB(), "DO 0")
}

func TestPrivateErrors(t *testing.T) {
	_, err := backend.Private(t.Context(), backend.PrivateConfig{Dir: t.TempDir(), Binary: "/nonexistent/mysqld", Password: "x"})
	expect(t, err, midas.NotFound, "/nonexistent/mysqld")

	mariadb, mysql := mysqltest.Require(t, mysqltest.MariaDBServer), mysqltest.Require(t, mysqltest.MySQLServer)
	dir := prepared(t, mariadb)
	_, err = backend.Private(t.Context(), backend.PrivateConfig{Dir: dir, Binary: mysql, Password: "x"})
	expect(t, err, midas.Conflict, "the data was made by MariaDB")

	// A data directory that no server can use: the log says why.
	if err := os.Truncate(filepath.Join(dir, "data", "ibdata1"), 1000); err != nil {
		t.Fatal(err)
	}
	_, err = backend.Private(t.Context(), backend.PrivateConfig{Dir: dir, Binary: mariadb, Password: "x"})
	expect(t, err, midas.Unavailable, "did not start")
}

// The administrator of a MariaDB may alter midas's own account, with all others for one. A restart
// leads back, or nobody could sign in at that server any more.
func TestRestartUndoesConditionsOfTheServiceAccount(t *testing.T) {
	binary := mysqltest.Require(t, mysqltest.MariaDBServer)
	b := open(t, prepared(t, binary), binary)
	const alter = "ALTER USER midas@localhost "
	for _, condition := range []string{
		alter + "REQUIRE SSL", alter + "REQUIRE X509", alter + "WITH MAX_QUERIES_PER_HOUR 1 MAX_USER_CONNECTIONS 1",
		alter + "PASSWORD EXPIRE INTERVAL 1 DAY", alter + "WITH MAX_STATEMENT_TIME 0.5",
		`UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.is_role', true) WHERE User = 'midas'`,
	} {
		run(t, b.DB(), condition)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := b.Restart(ctx, backend.PrivateOptions{})
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		var left string
		if err := b.DB().QueryRow("SHOW CREATE USER midas@localhost").Scan(&left); err != nil || strings.Contains(left, "REQUIRE") || strings.Contains(left, "MAX_") || strings.Contains(left, "INTERVAL") {
			t.Errorf("%s: %s, %v", condition, left, err)
		}
	}
}

// An administrator who makes an anonymous account is kept out by it, with all others and those who come
// after: nobody could drop it again.
// TestServiceAccountDoesNotExpire: an administrator of the server may say after how many days passwords do.
func TestServiceAccountDoesNotExpire(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		b := open(t, prepared(t, binary), binary)
		var created string
		if err := b.DB().QueryRow("SHOW CREATE USER CURRENT_USER()").Scan(&created); err != nil || !strings.Contains(created, "EXPIRE NEVER") {
			t.Errorf("%s, %v", created, err)
		}
	})
}

func TestRestartDropsAnonymousAccounts(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		b := open(t, prepared(t, binary), binary)
		run(t, b.DB(), "CREATE USER ''@localhost IDENTIFIED BY 'Own-secret-1'", "CREATE USER ''@'loc%'", "CREATE USER own@localhost IDENTIFIED BY 'Own-secret-1'")
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		mode := "NO_BACKSLASH_ESCAPES" // the server's administrator has its statements read otherwise
		if filepath.Base(binary) == "mariadbd" {
			mode += ",EMPTY_STRING_IS_NULL"
		}
		if err := b.Restart(ctx, backend.PrivateOptions{Parameters: map[string]string{"sql_mode": mode}}); err != nil {
			t.Fatal(err)
		}
		var anonymous, own int
		if err := b.DB().QueryRow("SELECT COALESCE(SUM(User = ''), 0), COALESCE(SUM(User = 'own'), 0) FROM mysql.user").Scan(&anonymous, &own); err != nil || anonymous != 0 || own != 1 {
			t.Errorf("%d anonymous accounts and %d others after a restart, want 0 and 1: %v", anonymous, own, err)
		}
	})
}
