package main

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestScripts runs test/script: midas as people use it, with the programs they use.
func TestScripts(t *testing.T) {
	clearEnvironment(t)
	testscript.Run(t, scripts(t, "", "auto"))
}

// TestScriptsOnEachBackend runs test/script/each-backend on the embedded engine, on a
// private MariaDB and on a MySQL 9.7 that is named by its URL.
func TestScriptsOnEachBackend(t *testing.T) {
	clearEnvironment(t)
	for name, backend := range map[string]func(t *testing.T) string{
		"embedded": func(t *testing.T) string {
			if openEmbedded == nil {
				t.Skip("left out: this test was built without the tag gms_pure_go")
			}
			return "embedded"
		},
		"private MariaDB": func(t *testing.T) string {
			mysqltest.Require(t, mysqltest.MariaDBServer)
			return "mysqld"
		},
		"MySQL 9.7 by URL": func(t *testing.T) string { return mysqltest.Fresh(t, "mysql").URL },
	} {
		t.Run(name, func(t *testing.T) {
			testscript.Run(t, scripts(t, "each-backend", backend(t)))
		})
	}
}

func scripts(t *testing.T, dir, backend string) testscript.Params {
	return testscript.Params{
		Dir:                filepath.Join("..", "..", "test", "script", dir),
		RequireUniqueNames: true,
		Setup:              func(e *testscript.Env) error { return setUpScript(t, e, backend) },
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"up":    func(ts *testscript.TestScript, _ bool, args []string) { scriptUp(ts, args) },
			"down":  func(ts *testscript.TestScript, _ bool, _ []string) { scriptDown(ts, syscall.SIGTERM) },
			"crash": func(ts *testscript.TestScript, _ bool, _ []string) { scriptDown(ts, syscall.SIGKILL) },
		},
	}
}

// setUpScript gives a script what it finds on any machine: a home of its own, clients
// of both kinds under the name mysql, and ports that stay its own over a restart.
func setUpScript(t *testing.T, e *testscript.Env, backend string) error {
	for _, program := range []string{"bash", "curl", "jq"} {
		needProgram(t, program)
	}
	e.Setenv("BACKEND", backend)
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
	e.Setenv("CI", os.Getenv("CI"))
	base := e.Getenv("PATH")
	e.Setenv("BASE", base)
	for variable, client := range map[string]string{"ORACLE": mysqltest.MySQLClient, "MARIADB": mysqltest.MariaDBClient} {
		dir := filepath.Join(e.WorkDir, ".client", variable)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Symlink(mysqltest.Require(t, client), filepath.Join(dir, "mysql")); err != nil {
			return err
		}
		e.Setenv(variable, dir)
	}
	for _, name := range []string{"CONTROL", "METADATA", "MYSQL", "OPS"} {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		e.Setenv("MIDAS_"+name, address)
	}
	e.Values[upKey{}] = new(*upProcess)
	return nil
}

// freeAddress is a loopback address that nobody listens on now.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

type upKey struct{}

// scriptUp starts `midas up`.
func scriptUp(ts *testscript.TestScript, args []string) {
	running := ts.Value(upKey{}).(**upProcess)
	if *running != nil {
		ts.Fatalf("midas is up already")
	}
	var environ []string
	for _, name := range []string{"PATH", "HOME", "XDG_STATE_HOME", "TMPDIR", "MIDAS_CONTROL", "MIDAS_METADATA", "MIDAS_MYSQL", "MIDAS_OPS"} {
		environ = append(environ, name+"="+ts.Getenv(name))
	}
	p, err := startUp(ts.Getenv("WORK"), environ, append([]string{"--backend", ts.Getenv("BACKEND")}, args...)...)
	ts.Check(err)
	*running = p
	ts.Defer(func() {
		if *running == p {
			_ = p.end(syscall.SIGKILL)
		}
	})
}

// scriptDown ends it with a signal.
func scriptDown(ts *testscript.TestScript, signal syscall.Signal) {
	running := ts.Value(upKey{}).(**upProcess)
	if *running == nil {
		ts.Fatalf("midas is not up")
	}
	p := *running
	*running = nil
	ts.Check(p.end(signal))
}
