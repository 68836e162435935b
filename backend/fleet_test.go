//go:build unix

package backend_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

const (
	serverA = "aaaaaaaa-0000-4000-8000-000000000001"
	serverB = "bbbbbbbb-0000-4000-8000-000000000002"
)

// fleet keeps its servers beneath state, with folders that are prepared already.
func fleet(t *testing.T, state, binary string, prepare ...string) *backend.Fleet {
	t.Helper()
	dir := filepath.Join(state, "backend")
	for _, id := range prepare {
		if err := os.CopyFS(filepath.Join(dir, id), os.DirFS(prepared(t, binary))); err != nil {
			t.Fatal(err)
		}
	}
	f, err := backend.NewFleet(backend.FleetConfig{Dir: dir, Binary: binary, Password: func(id string) string { return "secret of " + id }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func berth(t *testing.T, f *backend.Fleet, id string) *backend.Backend {
	t.Helper()
	b, err := f.Open(t.Context(), id, backend.PrivateOptions{})
	if err != nil {
		t.Fatalf("%v\n%s", err, midas.HintOf(err))
	}
	return b
}

// Each server has a process and data of its own. What happens to one, its files too, is nothing
// to the other.
func TestFleetKeepsServersApart(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		state := t.TempDir()
		f := fleet(t, state, binary, serverA, serverB)
		a, b := berth(t, f, serverA), berth(t, f, strings.ToUpper(serverB))
		run(t, a.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT)", "INSERT INTO shop.t VALUES (7)", "CREATE USER eve IDENTIFIED BY 'x'")
		var n int
		if err := b.DB().QueryRow("SELECT (SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop') + (SELECT COUNT(*) FROM mysql.user WHERE User = 'eve')").Scan(&n); err != nil || n != 0 {
			t.Errorf("server B has %d things of A's: %v", n, err)
		}
		var read sql.NullString
		if err := a.DB().QueryRow("SELECT LOAD_FILE('" + filepath.Join(state, "backend", serverB, "tls.pem") + "')").Scan(&read); err != nil || read.Valid {
			t.Errorf("A reads a file of B's: %v", err)
		}
		if again := berth(t, f, serverA); again != a {
			t.Error("the second Open makes another backend")
		}
		pidA := pid(t, filepath.Join(state, "backend", serverA))
		if err := f.Remove(serverB); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(state, "backend", serverB)); !os.IsNotExist(err) {
			t.Errorf("the data of B is left: %v", err)
		}
		if err := f.Remove(serverB); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := a.DB().QueryRow("SELECT a FROM shop.t").Scan(&n); err != nil || n != 7 {
			t.Errorf("A after B is gone: %d, %v", n, err)
		}
		if ids, err := f.Servers(); err != nil || len(ids) != 1 || ids[0] != serverA {
			t.Errorf("servers %q, %v", ids, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if syscall.Kill(pidA, 0) == nil {
			t.Error("Close left a server running")
		}
		_, err := f.Open(t.Context(), serverA, backend.PrivateOptions{})
		expect(t, err, midas.Unavailable, "closed")
	})
}

// A midas that ended while it removed the data of a deleted server leaves the rest to the next one.
func TestFleetFinishesRemovals(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ".removed-aaaaaaaa-aaaa", "data", "shop")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := backend.NewFleet(backend.FleetConfig{Dir: dir, Password: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err := os.Stat(filepath.Dir(filepath.Dir(left))); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
		runtime.Gosched()
	}
}

func TestFleetRefusesIds(t *testing.T) {
	f := fleet(t, t.TempDir(), "")
	for _, id := range []string{"", "data", "../escapes", "a/b/c/d/e/f", "mysqld.log.old", strings.Repeat("x", 65)} {
		_, err := f.Open(t.Context(), id, backend.PrivateOptions{})
		expect(t, err, midas.Invalid, "cannot name a folder")
		expect(t, f.Remove(id), midas.Invalid, "cannot name a folder")
	}
}

// A server that is stopped says so, and is the same backend with the same pool when it is started
// again, with other parameters.
func TestPrivateStopsAndStartsAgain(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		b := open(t, dir, binary)
		run(t, b.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT)", "INSERT INTO shop.t VALUES (7)")
		server := pid(t, dir)
		for range 2 {
			if err := b.Stop(); err != nil || !b.Stopped() || syscall.Kill(server, 0) == nil {
				t.Fatalf("stop: %v, stopped %v", err, b.Stopped())
			}
		}
		_, err := b.Dial(t.Context())
		expect(t, err, midas.Unavailable, "is stopped")
		if err := b.DB().Ping(); midas.CodeOf(err) != midas.Unavailable {
			t.Errorf("the pool: %v", err)
		}
		for range 2 {
			if err := b.Start(t.Context(), backend.PrivateOptions{Parameters: map[string]string{"max_connections": "77", "max_statement_time": "9", "sql_mode": "ANSI_QUOTES,NO_ZERO_DATE"}}); err != nil || b.Stopped() {
				t.Fatalf("start: %v", err)
			}
		}
		var a, connections int
		var mode string
		if err := b.DB().QueryRow("SELECT a, @@GLOBAL.max_connections, @@GLOBAL.sql_mode FROM shop.t").Scan(&a, &connections, &mode); err != nil || a != 7 || connections != 77 || mode != "ANSI_QUOTES,NO_ZERO_DATE" {
			t.Errorf("started again: %d, %d, %q, %v", a, connections, mode, err)
		}
		conn, err := b.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if err := b.Restart(t.Context(), backend.PrivateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := b.DB().QueryRow("SELECT @@GLOBAL.max_connections").Scan(&connections); err != nil || connections == 77 {
			t.Errorf("restarted: %d, %v", connections, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Wait(); err != nil {
			t.Errorf("Wait: %v", err)
		}
		expect(t, b.Start(t.Context(), backend.PrivateOptions{}), midas.Unavailable, "closed")
	})
}

// Parameters are the server's to judge, and those that lead out of it are nobody's to set.
func TestPrivateParameters(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		b := open(t, dir, binary)
		for name, value := range map[string]string{"max_connections": "55", "sql_mode": "ANSI_QUOTES", "WAIT_TIMEOUT": "100"} {
			if err := b.SetParameter(t.Context(), name, value); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		var connections, wait int
		if err := b.DB().QueryRow("SELECT @@GLOBAL.max_connections, @@GLOBAL.wait_timeout").Scan(&connections, &wait); err != nil || connections != 55 || wait != 100 {
			t.Errorf("%d, %d, %v", connections, wait, err)
		}
		for name, value := range map[string]string{"wait_timeout": "soon", "sql_mode": "x' OR 1 = '1", "event_scheduler": ""} {
			expect(t, b.SetParameter(t.Context(), name, value), midas.Invalid, "the server refuses")
		}
		for name, value := range map[string]string{
			"general_log_file": "/tmp/x", "init_connect": "DO 0", "datadir": "/", "skip_grant_tables": "1", "plugin_load": "x.so",
			"secure_file_priv": "", "max_connections; DROP USER midas": "1", "sql_mode": "a\nb", "max_allowed_packet": strings.Repeat("1", 2000),
		} {
			expect(t, b.SetParameter(t.Context(), name, value), midas.Invalid, "")
			_, err := backend.Private(t.Context(), backend.PrivateConfig{
				Dir: t.TempDir(), Binary: binary, Password: "x", PrivateOptions: backend.PrivateOptions{Parameters: map[string]string{name: value}},
			})
			expect(t, err, midas.Invalid, "")
		}
	})
}

// The program follows the version that is asked for, and the data the program that made it.
func TestPrivateChoosesItsProgram_slow(t *testing.T) {
	mariadb, mysql := mysqltest.Require(t, mysqltest.MariaDBServer), mysqltest.Require(t, mysqltest.MySQLServer)
	path := t.TempDir() // mysqld is MySQL's here, and mariadbd MariaDB's
	for name, program := range map[string]string{"mysqld": mysql, "mariadbd": mariadb} {
		if err := os.Symlink(program, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", path+":"+os.Getenv("PATH"))
	for version, want := range map[string]string{"mariadb": backend.MariaDB, "MariaDB10.11": backend.MariaDB, "8.0.21": backend.MySQL, "9.7": backend.MySQL, "": backend.MySQL} {
		dir := prepared(t, map[string]string{backend.MariaDB: mariadb, backend.MySQL: mysql}[want])
		if version != "" { // the data is not there yet
			if err := os.Rename(filepath.Join(dir, "data"), filepath.Join(dir, "kept")); err != nil {
				t.Fatal(err)
			}
		}
		b, err := backend.Private(t.Context(), backend.PrivateConfig{Dir: dir, Password: "x", PrivateOptions: backend.PrivateOptions{Version: version}})
		if err != nil {
			t.Fatalf("%q: %v", version, err)
		}
		if b.Dialect() != want {
			t.Errorf("version %q is served by %s", version, b.Describe())
		}
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := b.Start(t.Context(), backend.PrivateOptions{Version: "mariadb"}); (err == nil) != (want == backend.MariaDB) || err != nil && midas.CodeOf(err) != midas.Conflict {
			t.Errorf("data of %s as MariaDB: %v", want, err)
		}
		_ = b.Stop()
		if err := b.Start(t.Context(), backend.PrivateOptions{Version: "8.4"}); err != nil || b.Dialect() != want {
			t.Errorf("data of %s as MySQL 8.4: %v, %s", want, err, b.Describe())
		}
		_ = b.Close()
	}
}

// The data of a former midas, which had one private server for all, goes to one server, though a
// crash comes between; and a process that was left over serves it no more.
func TestFleetTakesOver(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		state := t.TempDir()
		dir := filepath.Join(state, "backend")
		if err := os.CopyFS(dir, os.DirFS(prepared(t, binary))); err != nil {
			t.Fatal(err)
		}
		before := open(t, dir, binary)
		run(t, before.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT) ENGINE=InnoDB", "INSERT INTO shop.t VALUES (7)", "CREATE USER eve IDENTIFIED BY 'x'")
		f := fleet(t, state, binary)
		if _, err := f.TakeOver(serverA); midas.CodeOf(err) != midas.Conflict {
			t.Errorf("while a midas uses it: %v", err)
		}
		if err := before.Close(); err != nil {
			t.Fatal(err)
		}
		// A crash came between.
		if err := os.MkdirAll(filepath.Join(dir, serverA), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "mysqld.log"), filepath.Join(dir, serverA, "mysqld.log")); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if taken, err := f.TakeOver(serverA); err != nil || taken != (i == 0) {
				t.Fatalf("take over: %v, %v", taken, err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 || left[0] != filepath.Join(dir, serverA) {
			t.Errorf("left: %q", left)
		}
		var a int
		if err := berth(t, f, serverA).DB().QueryRow("SELECT a FROM shop.t, mysql.user WHERE User = 'eve'").Scan(&a); err != nil || a != 7 {
			t.Errorf("taken over: %d, %v", a, err)
		}
	})
}
