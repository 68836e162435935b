package account

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// ErrCopy is wrapped by the error of New when the copy of the server's rows is there and
// cannot be believed: it was changed, cut short, taken from another server, or others may
// write it. No account of the server opens until the operator has decided.
var ErrCopy = errors.New("the copy of the account rows is refused")

// maxCopy bounds a copy: a row has some 400 bytes there, at most 3 KiB.
const maxCopy = 64 << 20

// Copies is a folder with a file for each server: the sealed copy of its mapping rows. A
// server's rows are kept once by a process, whatever number of stores it has.
type Copies struct {
	dir string

	mu   sync.Mutex
	kept map[string]*copyFile // by server
}

// OpenCopies keeps copies in files of a folder, which it makes. Without a folder they are
// kept in memory, for a backend that forgets its accounts with the process too.
func OpenCopies(dir string) (*Copies, error) {
	if dir == "" {
		return &Copies{kept: map[string]*copyFile{}}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, midas.Errorf(midas.Internal, "make the folder for copies of account rows: %w", err)
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return nil, midas.Errorf(midas.Internal, "look at the folder for copies of account rows: %w", err)
	case !info.IsDir() || info.Mode().Perm()&0o077 != 0:
		return nil, midas.Errorf(midas.Invalid, "%s, the folder for copies of account rows, has mode %s: others may reach into it", dir, info.Mode()).
			WithHint("chmod 700 %s", dir)
	}
	return &Copies{dir: dir, kept: map[string]*copyFile{}}, nil
}

// path names the file of a server. An id that is no plain name is hashed, so that it
// cannot lead out of the folder.
func (c *Copies) path(server string) string {
	if c.dir == "" {
		return ""
	}
	plain := func(r rune) bool { return r == '-' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') }
	if len(server) > 64 || strings.ContainsFunc(server, func(r rune) bool { return !plain(r) }) {
		server = hashedName(server)
	}
	return filepath.Join(c.dir, server+".json")
}

// hashedName stands for an id that cannot be a file's name.
func hashedName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// of reads the copy of a server, at the first use.
func (c *Copies) of(server string, keys keyring) (*copyFile, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.kept[server]; f != nil {
		return f, nil
	}
	f := &copyFile{path: c.path(server), server: server, key: keys.now}
	if err := f.read(keys); err != nil {
		return nil, err
	}
	c.kept[server] = f
	return f, nil
}

// copyFile is the copy of one server.
type copyFile struct {
	path, server string    // no path: in memory
	key          ServerKey // of a copy that has not begun

	mu  sync.Mutex // for changes
	now atomic.Pointer[copied]
}

var _ copies = (*copyFile)(nil)

func (f *copyFile) read(keys keyring) error {
	if f.path == "" {
		return nil
	}
	data, err := keyfile.ReadUpTo(f.path, maxCopy)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var state *copied
	if err == nil {
		state, err = keys.openCopy(f.server, data)
	}
	if err != nil {
		return &midas.Error{
			Code: midas.Unavailable, Message: fmt.Sprintf("the copy %s of the account rows is refused: %v", f.path, err), Err: errors.Join(ErrCopy, err),
			Hint: "restore the file from a backup of the state directory; or, if the rows in schema midas of the backend are right, run midas mysql aad-user restore, which sets it aside",
		}
	}
	state.index()
	f.now.Store(state)
	return nil
}

// change replaces the state by what edit makes of a clone of it, on disk first.
func (f *copyFile) change(edit func(*copied) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.look().clone()
	if next.ended {
		return midas.Errorf(midas.Conflict, "the server of these accounts has been deleted")
	}
	if err := edit(next); err != nil {
		return err
	}
	next.index()
	if err := f.write(next); err != nil {
		return midas.Errorf(midas.Unavailable, "keep a copy of the account rows: %w", err)
	}
	f.now.Store(next)
	return nil
}

func (f *copyFile) write(next *copied) error {
	switch {
	case f.path == "":
		return nil
	case next.ended:
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := next.sealed(f.server)
	if err != nil {
		return err
	}
	if len(data) > maxCopy {
		return fmt.Errorf("%d accounts need %d bytes, and a copy has at most %d", len(next.rows), len(data), maxCopy)
	}
	return keyfile.Replace(f.path, data, 0o600)
}

func (f *copyFile) Put(a Account) error {
	if before, kept, _ := f.state(a.Mapping); kept && before == a {
		return nil
	}
	// JSON would keep other names than these.
	if !utf8.ValidString(a.User + a.Host + a.DirectoryName) {
		return midas.Errorf(midas.Invalid, "account %s has a name that is not UTF-8", a)
	}
	return f.change(func(c *copied) error {
		if gone, ok := c.gone[a.Mapping]; ok {
			if gone.refuses(a) {
				return midas.Errorf(midas.Conflict, "account %s was dropped", a)
			}
			c.forget(a.Mapping)
		}
		if before, kept := c.rows[a.Mapping]; !kept || before.Generation < a.Generation {
			c.keep(a)
		}
		return nil
	})
}

func (f *copyFile) Delete(a Account) error {
	if _, kept, gone := f.state(a.Mapping); !kept && gone.refuses(a) {
		return nil
	}
	return f.change(func(c *copied) error {
		generation := max(a.Generation, c.rows[a.Mapping].Generation, c.gone[a.Mapping].Generation)
		c.give(droppedRow{Mapping: a.Mapping, Generation: generation})
		return nil
	})
}

func (f *copyFile) revoke(a Account) error {
	if !slices.ContainsFunc(f.look().dropped, func(d droppedRow) bool { return d.isLost(a.User, a.Host) }) {
		return nil
	}
	return f.change(func(c *copied) error {
		c.revoke(a.User, a.Host)
		return nil
	})
}

func (f *copyFile) lose() error {
	return f.change(func(c *copied) error {
		for mapping, row := range c.rows {
			c.give(droppedRow{mapping, row.Generation, true, row.User, row.Host})
		}
		return nil
	})
}

func (f *copyFile) begin(rows []Account) error {
	return f.change(func(c *copied) error {
		for _, a := range rows {
			c.keep(a)
		}
		return nil
	})
}

func (f *copyFile) end() error {
	return f.change(func(c *copied) error {
		*c = copied{key: c.key, ended: true}
		return nil
	})
}

// look returns the state, an empty one before the first.
func (f *copyFile) look() *copied {
	if now := f.now.Load(); now != nil {
		return now
	}
	return &copied{key: f.key}
}

// rekey seals rows, which take the place of those that are kept, and all else under a key.
// It is one write of the file: a crash leaves the copy under one key or under the other.
func (f *copyFile) rekey(key ServerKey, rows []Account) error {
	return f.change(func(c *copied) error {
		*c = copied{key: key, rows: map[string]keptRow{}, dropped: c.dropped, tookOver: c.tookOver}
		for _, a := range rows {
			c.keep(a)
		}
		return nil
	})
}

func (f *copyFile) tookOver() bool { return f.look().tookOver }

func (f *copyFile) noteTookOver() error {
	if now := f.look(); now.tookOver || now.ended {
		return nil
	}
	return f.change(func(c *copied) error {
		c.tookOver = true
		return nil
	})
}

func (f *copyFile) sealedUnder() ServerKey { return f.look().key }

func (f *copyFile) All() []Account           { return accountsOf(f.look().rows) }
func (f *copyFile) begun() bool              { return f.now.Load() != nil }
func (f *copyFile) of(user string) []Account { return f.look().users[user] }
func (f *copyFile) sum() fingerprint         { return f.look().print }

func (f *copyFile) state(mapping string) (a Account, kept bool, dropped droppedRow) {
	now := f.look()
	row, kept := now.rows[mapping]
	return row.Account, kept, now.gone[mapping]
}
