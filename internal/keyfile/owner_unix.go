//go:build unix

package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// noWait opens a pipe at once, to be refused: who has put one in a key's place could
// otherwise keep a program from starting, without a word why.
const noWait = syscall.O_NONBLOCK

func readableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// ours tells a file of this user or of root from one that somebody else put there.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}

// syncDir makes the name of a file last, too: without it a crash can undo the name of
// a file that is on disk, and the key in it was used already.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
