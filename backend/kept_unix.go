//go:build unix

package backend

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// kept tells whether only root, midas's own user and that user can put a socket at path:
// theirs are all folders above it, and others may write to none but those in which each
// can remove only what is their own.
func kept(path string, user uint32) bool {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return false
	}
	for first := true; ; first = false {
		var s unix.Stat_t
		if unix.Stat(dir, &s) != nil || s.Uid != user && !trustedUser(s.Uid) {
			return false
		}
		if s.Mode&0o022 != 0 && (first || s.Mode&unix.S_ISVTX == 0) {
			return false
		}
		if dir == "/" {
			return true
		}
		dir = filepath.Dir(dir)
	}
}
