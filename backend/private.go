//go:build unix

package backend

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas"
)

// ServiceUser is the account that a private server keeps for midas. It exists only at
// localhost, which is the unix socket.
const ServiceUser = "midas"

// PrivateConfig says where a private server lives.
type PrivateConfig struct {
	// Dir holds the data directory, the log and usually the socket. It is made with
	// mode 0700; one process at a time may use it. What else is in the folder that
	// holds it is kept from the server.
	Dir string
	// Binary is mysqld or mariadbd; "" looks for them on PATH and in the system
	// directories.
	Binary string
	// Password is the service account's. The account gets it at every start, so it
	// may change between starts.
	Password string
	Log      *slog.Logger // nil: silent
}

// Installed returns the server program that Private would run, or "".
func Installed() string {
	p, err := findProgram("", "")
	if err != nil {
		return ""
	}
	return p.path
}

// Private starts a server of its own on a unix socket and nothing else, initialising
// its data directory at the first start. A killed initialisation or a server left
// over from a killed midas is repaired. The server is confined to its folders where the
// system can do that; the program must then call confine.Enter first thing in main.
// Errors: NotFound without a server program,
// Conflict when another process uses Dir, Unavailable when the server does not start;
// the hint then names its log.
func Private(ctx context.Context, cfg PrivateConfig) (_ *Backend, err error) {
	if cfg.Password == "" {
		return nil, midas.Errorf(midas.Internal, "private backend without a service password")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "backend directory %s: %w", cfg.Dir, err)
	}
	c := &child{dir: dir, data: filepath.Join(dir, "data"), password: cfg.Password, log: cfg.Log, done: make(chan struct{})}
	if err := c.makeFolders(); err != nil {
		return nil, err
	}
	if c.lock, err = takeLock(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.release()
		}
	}()
	if c.program, err = findProgram(cfg.Binary, made(c.data)); err != nil {
		return nil, err
	}
	if err := c.evictOrphan(ctx); err != nil {
		return nil, err
	}
	if err := c.initialise(ctx); err != nil {
		return nil, err
	}
	if err := c.chooseSocket(); err != nil {
		return nil, err
	}
	c.confined = c.confinement()
	return c.begin(ctx)
}

// begin starts the supervised process and waits until it answers.
func (c *child) begin(ctx context.Context) (*Backend, error) {
	t := target{network: "unix", address: c.socket, user: ServiceUser, password: c.password}
	db, err := t.pool()
	if err != nil {
		return nil, err
	}
	c.db = db
	c.stop = make(chan struct{})
	ready := make(chan error, 1)
	go c.supervise(ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = midas.Errorf(midas.Unavailable, "start %s: %w", c.program.path, ctx.Err())
	}
	b := &Backend{target: t, db: db, child: c}
	if err == nil {
		b.version, b.dialect, err = ask(ctx, db)
	}
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	b.describe = fmt.Sprintf("private %s %s, data in %s, %s", product(b.dialect), b.version, c.data, confinedWords(c.confined))
	return b, nil
}

// takeLock keeps a second midas off the directory. The lock dies with the process.
func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "lock backend directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, midas.Errorf(midas.Conflict, "another midas uses backend directory %s", dir).
			WithHint("stop it first, or give this one a state directory of its own")
	}
	return f, nil
}

// longestSocket is sun_path of sockaddr_un (108 bytes) without its end.
const longestSocket = 107

// chooseSocket puts the socket beside the data, or into a short temporary directory
// when that path would be too long for a socket.
func (c *child) chooseSocket() error {
	c.socket = filepath.Join(c.runFolder(), "mysqld.sock")
	if len(c.socket) <= longestSocket {
		return nil
	}
	dir, err := os.MkdirTemp("/tmp", "midas-")
	if err != nil {
		return midas.Errorf(midas.Unavailable, "make a directory for the backend's socket: %w", err)
	}
	c.socketDir, c.socket = dir, filepath.Join(dir, "mysqld.sock")
	return nil
}
