//go:build unix

package backend

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/confine"
)

// An administrator of a private server can become its root: MariaDB keeps its privileges in
// a table. The statements of such a server write and read files as midas's user does, and
// beside the data are the keys of all identities. So the server reaches its own folders
// and the system's programs, and no network.

// programFolders hold the server's program, its libraries and what those read at their
// start: nothing that another user of the machine may not read.
var programFolders = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store",
	"/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group",
	"/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/crypto-policies",
	"/dev/zero", "/dev/random", "/dev/urandom", "/sys/devices/system/cpu", "/sys/devices/system/node",
	"/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
}

// mechanisms is replaced by tests, which try each of them.
var mechanisms = confine.Available

// confinement is how this machine can confine the server. Where it cannot, the start says
// so: refusing would leave such a system without a private server at all.
func (c *child) confinement() confine.Mechanism {
	if found := mechanisms(); len(found) > 0 {
		return found[0]
	}
	c.log.Warn("the private database server is NOT confined: an administrator of a server could write and read files as this user does, the keys of all identities among them; this system has neither Landlock (Linux 5.19) nor namespaces for this user",
		"instead", "use --backend with a server of another user or machine")
	return confine.None
}

func confinedWords(m confine.Mechanism) string {
	if m == confine.None {
		return "NOT confined to it"
	}
	return "confined by " + string(m)
}

// command is the server's process, ready to start.
func (c *child) command(args []string) (*exec.Cmd, error) {
	rules := confine.Rules{
		Read: append(readable(c.program.path, c.secret), c.startFile(), c.certificateFile()), Write: []string{c.data, c.filesFolder(), c.tmpFolder(), c.runFolder(), filepath.Dir(c.socket)},
		Root: c.rootFolder(), DeathSignal: syscall.SIGTERM,
	}
	cmd, err := c.confined.Command(rules, c.program.path, args...)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "start the backend: %w", err)
	}
	// Ctrl-C in a terminal is for midas, which stops the server when its last connection
	// is done.
	cmd.SysProcAttr.Setpgid = true
	cmd.Env = environment(c.tmpFolder())
	return cmd, nil
}

// environment is what a server may know of midas's own, in which secrets are passed.
func environment(tmp string) []string {
	env := []string{"TMPDIR=" + tmp}
	for _, name := range []string{"PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// readable are the folders that a server program needs, without the secret one, in which the
// keys are.
func readable(program, secretFolder string) (paths []string) {
	secret, path := resolved(secretFolder), resolved(program)
	// Programs that were unpacked somewhere have their libraries beside their folder.
	tree := filepath.Dir(filepath.Dir(path))
	for _, p := range append(programFolders, program, path, tree) {
		if p != "/" {
			paths = append(paths, without(p, secret)...)
		}
	}
	return paths
}

// without returns path, or what is in it but for secret when that is below it.
func without(path, secret string) (paths []string) {
	switch folder := resolved(path); {
	case folder == secret:
		return nil
	case !within(folder, secret):
		return []string{path}
	}
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 {
			paths = append(paths, without(filepath.Join(path, e.Name()), secret)...)
		}
	}
	return paths
}

// resolved is path without links.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// within tells whether path is folder or below it.
func within(folder, path string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}
