//go:build unix

package backend

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas"
)

// The backend's directory is midas's own. What the server may write to are folders in it:
// its data, the one directory that statements may read and write files in, temporary
// files, and its socket. A server that an administrator has taken over may have put
// links into those, so midas opens nothing in them by a name.

func (c *child) filesFolder() string { return filepath.Join(c.dir, "files") }
func (c *child) tmpFolder() string   { return filepath.Join(c.dir, "tmp") }
func (c *child) rootFolder() string  { return filepath.Join(c.dir, "root") }
func (c *child) runFolder() string   { return filepath.Join(c.dir, "run") }
func (c *child) logFile() string     { return filepath.Join(c.dir, "mysqld.log") }
func (c *child) startFile() string   { return filepath.Join(c.dir, "start.sql") }
func (c *child) pidFile() string     { return filepath.Join(c.runFolder(), "mysqld.pid") }

// makeFolders makes what is missing. A link in place of a folder would lead the server, and
// its right to write, to where it points.
func (c *child) makeFolders() error {
	for _, folder := range []string{c.dir, c.filesFolder(), c.tmpFolder(), c.rootFolder(), c.runFolder(), c.data} {
		if folder != c.data { // which initialise makes
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return midas.Errorf(midas.Invalid, "make backend directory: %w", err)
			}
		}
		if info, err := os.Lstat(folder); err == nil && !info.IsDir() && folder != c.dir {
			return midas.Errorf(midas.Conflict, "%s is no folder", folder).
				WithHint("the database server would write to where it leads: find out how it came there, and remove it")
		}
	}
	return nil
}

// maxLog is how long the log of earlier starts may be before it makes room.
const maxLog = 8 << 20

// openLog opens the file that gets what the server says.
func (c *child) openLog() (*os.File, error) {
	if info, err := os.Lstat(c.logFile()); err == nil && info.Size() > maxLog {
		_ = os.Rename(c.logFile(), c.logFile()+".old")
	}
	log, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, midas.Errorf(midas.Unavailable, "open the backend's log: %w", err)
	}
	return log, nil
}

// replaceFile writes a file of midas's own for the server to read at its start.
func replaceFile(path string, text []byte) error {
	_ = os.Remove(path)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.Write(text)
		if closing := f.Close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		return midas.Errorf(midas.Unavailable, "prepare the backend's start: %w", err)
	}
	return nil
}
