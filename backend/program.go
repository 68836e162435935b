//go:build unix

package backend

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
)

// program is a server program and what it speaks. mysqld is often MariaDB's, so the
// name tells nothing and the program is asked.
type program struct {
	path    string
	dialect string
	version string // its numbers, "" if it does not say
}

// programVersion is in what a server says of itself: "mysqld  Ver 9.7.0 for Linux".
var programVersion = regexp.MustCompile(`\bVer ([0-9]+(?:\.[0-9]+)+)`)

var systemDirs = []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin", "/opt/homebrew/bin"}

// findProgram returns binary, or of those found the one that suits a version best: it speaks
// dialect, which made the data, or for "" the one that the version asks for.
func findProgram(binary, dialect, version string) (program, error) {
	wanted, numbers := askedFor(version)
	if dialect == MySQL && wanted == MariaDB {
		return program{}, midas.Errorf(midas.Conflict, "the data was made by MySQL, and version %s is MariaDB's", version).
			WithHint("create another server and copy the data")
	}
	if binary != "" {
		p, err := identify(binary)
		if err == nil && dialect != "" && p.dialect != dialect {
			err = midas.Errorf(midas.Conflict, "%s is %s, but the data was made by %s", binary, product(p.dialect), product(dialect)).
				WithHint("use the program of that kind, or another state directory")
		}
		return p, err
	}
	var best, other program
	most := -1
	for _, path := range candidates() {
		p, err := identify(path)
		if err != nil {
			continue
		}
		if dialect != "" && p.dialect != dialect || wanted == MariaDB && p.dialect != MariaDB {
			other = p
			continue
		}
		if n := p.suits(wanted, numbers); n > most {
			best, most = p, n
		}
	}
	switch {
	case most >= 0:
		return best, nil
	case dialect != "" && other.path != "":
		return program{}, midas.Errorf(midas.NotFound, "the data was made by %s, but only %s is installed", product(dialect), other.path).
			WithHint("install %s again, or use another state directory", product(dialect))
	case other.path != "":
		return program{}, midas.Errorf(midas.NotFound, "version %s is MariaDB's, but only %s is installed", version, other.path).
			WithHint("on Debian or Ubuntu: apt-get install mariadb-server-core")
	}
	return program{}, midas.Errorf(midas.NotFound, "neither mysqld nor mariadbd is installed").
		WithHint("on Debian or Ubuntu: apt-get install mariadb-server-core; or use the embedded engine")
}

// askedFor is what a version in az's words asks for: a dialect, "" for any, and its numbers.
func askedFor(version string) (dialect, numbers string) {
	if rest, ok := strings.CutPrefix(strings.ToLower(version), "mariadb"); ok {
		return MariaDB, strings.TrimLeft(rest, "-. ")
	}
	if version == "" {
		return "", ""
	}
	return MySQL, version
}

// suits counts what a program has of what was asked for: the numbers of the version, from the
// first on, weigh less than the dialect.
func (p program) suits(dialect, numbers string) (n int) {
	if dialect != "" && p.dialect != dialect {
		return 0
	}
	n = 1
	has := strings.Split(p.version, ".")
	for i, number := range strings.Split(numbers, ".") {
		if i >= len(has) || has[i] != number || number == "" {
			break
		}
		n++
	}
	return n
}

func candidates() []string {
	var found []string
	for _, name := range []string{"mysqld", "mariadbd"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
		for _, dir := range systemDirs {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				found = append(found, path)
			}
		}
	}
	return found
}

func identify(path string) (program, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--no-defaults", "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return program{}, midas.Errorf(midas.NotFound, "%s --version: %w", path, err).
			WithHint("name a working mysqld or mariadbd")
	}
	p := program{path: path, dialect: MySQL}
	if strings.Contains(string(out), "MariaDB") {
		p.dialect = MariaDB
	}
	if found := programVersion.FindSubmatch(out); found != nil {
		p.version = string(found[1])
	}
	return p, nil
}

// made tells which kind of server made a data directory, or "" when it is not there.
func made(data string) string {
	if _, err := os.Stat(filepath.Join(data, "mysql.ibd")); err == nil {
		return MySQL
	}
	if _, err := os.Stat(filepath.Join(data, "mysql")); err == nil {
		return MariaDB
	}
	return ""
}

// installer finds the script that initialises MariaDB: beside the program, in its
// tree's scripts directory, or on PATH.
func (p program) installer() (string, error) {
	path, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		path = p.path
	}
	prefix := filepath.Dir(filepath.Dir(path))
	for _, dir := range []string{"bin", "scripts"} {
		for _, name := range []string{"mariadb-install-db", "mysql_install_db"} {
			script := filepath.Join(prefix, dir, name)
			if info, err := os.Stat(script); err == nil && info.Mode().IsRegular() {
				return script, nil
			}
		}
	}
	script, err := exec.LookPath("mariadb-install-db")
	if err != nil {
		return "", midas.Errorf(midas.NotFound, "mariadb-install-db is not installed beside %s", p.path).
			WithHint("on Debian or Ubuntu: apt-get install mariadb-server-core")
	}
	return script, nil
}
