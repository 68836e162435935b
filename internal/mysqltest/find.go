package mysqltest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Programs that Require and Find know by a name of their own; any other name is
// looked up on PATH.
const (
	MariaDBServer = "mariadbd"
	MariaDBClient = "mariadb"
	MySQLServer   = "mysqld97"
	MySQLClient   = "mysql97"
	Node          = "node"    // 20 or later, as the Azure SDK needs
	Az            = "az"      // Azure CLI as Debian has it
	Python        = "python3" // Debian's, with Azure's packages, PyJWT and PyMySQL
)

// Require returns the path of the program, and otherwise ends the test: it fails when
// the environment variable CI is set, and is skipped with one line when not.
func Require(tb testing.TB, name string) string {
	tb.Helper()
	path := Find(name)
	switch {
	case path != "":
	case os.Getenv("CI") != "":
		tb.Fatalf("%s: not installed; run test/servers/install.sh as root", name)
	default:
		tb.Skipf("left out: no %s here; test/servers/install.sh installs it", name)
	}
	return path
}

// Find returns the path of the program, or "".
//
// MySQL 9.7 is taken from MIDAS_TEST_MYSQLD and MIDAS_TEST_MYSQL, then from the
// directory of test/servers/install.sh, then from PATH if that one is Oracle's.
func Find(name string) string {
	switch name {
	case MySQLServer:
		return findMySQL("MIDAS_TEST_MYSQLD", name, "mysqld")
	case MySQLClient:
		return findMySQL("MIDAS_TEST_MYSQL", name, "mysql")
	case Node:
		return findNode()
	case Az:
		return existing("/usr/bin/az")
	case Python:
		return findPython()
	}
	return onPath(name)
}

func existing(path string) string {
	if executable(path) {
		return path
	}
	return ""
}

// findPython finds the system's Python: one that somebody put before it on PATH has none
// of the system's packages.
func findPython() string {
	const path = "/usr/bin/python3"
	if exec.Command(path, "-c", "import azure.identity, jwt, pymysql").Run() != nil {
		return ""
	}
	return path
}

// installed is the directory of test/servers/install.sh.
func installed() string {
	if dir := os.Getenv("MIDAS_TEST_SERVERS"); dir != "" {
		return dir
	}
	return "/var/cache/midas-test"
}

func findNode() string {
	for _, path := range []string{onPath("node"), filepath.Join(installed(), "bin", "node")} {
		var major int
		out, err := exec.Command(path, "--version").Output()
		if _, scanErr := fmt.Sscanf(string(out), "v%d.", &major); err == nil && scanErr == nil && major >= 20 {
			return path
		}
	}
	return ""
}

// NodePackages returns the node_modules directory that install.sh made for a
// package-lock.json, or "".
func NodePackages(lockFile string) string {
	lock, err := os.ReadFile(lockFile)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(installed(), "node", fmt.Sprintf("%x", sum[:8]), "node_modules")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

func findMySQL(env, wrapper, plain string) string {
	if path := os.Getenv(env); path != "" {
		return path
	}
	if path := filepath.Join(installed(), "bin", wrapper); executable(path) {
		return path
	}
	path := onPath(plain)
	if path == "" {
		return ""
	}
	// mysqld and mysql are often links to MariaDB's programs.
	out, err := exec.Command(path, "--no-defaults", "--version").Output()
	if err != nil || strings.Contains(string(out), "MariaDB") || !strings.Contains(string(out), "9.7") {
		return ""
	}
	return path
}

// onPath looks in the system directories too: an ordinary user's PATH lacks them.
func onPath(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin"} {
		if path := filepath.Join(dir, name); executable(path) {
			return path
		}
	}
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
