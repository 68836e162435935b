//go:build unix

package backend

import (
	"context"
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
	// mode 0700; one process at a time may use it.
	Dir string
	// Secret is a folder above Dir, what else is in which is kept from the server; the one
	// that holds Dir when empty.
	Secret string
	// Binary is mysqld or mariadbd; "" chooses by Version among those on PATH and in the
	// system directories.
	Binary string
	PrivateOptions
	// Password is the service account's. The account gets it at every start, so it
	// may change between starts.
	Password string
	Log      *slog.Logger // nil: silent
}

// Installed returns the server program that Private would run, or "".
func Installed() string {
	p, err := findProgram("", "", "")
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
func Private(ctx context.Context, cfg PrivateConfig) (*Backend, error) {
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
	cfg.Dir = dir
	p := &private{cfg: cfg}
	if err := p.chooseSocket(); err != nil {
		return nil, err
	}
	t := target{network: "unix", address: p.socket, user: ServiceUser, password: cfg.Password, refuses: p.refuses}
	db, err := t.pool()
	if err != nil {
		p.close()
		return nil, err
	}
	b := &Backend{target: t, db: db, private: p, ended: make(chan struct{})}
	if err := b.Start(ctx, cfg.PrivateOptions); err != nil {
		_ = b.Close()
		return nil, err
	}
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
