package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/vmns"
)

// TestScripts runs test/script: midas as people use it, with the programs they use.
func TestScripts(t *testing.T) {
	clearEnvironment(t)
	testscript.Run(t, scripts("", "auto", built(t), func() string { return "auto" }))
}

// TestScripts_slow runs test/script/slow: Azure's own az takes a second for each of its commands.
func TestScripts_slow(t *testing.T) {
	clearEnvironment(t)
	testscript.Run(t, scripts("slow", "auto", built(t), func() string { return "auto" }))
}

// TestScriptsOnEachBackend runs test/script/each-backend on the embedded engine, on private
// servers of MariaDB, and on a MySQL 9.7 that is named by its URL; what is about more than one
// server also on private servers of MySQL 9.7, and on databases that the settings file declares.
func TestScriptsOnEachBackend(t *testing.T) {
	clearEnvironment(t)
	program := built(t)
	t.Run("embedded", func(t *testing.T) {
		if !stack.HasEmbedded() && os.Getenv("CI") == "" {
			t.Skip("left out: this test was built without the tag gms_pure_go")
		}
		testscript.Run(t, scripts("each-backend", "embedded", program, func() string { return "embedded" }))
	})
	t.Run("private MariaDB", func(t *testing.T) {
		mysqltest.Require(t, mysqltest.MariaDBServer)
		testscript.Run(t, scripts("each-backend", "private", program, func() string { return "mysqld" }))
	})
	t.Run("private MySQL 9.7", func(t *testing.T) {
		path := t.TempDir() // the first one on PATH is taken
		if err := os.Symlink(mysqltest.Require(t, mysqltest.MySQLServer), filepath.Join(path, "mysqld")); err != nil {
			t.Fatal(err)
		}
		all := scripts("each-backend", "private", path+string(filepath.ListSeparator)+program, func() string { return "mysqld" })
		// The others have MySQL behind a URL.
		all.Dir, all.Files = "", []string{filepath.Join(all.Dir, "apart.txtar")}
		testscript.Run(t, all)
	})
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run("declared "+dialect, func(t *testing.T) {
			all := scripts("each-backend", "declared", program, func() string { return "embedded" })
			all.Dir, all.Files = "", []string{filepath.Join(all.Dir, "apart.txtar")}
			setUp := all.Setup
			all.Setup = func(e *testscript.Env) error {
				path := filepath.Join(e.WorkDir, "declared.yaml")
				e.Setenv("MIDAS_CONFIG", path)
				text := fmt.Sprintf("servers: [{name: one, backend: {url: '%s'}}, {name: two, backend: {url: '%s'}}]\n",
					mysqltest.Fresh(t, dialect).URL, mysqltest.Fresh(t, dialect).URL)
				return errors.Join(setUp(e), os.WriteFile(path, []byte(text), 0o600))
			}
			testscript.Run(t, all)
		})
	}
	t.Run("MySQL 9.7 by URL", func(t *testing.T) {
		mysqltest.Require(t, mysqltest.MySQLServer)
		// One for each script: two midases cannot both have their administrator on it.
		testscript.Run(t, scripts("each-backend", "url", program, func() string { return mysqltest.Fresh(t, "mysql").URL }))
	})
}

// built is a folder with midas as people build it. Scripts start it dozens of times, and
// with the race detector each start takes a second; `midas up` runs with it all the same. What is
// there already, and is of the same sources, Go does not link anew.
func built(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../bin/tested")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-o", dir + "/midas"}
	if stack.HasEmbedded() {
		args = append(args, "-tags", "gms_pure_go")
	}
	build := exec.Command("go", append(args, ".")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	return dir
}

// scripts are those of a folder of test/script, with the midas in program; backend is asked
// once for each. The condition [KIND] holds for that kind of backend.
func scripts(dir, kind, program string, backend func() string) testscript.Params {
	return testscript.Params{
		Dir:                filepath.Join("..", "..", "test", "script", dir),
		RequireUniqueNames: true,
		Setup:              func(e *testscript.Env) error { return setUpScript(e, program, backend()) },
		Condition: func(condition string) (bool, error) {
			if slices.Contains([]string{"embedded", "private", "url", "declared"}, condition) {
				return condition == kind, nil
			}
			return have(condition)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"up":              func(ts *testscript.TestScript, _ bool, args []string) { scriptUp(ts, args) },
			"down":            func(ts *testscript.TestScript, _ bool, _ []string) { scriptDown(ts, syscall.SIGTERM) },
			"crash":           func(ts *testscript.TestScript, _ bool, _ []string) { scriptDown(ts, syscall.SIGKILL) },
			"examples":        func(ts *testscript.TestScript, _ bool, args []string) { writeExamples(ts, args) },
			"foreign-clients": func(ts *testscript.TestScript, _ bool, _ []string) { foreignClients(ts) },
		},
	}
}

// have is the condition [have:X]: a program, or namespaces. Where nothing may be left
// out, what is missing is an error.
func have(condition string) (bool, error) {
	if condition == "root" {
		return os.Geteuid() == 0, nil
	}
	name, ok := strings.CutPrefix(condition, "have:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", condition)
	}
	var found bool
	switch name {
	case "namespaces":
		found = namespaces()
	case "node-packages":
		found = mysqltest.NodePackages(nodeLock) != ""
	case "az":
		found = mysqltest.Find(name) != "" && namespaces() // it runs in one, without a route
	default:
		found = mysqltest.Find(name) != ""
	}
	if !found && os.Getenv("CI") != "" {
		return false, fmt.Errorf("CI must have %s; test/servers/install.sh installs what can be", name)
	}
	return found, nil
}

var namespaces = sync.OnceValue(func() bool {
	_, err := vmns.Run(context.Background(), vmns.Config{Command: []string{"true"}, Env: os.Environ()})
	return err == nil
})

// setUpScript gives a script what it finds on any machine: a home of its own, clients
// of both kinds under the name mysql, and ports that stay its own over a restart.
func setUpScript(e *testscript.Env, program, backend string) error {
	e.Setenv("BACKEND", backend)
	e.Setenv("PATH", program+string(filepath.ListSeparator)+e.Getenv("PATH"))
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
	e.Setenv("CI", os.Getenv("CI"))
	e.Setenv("BASE", e.Getenv("PATH"))
	shared, err := filepath.Abs(filepath.Join("..", "..", "test", "script", "az"))
	if err != nil {
		return err
	}
	e.Setenv("AZ", shared)
	for variable, client := range map[string]string{"ORACLE": mysqltest.MySQLClient, "MARIADB": mysqltest.MariaDBClient} {
		dir := filepath.Join(e.WorkDir, ".client", variable)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if path := mysqltest.Find(client); path != "" {
			if err := os.Symlink(path, filepath.Join(dir, "mysql")); err != nil {
				return err
			}
		}
		e.Setenv(variable, dir)
	}
	free := []string{"TWO", "THREE"} // for servers that have an address of their own
	for _, name := range addresses {
		free = append(free, "MIDAS_"+name)
	}
	for _, name := range free {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		e.Setenv(name, address)
	}
	e.Values[upKey{}] = new(*upProcess)
	return nil
}

// addresses are what a midas listens on, as its variables call them.
var addresses = []string{"CONTROL", "METADATA", "MYSQL", "OPS", "PROXY"}

// freeAddress is a loopback address that nobody listens on now. Its port is below those that
// the system gives to connections, one of which could take it while midas is down.
func freeAddress() (string, error) {
	const first, last = 20000, 32767
	var failed error
	for range 100 {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first+1))))
		if err == nil {
			return ln.Addr().String(), ln.Close()
		}
		failed = err
	}
	return "", failed
}

const nodeLock = "../../test/clients/node/package-lock.json"

// foreignClients makes the programs of test/clients ready to run.
func foreignClients(ts *testscript.TestScript) {
	program := ts.MkAbs(".client/go")
	out, err := exec.Command("go", "build", "-o", program, "../../test/clients/go").CombinedOutput()
	if err != nil {
		ts.Fatalf("build test/clients/go: %v\n%s", err, out)
	}
	ts.Setenv("GOCLIENT", program)
	dir := ts.MkAbs(".client/node")
	ts.Check(os.CopyFS(dir, os.DirFS(filepath.Dir(nodeLock))))
	ts.Check(os.Symlink(mysqltest.NodePackages(nodeLock), filepath.Join(dir, "node_modules")))
	ts.Setenv("NODE", mysqltest.Find(mysqltest.Node))
	ts.Setenv("NODECLIENT", filepath.Join(dir, "client.js"))
	python, err := filepath.Abs("../../test/clients/python/client.py")
	ts.Check(err)
	ts.Setenv("PYTHON", mysqltest.Find(mysqltest.Python))
	ts.Setenv("PYTHONCLIENT", python)
}

type upKey struct{}

// scriptUp starts `midas up`.
func scriptUp(ts *testscript.TestScript, args []string) {
	running := ts.Value(upKey{}).(**upProcess)
	if *running != nil {
		ts.Fatalf("midas is up already")
	}
	var environ []string
	for _, name := range []string{"PATH", "HOME", "XDG_STATE_HOME", "TMPDIR", "MIDAS_CONFIG"} {
		environ = append(environ, name+"="+ts.Getenv(name))
	}
	for _, name := range addresses {
		environ = append(environ, "MIDAS_"+name+"="+ts.Getenv("MIDAS_"+name))
	}
	p, err := startUp(ts.Getenv("WORK"), environ, append([]string{"--backend", ts.Getenv("BACKEND")}, args...)...)
	ts.Check(err)
	*running = p
	ts.Defer(func() {
		if *running == p { // the script failed: its private servers end with midas
			_ = p.end(syscall.SIGTERM)
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
