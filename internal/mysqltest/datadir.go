package mysqltest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// flavour is a kind of server and the program that is it.
type flavour struct {
	dialect string
	program string
	options []string // of the server that runs
}

// small keeps a server that holds a handful of rows small; both sides of a copied
// data directory must agree on the log size.
var small = map[string][]string{
	"mariadb": {"--innodb-log-file-size=4M", "--innodb-data-file-path=ibdata1:10M:autoextend"},
	"mysql":   {"--innodb-redo-log-capacity=8M"},
}

func (f flavour) args(more ...string) []string {
	args := append([]string{"--no-defaults"}, more...)
	if os.Geteuid() == 0 {
		args = append(args, "--user=root") // a server refuses to be root by accident
	}
	return append(args, small[f.dialect]...)
}

// startArgs trade every durability for speed: the data dies with the test.
func (f flavour) startArgs(data string) []string {
	args := f.args("--datadir="+data, "--tmpdir="+filepath.Dir(data), "--bind-address=127.0.0.1", "--skip-name-resolve", "--performance-schema=OFF",
		"--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--innodb-buffer-pool-size=24M",
		"--max-connections=500", "--skip-log-bin")
	if f.dialect == "mysql" {
		args = append(args, "--mysqlx=0")
	}
	return args
}

// firstStatements run before the server listens: root gets its password, also over
// TCP, and every account that could shadow another is removed.
func (f flavour) firstStatements(password string) string {
	remove := ""
	if f.dialect == "mariadb" {
		remove = "DELETE FROM mysql.global_priv WHERE User='' OR (User='root' AND Host<>'localhost');\nFLUSH PRIVILEGES;\n"
	}
	return remove +
		"ALTER USER root@localhost IDENTIFIED BY '" + password + "';\n" +
		"CREATE USER root@'%' IDENTIFIED BY '" + password + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;\n"
}

// datadir makes an initialised data directory at path: a copy of a template in the
// user's cache directory, since initialising takes MySQL three seconds.
func (f flavour) datadir(path string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return f.initialise(path)
	}
	version, err := exec.Command(f.program, "--no-defaults", "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", f.program, err)
	}
	key := sha256.Sum256(fmt.Appendf(version, "%s %q", f.program, f.args()))
	template := filepath.Join(cache, "midas-test", fmt.Sprintf("%s-%x", f.dialect, key[:8]))
	if _, err := os.Stat(template); err != nil {
		if err := os.MkdirAll(filepath.Dir(template), 0o700); err != nil {
			return f.initialise(path)
		}
		fresh, err := os.MkdirTemp(filepath.Dir(template), "new-")
		if err != nil {
			return f.initialise(path)
		}
		defer os.RemoveAll(fresh)
		if err := f.initialise(filepath.Join(fresh, "data")); err != nil {
			return err
		}
		// The first rename wins; both directories are as good.
		_ = os.Rename(filepath.Join(fresh, "data"), template)
	}
	if err := os.CopyFS(path, os.DirFS(template)); err != nil {
		return fmt.Errorf("copy the template of %s: %w", f.dialect, err)
	}
	return nil
}

func (f flavour) initialise(path string) error {
	var cmd *exec.Cmd
	if f.dialect == "mysql" {
		cmd = exec.Command(f.program, f.args("--initialize-insecure", "--datadir="+path)...)
	} else {
		install := onPath("mariadb-install-db")
		if install == "" {
			return fmt.Errorf("mariadb-install-db is not beside %s", f.program)
		}
		cmd = exec.Command(install, f.args("--datadir="+path, "--auth-root-authentication-method=normal", "--skip-test-db")...)
	}
	// A MariaDB that starts removes the temporary tables of others in its folder for them.
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(path))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initialise %s: %w\n%s", f.dialect, err, tail(out, 2000))
	}
	return nil
}
