//go:build unix

package statedir

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/midas-mysql/midas"
)

// Lock makes this process the only one that serves from dir. The system
// releases the lock when the process ends, however it ends.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "lock the state: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, midas.Errorf(midas.Conflict, "another midas serves from %s", dir).
			WithHint("stop it, or name another directory with --state")
	}
	return func() { f.Close() }, nil
}
