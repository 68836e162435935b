//go:build unix

package backend

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
)

// program is a server program and what it speaks. mysqld is often MariaDB's, so the
// name tells nothing and the program is asked.
type program struct {
	path    string
	dialect string
}

var systemDirs = []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin", "/opt/homebrew/bin"}

// findProgram returns binary, or the first server found that speaks dialect ("": any).
func findProgram(binary, dialect string) (program, error) {
	if binary != "" {
		p, err := identify(binary)
		if err == nil && dialect != "" && p.dialect != dialect {
			err = midas.Errorf(midas.Conflict, "%s is %s, but the data was made by %s", binary, product(p.dialect), product(dialect)).
				WithHint("use the program of that kind, or another state directory")
		}
		return p, err
	}
	var other string
	for _, path := range candidates() {
		p, err := identify(path)
		if err != nil {
			continue
		}
		if dialect == "" || p.dialect == dialect {
			return p, nil
		}
		other = path
	}
	if other != "" {
		return program{}, midas.Errorf(midas.NotFound, "the data was made by %s, but only %s is installed", product(dialect), other).
			WithHint("install %s again, or use another state directory", product(dialect))
	}
	return program{}, midas.Errorf(midas.NotFound, "neither mysqld nor mariadbd is installed").
		WithHint("on Debian or Ubuntu: apt-get install mariadb-server-core; or use the embedded engine")
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
