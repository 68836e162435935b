//go:build unix

package metadata

import (
	"os"
	"syscall"
)

// shareWithGroup lets the group of dir read f.
func shareWithGroup(f *os.File, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := f.Chown(-1, int(stat.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(0o640)
}
