// Package keyfile owns how files that hold a key or another secret are read and
// written: whole or not at all, for their owner alone. It also judges whether a
// directory and what is in it could have been put there by another user.
//
// It never looks at what files hold, and nothing of that is in its errors.
package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxSize bounds a key: the largest, a signing key with its certificate, has 3 KiB.
const maxSize = 64 << 10

// ErrUnsafe says that others may have read a file, or could have made or changed it.
var ErrUnsafe = errors.New("is not its owner's alone")

// Read reads a file that its owner alone may read, and that belongs to the user who runs
// this or to root: a key that others could read may be known to them, and one that others
// made surely is. Errors are fs.ErrNotExist and ErrUnsafe, whose text says what to do.
func Read(path string) ([]byte, error) { return read(path, true, maxSize) }

// ReadUpTo is Read for a file of up to limit bytes, which is no key.
func ReadUpTo(path string, limit int64) ([]byte, error) { return read(path, true, limit) }

// ReadPublic reads a file that others may read but not change: a certificate to trust.
// Errors are those of Read.
func ReadPublic(path string) ([]byte, error) { return read(path, false, maxSize) }

func read(path string, secret bool, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case secret && readableByOthers(info):
		return nil, fmt.Errorf("%s %w: it has mode %#o, so others may read it (chmod 600 it if nobody did, else remove it)", path, ErrUnsafe, info.Mode().Perm())
	}
	if err := checkOwn(path, info); err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, and at most %d are read", path, info.Size(), limit)
	}
	data := make([]byte, info.Size())
	_, err = f.ReadAt(data, 0)
	return data, err
}

// Create makes path appear with all of data or not at all, and on disk. When another
// process was first, its file stays, and that is no error: who starts together shares one
// key. Read what is there afterwards.
func Create(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, func(draft string) error {
		if err := os.Link(draft, path); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// Replace makes path hold data in one step: who reads it in the meantime sees what was
// there before or all of data, and never a secret under looser permissions.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, func(draft string) error { return os.Rename(draft, path) })
}

func write(path string, data []byte, mode fs.FileMode, publish func(draft string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, withoutPath(err))
	}
	defer os.Remove(f.Name()) // what has been renamed is no longer there
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = errors.Join(publish(f.Name()), syncDir(dir))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, withoutPath(err))
	}
	return nil
}

// withoutPath leaves out the draft's name, which differs each time: a caller that tries again
// and again logs an error once, which it tells by its text.
func withoutPath(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
