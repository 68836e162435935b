package directory

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// readers is how many connections read at once; SQLite's WAL lets them go on while
// the one writer commits. One more watches for changes (see dataVersion).
const readers = 4

// Config says where the directory is kept.
type Config struct {
	Path string // the SQLite file, made with mode 0600 when missing
	// Alone says that no other process has the file open meanwhile, which the caller
	// makes sure of: Changes need not ask the file then whether there are any.
	Alone bool
	Now   func() time.Time // nil for time.Now
	Log   *slog.Logger     // nil for silence
	// ReservedAudiences are the names of services that no application may take; nil for
	// none. It is asked when one is given a name.
	ReservedAudiences func() []string
}

// Directory is an open directory. It is safe for concurrent use, also by several
// processes on one machine.
type Directory struct {
	writer *sql.DB
	reader *sql.DB
	now    func() time.Time
	log    *slog.Logger
	hasher *hasher

	reserved func() []string

	tenantID       string
	subscriptionID string

	columns map[string][]string // of the tables, in order
	feed    history
	alone   bool
	closed  atomic.Bool
	watch   watch

	refusals    *throttledlog.Log
	unwrittenMu sync.Mutex
	unwritten   []Activity     // noted and not yet in the activity log
	unwrittenOf map[string]int // refusals among them, by caller
	writing     bool           // writeNoted is running
	written     *sync.Cond     // it is not any more
}

// Open opens the directory at cfg.Path, or makes an empty one with a new tenant and
// subscription id, and brings its schema up to date. Errors are Unavailable when the
// file cannot be used, and Invalid when a newer midas wrote it.
func Open(ctx context.Context, cfg Config) (_ *Directory, err error) {
	d := &Directory{now: cfg.Now, log: cfg.Log, alone: cfg.Alone, hasher: newHasher(), reserved: cfg.ReservedAudiences}
	d.written, d.unwrittenOf = sync.NewCond(&d.unwrittenMu), map[string]int{}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.refusals = throttledlog.New(d.log, d.now)
	if err := private(cfg.Path); err != nil {
		return nil, midas.Errorf(midas.Unavailable, "open directory: %w", err)
	}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	// Transactions of the writer begin IMMEDIATE: one that had to wait for its write
	// lock half-way could only fail.
	if d.writer, err = sql.Open("sqlite", dsn(cfg.Path, "_txlock=immediate")); err != nil {
		return nil, midas.Errorf(midas.Unavailable, "open directory %s: %w", cfg.Path, err)
	}
	d.writer.SetMaxOpenConns(1)
	if err := transact(ctx, d.writer, d.migrate); err != nil {
		return nil, err
	}
	err = transact(ctx, d.writer, func(ctx context.Context, tx *sql.Tx) (err error) {
		d.columns, err = loadColumns(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if d.reader, err = sql.Open("sqlite", dsn(cfg.Path, "_pragma=query_only(1)")); err != nil {
		return nil, midas.Errorf(midas.Unavailable, "open directory %s: %w", cfg.Path, err)
	}
	d.reader.SetMaxOpenConns(readers + 1)
	d.reader.SetMaxIdleConns(readers + 1)
	if err := d.write(ctx, nil, d.loadIDs); err != nil {
		return nil, err
	}
	return d, nil
}

// dsn names the file with the settings of each connection: synchronous FULL makes a
// commit wait for the disk, so that not even a power cut takes back an answer.
func dsn(path, more string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	return "file:" + u.EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&" + more
}

// private makes the file for its owner alone before SQLite can make it for everyone;
// SQLite gives its journal the mode of the file. A file or journal that somebody else made
// is refused: it would say who is an administrator.
func private(path string) error {
	if path == "" {
		return errors.New("no path given")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := keyfile.CheckFile(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// Close ends the directory. Changes already acknowledged are safe without it.
func (d *Directory) Close() error {
	d.awaitNotes()
	d.closed.Store(true)
	d.watch.close()
	var errs []error
	for _, db := range []*sql.DB{d.reader, d.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Copy writes the directory as it is at one instant to a new file at path.
func (d *Directory) Copy(ctx context.Context, path string) error {
	if err := private(path); err != nil { // SQLite takes an empty file
		return midas.Errorf(midas.Unavailable, "copy the directory: %w", err)
	}
	if _, err := d.writer.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return classify(err)
	}
	return nil
}

// Trial returns a copy of the directory in a file of its own in folder, to try changes on.
func (d *Directory) Trial(ctx context.Context, folder string) (*Directory, error) {
	path := filepath.Join(folder, "trial.db")
	if err := d.Copy(ctx, path); err != nil {
		return nil, err
	}
	return Open(ctx, Config{Path: path})
}

// Tenant returns the ids of the tenant and of its one subscription, both made when
// the directory was and never changed.
func (d *Directory) Tenant() (tenantID, subscriptionID string) {
	return d.tenantID, d.subscriptionID
}

// loadIDs reads the directory's own ids, choosing them the first time.
func (d *Directory) loadIDs(ctx context.Context, tx *sql.Tx) error {
	var revision uint64
	if err := tx.QueryRowContext(ctx, `SELECT max(revision) FROM change`).Scan(&revision); err != nil {
		return err
	}
	d.feed.advance(revision)
	d.feed.tailFrom, d.feed.tailTo = revision, revision
	for name, into := range map[string]*string{"tenant": &d.tenantID, "subscription": &d.subscriptionID} {
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO setting (name, value) VALUES (?, ?)`, name, uuid.NewString()); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT value FROM setting WHERE name = ?`, name).Scan(into); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) millis() int64 { return d.now().UnixMilli() }
