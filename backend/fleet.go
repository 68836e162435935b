//go:build unix

package backend

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/midas-mysql/midas"
)

// FleetConfig says where private servers live.
type FleetConfig struct {
	// Dir has a folder for each of midas's servers, named by its unique id. What else is in the
	// folder that holds Dir is kept from all of them, as each is from the others.
	Dir string
	// Binary is the program of all of them, "" to choose one for each.
	Binary string
	// Password is the service account's at a server.
	Password func(serverID string) string
	Log      *slog.Logger // nil: silent
}

// Fleet keeps a private server for each of midas's servers: a process and a data folder.
type Fleet struct {
	cfg FleetConfig

	mu      sync.Mutex
	berths  map[string]*berth
	closing bool
}

// berth is the place of one server.
type berth struct {
	mu      sync.Mutex // held while the server is made, started, stopped or removed
	backend *Backend   // nil: not needed yet
}

// NewFleet returns a fleet of which nothing runs.
func NewFleet(cfg FleetConfig) (*Fleet, error) {
	if cfg.Password == nil {
		return nil, midas.Errorf(midas.Internal, "private servers without service passwords")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "backend directory %s: %w", cfg.Dir, err)
	}
	cfg.Dir = dir
	f := &Fleet{cfg: cfg, berths: map[string]*berth{}}
	go f.finishRemovals()
	return f, nil
}

// Open returns the private server of serverID, and starts it when it is needed for the first
// time; then its data folder is made, too. One that was stopped stays so. Errors are those of
// Private, and Invalid for an id that cannot name a folder.
func (f *Fleet) Open(ctx context.Context, serverID string, o PrivateOptions) (*Backend, error) {
	b, err := f.berth(serverID)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.backend != nil {
		return b.backend, nil
	}
	started, err := Private(ctx, PrivateConfig{
		Dir: f.folder(serverID), Secret: filepath.Dir(f.cfg.Dir), Binary: f.cfg.Binary, PrivateOptions: o,
		Password: f.cfg.Password(serverID), Log: f.cfg.Log.With("server", serverID),
	})
	if err != nil {
		return nil, err
	}
	b.backend = started
	return started, nil
}

// Remove ends the server of serverID, if it runs, and removes its data for good. It is safe to
// repeat. What is left of the data when midas ends goes at the next start: a server may have
// hundreds of thousands of files, and midas does not wait for them.
func (f *Fleet) Remove(serverID string) error {
	b, err := f.berth(serverID)
	if err != nil {
		return err
	}
	removed := filepath.Join(f.cfg.Dir, removedPrefix+strings.ToLower(serverID))
	if err := f.putAside(b, serverID, removed); err != nil {
		return err
	}
	f.mu.Lock()
	delete(f.berths, strings.ToLower(serverID))
	f.mu.Unlock()
	if err := os.RemoveAll(removed); err != nil {
		return midas.Errorf(midas.Internal, "remove the data of a deleted private server: %w", err)
	}
	return nil
}

// removedPrefix begins the names of folders whose server was deleted, which no server's id does.
const removedPrefix = ".removed-"

// putAside ends the server and renames its folder, if there is one.
func (f *Fleet) putAside(b *berth, serverID, removed string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.backend != nil {
		_ = b.backend.Close()
		b.backend = nil
	}
	if _, err := os.Lstat(f.folder(serverID)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return f.evict(f.folder(serverID), func(dir string) error { return os.Rename(dir, removed) })
}

// finishRemovals removes what Remove did not come to the end of.
func (f *Fleet) finishRemovals() {
	entries, _ := os.ReadDir(f.cfg.Dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), removedPrefix) {
			continue
		}
		dir := filepath.Join(f.cfg.Dir, e.Name())
		if err := os.RemoveAll(dir); err != nil {
			f.cfg.Log.Warn("the data of a deleted private server cannot be removed", "folder", dir, "error", err)
		}
	}
}

// Dialect tells what kind of server made the data of serverID, whether it runs or not: MySQL or
// MariaDB, or "" where there is none yet.
func (f *Fleet) Dialect(serverID string) string {
	if !isFolder(strings.ToLower(serverID)) {
		return ""
	}
	return made(filepath.Join(f.folder(serverID), "data"))
}

// Servers returns the ids of the servers that have a folder, whether they run or not: those of
// servers that were deleted while midas could not remove them are for Remove.
func (f *Fleet) Servers() (ids []string, err error) {
	entries, err := os.ReadDir(f.cfg.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, midas.Errorf(midas.Internal, "list the folders of private servers: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && isFolder(e.Name()) && made(filepath.Join(f.cfg.Dir, e.Name(), "data")) != "" {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Close ends all servers, side by side.
func (f *Fleet) Close() error {
	f.mu.Lock()
	f.closing = true
	berths := f.berths
	f.berths = map[string]*berth{}
	f.mu.Unlock()
	var all sync.WaitGroup
	for _, b := range berths {
		all.Go(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.backend != nil {
				_ = b.backend.Close()
			}
		})
	}
	all.Wait()
	return nil
}

func (f *Fleet) berth(serverID string) (*berth, error) {
	id := strings.ToLower(serverID)
	if !isFolder(id) {
		return nil, noFolder(serverID)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return nil, midas.Errorf(midas.Unavailable, "the private servers are closed").WithHint("midas is going down")
	}
	b := f.berths[id]
	if b == nil {
		b = &berth{}
		f.berths[id] = b
	}
	return b, nil
}

func noFolder(serverID string) error {
	return midas.Errorf(midas.Invalid, "the server id %q cannot name a folder", serverID).
		WithHint("an id has 8 to 64 letters, digits and hyphens")
}

func (f *Fleet) folder(serverID string) string {
	return filepath.Join(f.cfg.Dir, strings.ToLower(serverID))
}

// isFolder tells whether an id is a plain name, and none that a private server of a former midas
// has beside its data.
func isFolder(id string) bool {
	plain := func(r rune) bool { return r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' }
	return len(id) >= 8 && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool { return !plain(r) })
}

// evict does something with the folder of a server that runs no more: one that outlived a killed
// midas is ended first.
func (f *Fleet) evict(dir string, do func(dir string) error) error {
	lock, err := takeLock(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*stopTimeout)
	defer cancel()
	orphan := &child{dir: dir, data: filepath.Join(dir, "data"), log: f.cfg.Log}
	if err := orphan.evictOrphan(ctx); err != nil {
		return err
	}
	if err := do(dir); err != nil {
		return midas.Errorf(midas.Internal, "the folder %s of a private server: %w", dir, err)
	}
	return nil
}

// TakeOver gives the private server of a former midas, which served all servers and had its data
// in Dir itself, to the one server that keeps it. It is to be called before Open, each time with
// the same server, and tells whether there was anything to take over. The data moves last, so
// that a crash leaves the rest for the next call.
func (f *Fleet) TakeOver(serverID string) (taken bool, err error) {
	if !isFolder(strings.ToLower(serverID)) {
		return false, noFolder(serverID)
	}
	if made(filepath.Join(f.cfg.Dir, "data")) == "" {
		return false, nil
	}
	to := f.folder(serverID)
	if made(filepath.Join(to, "data")) != "" {
		return false, midas.Errorf(midas.Conflict, "%s has data of the private server of a former midas, and server %s has data of its own", f.cfg.Dir, serverID).
			WithHint("move one of them away: %s, or %s", filepath.Join(f.cfg.Dir, "data"), to)
	}
	return true, f.evict(f.cfg.Dir, func(dir string) error {
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		// The server makes the rest of its folders anew.
		for _, name := range []string{"mysqld.log", "mysqld.log.old", "files", "data"} {
			err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		for _, name := range []string{"tmp", "root", "run", "tls.pem", "start.sql", "lock"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		f.cfg.Log.Info("the private server of a former midas is one server's own from now on", "server", serverID, "data", filepath.Join(to, "data"))
		return nil
	})
}
