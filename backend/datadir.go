//go:build unix

package backend

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/midas-mysql/midas"
)

// common are the arguments that initialising and running share. --no-defaults must
// stay first: the machine's own configuration is for another server.
func (c *child) common(more ...string) []string {
	args := append([]string{"--no-defaults"}, more...)
	if os.Geteuid() == 0 {
		args = append(args, "--user=root") // otherwise the servers refuse to be root
	}
	if c.program.dialect == MariaDB {
		// It has no way to say "nowhere" but a directory that nobody puts anything into.
		return append(args, "--innodb-log-file-size=16M", "--secure-file-priv="+c.filesFolder())
	}
	// Partial revokes let account keep administrators from writing to schema mysql, where
	// they could give themselves any right.
	return append(args, "--innodb-redo-log-capacity=32M", "--secure-file-priv=NULL", "--partial-revokes=ON")
}

// initialise makes the data directory under another name and renames it when it is
// whole, so that an initialisation cut short leaves nothing that looks like data.
func (c *child) initialise(ctx context.Context) error {
	leftovers, _ := filepath.Glob(filepath.Join(c.dir, "init-*"))
	for _, dir := range leftovers {
		_ = os.RemoveAll(dir)
	}
	if _, err := os.Stat(c.data); err == nil {
		return nil
	}
	begin := time.Now()
	dir, err := os.MkdirTemp(c.dir, "init-")
	if err != nil {
		return midas.Errorf(midas.Unavailable, "initialise the backend: %w", err)
	}
	defer os.RemoveAll(dir)
	fresh := filepath.Join(dir, "data")
	path, args := c.program.path, c.common("--initialize-insecure", "--datadir="+fresh)
	if c.program.dialect == MariaDB {
		if path, err = c.program.installer(); err != nil {
			return err
		}
		args = c.common("--datadir="+fresh, "--auth-root-authentication-method=normal", "--skip-test-db")
	}
	out, err := runGroup(ctx, dir, path, args)
	if err != nil {
		return midas.Errorf(midas.Unavailable, "initialise the backend with %s: %w", path, err).
			WithHint("it said: %s", reason(out))
	}
	if err := os.Rename(fresh, c.data); err != nil {
		return midas.Errorf(midas.Unavailable, "initialise the backend: %w", err)
	}
	c.log.Info("backend initialised", "program", c.program.path, "data", c.data, "took", time.Since(begin).Round(time.Millisecond))
	return nil
}

// runGroup runs a program in a process group of its own and ends the whole group when
// ctx ends: MariaDB's installer is a script with children. They have a temporary folder of their
// own: a MariaDB that starts takes the temporary tables of others in its folder for leftovers, and
// removes them.
func runGroup(ctx context.Context, temporary, path string, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd.CombinedOutput()
}

// firstStatements run at every start, before the server takes a connection: the
// service account gets the password of this start, and what the initialisation left
// open is closed. No one knows root's password, and root is locked as well. An administrator
// of MariaDB may alter the service account, with all others for one, or make it a role in the
// server's own table: it is made anew, or nobody could sign in at the server any more. Nor could
// anyone beside an anonymous account of localhost, which the administrator of any server may make:
// it stands before the accounts of midas, theirs too, which have no host.
func (c *child) firstStatements() string {
	var b strings.Builder
	// A parameter may have statements read otherwise: an empty text as NULL, or \\ as no escape.
	b.WriteString("SET SESSION sql_mode='';\n")
	if c.program.dialect == MariaDB {
		b.WriteString("DELETE FROM mysql.global_priv WHERE User IN ('','" + ServiceUser + "') OR (User='root' AND Host<>'localhost');\n")
	} else {
		b.WriteString("DELETE FROM mysql.user WHERE User='';\n")
	}
	b.WriteString("FLUSH PRIVILEGES;\n")
	password := quote(c.password)
	for _, statement := range []string{
		"CREATE USER IF NOT EXISTS root@localhost",
		"ALTER USER root@localhost IDENTIFIED BY " + quote(rand.Text()) + " ACCOUNT LOCK",
		"CREATE USER IF NOT EXISTS " + ServiceUser + "@localhost IDENTIFIED BY " + password,
		"ALTER USER " + ServiceUser + "@localhost IDENTIFIED BY " + password + " PASSWORD EXPIRE NEVER ACCOUNT UNLOCK",
		"GRANT ALL PRIVILEGES ON *.* TO " + ServiceUser + "@localhost WITH GRANT OPTION",
	} {
		b.WriteString(statement + ";\n")
	}
	return b.String()
}

// quote makes a string literal in the servers' default SQL mode.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`, "\x00", `\0`).Replace(s) + "'"
}

// reason is what an installer met: MariaDB's goes on to say where bugs are reported.
func reason(out []byte) string {
	var telling []byte
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte("ERROR")) {
			telling = append(telling, line...)
		}
	}
	if len(telling) == 0 {
		telling = out
	}
	return lastLines(telling, 3)
}

func lastLines(out []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, " / ")
}
