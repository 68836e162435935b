package vmns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"os/signal"
	"sort"
	"strings"

	"github.com/midas-mysql/midas"
)

// ErrForbidden says that this system does not let the caller have the namespaces.
// Nothing of the command has run then.
var ErrForbidden = errors.New("this system does not allow a private network namespace")

// Exit statuses for a command that could not be started, as shells give them.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// Forward serves one TCP address of the namespace from outside of it.
type Forward struct {
	// Inside is where the command finds it, "169.254.169.254:80". IPv4 only.
	Inside string
	// Serve accepts and serves until the listener is closed; it runs in the
	// caller's namespace, with the caller's network.
	Serve func(net.Listener) error
}

// Config says what runs, and what it finds.
type Config struct {
	Forwards []Forward
	// Hosts maps host names to IPv4 addresses. They come before the machine's own
	// /etc/hosts in the copy that the command sees.
	Hosts map[string]string
	// Learn runs beside the command until that ends, and adds names that come up
	// meanwhile; nil for none. A name that has an address gets this one besides.
	Learn   func(ctx context.Context, add func(names map[string]string) error)
	Command []string // name and arguments; the name is looked up in Env's PATH
	Env     []string // the whole environment, "KEY=value"

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Plain runs the command in the namespaces of the caller: same signals, same exit
// status, but nothing served: 169.254.169.254 is that of the caller's network, perhaps a
// real cloud's. It is for users who say so.
func Plain(ctx context.Context, cfg Config) (exitCode int, err error) {
	if len(cfg.Command) == 0 {
		return 0, midas.Errorf(midas.Invalid, "no command to run")
	}
	path, err := lookPath(cfg.Command[0], cfg.Env)
	if err != nil {
		return startFailure(err)
	}
	cmd := exec.CommandContext(ctx, path, cfg.Command[1:]...)
	cmd.Args[0] = cfg.Command[0]
	cmd.Env = cfg.Env
	attach(cmd, cfg)
	signals := catchSignals()
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return startFailure(err)
	}
	return supervise(cmd, signals)
}

// hostsFile is the /etc/hosts of the namespace: ours first, because the first line
// that has a name wins.
func hostsFile(own map[string]string, host []byte) ([]byte, error) {
	lines, err := hostsLines(own)
	return append(lines, host...), err
}

// hostsLines are lines of /etc/hosts for the names, in alphabetical order.
func hostsLines(own map[string]string) ([]byte, error) {
	names := make([]string, 0, len(own))
	for name, address := range own {
		if name == "" || strings.ContainsAny(name, " \t\r\n#") {
			return nil, midas.Errorf(midas.Invalid, "%q is not a host name", name)
		}
		if a, err := netip.ParseAddr(address); err != nil || !a.Is4() {
			return nil, midas.Errorf(midas.Invalid, "host %s: %q is not an IPv4 address", name, address)
		}
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s\t%s\n", own[name], name)
	}
	return []byte(b.String()), nil
}
