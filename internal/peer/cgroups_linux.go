package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupMount is where the control groups of version 2 are mounted.
type cgroupMount struct{ root string }

func newCgroupFS() cgroupFS {
	root, err := cgroupRoot()
	if err != nil {
		return noCgroups{err}
	}
	return cgroupMount{root}
}

// noCgroups is what a system has whose control groups cannot be seen, with the reason.
type noCgroups struct{ why error }

func (n noCgroups) open(uint64) (string, error)              { return "", n.why }
func (n noCgroups) walk([]string) (map[uint64]string, error) { return nil, n.why }
func (n noCgroups) isAt(string, uint64) bool                 { return false }

// handleOfKernfs is the type of a handle that holds a kernfs node's id.
// Source: Linux, include/linux/exportfs.h, FILEID_KERNFS.
const handleOfKernfs = 0xfe

// open has the kernel open the group by its id. What it says is the path is believed
// only if the group is there: in a namespace of control groups, one outside has a path
// that looks like one inside.
// Source: open_by_handle_at(2).
func (m cgroupMount) open(id uint64) (string, error) {
	root, err := unix.Open(m.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", m.root, err)
	}
	defer unix.Close(root)
	handle := unix.NewFileHandle(handleOfKernfs, binary.NativeEndian.AppendUint64(nil, id))
	folder, err := unix.OpenByHandleAt(root, handle, unix.O_PATH|unix.O_CLOEXEC)
	switch {
	case errors.Is(err, unix.ESTALE):
		return "", nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return "", errors.ErrUnsupported
	case err != nil:
		return "", fmt.Errorf("open a control group by its id: %w", err)
	}
	defer unix.Close(folder)
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", folder))
	if err != nil {
		return "", fmt.Errorf("path of a control group: %w", err)
	}
	below, is := strings.CutPrefix(path, m.root)
	if !is || !m.isAt(below, id) {
		return "", nil
	}
	return "/" + strings.TrimPrefix(below, "/"), nil
}

// walk leaves out what goes while it looks. A folder that cannot be read is an error:
// the group that is looked for may be below it.
func (m cgroupMount) walk(below []string) (map[uint64]string, error) {
	paths := map[uint64]string{}
	var failed error
	for _, from := range below {
		_ = filepath.WalkDir(filepath.Join(m.root, from), func(folder string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				return nil
			}
			var stat unix.Stat_t
			if err == nil {
				err = unix.Lstat(folder, &stat)
			}
			switch {
			case err == nil:
				paths[stat.Ino] = "/" + strings.TrimPrefix(strings.TrimPrefix(folder, m.root), "/")
			case !errors.Is(err, fs.ErrNotExist):
				failed = fmt.Errorf("look through control groups: %w", err)
			}
			return nil
		})
	}
	return paths, failed
}

func (m cgroupMount) isAt(path string, id uint64) bool {
	var stat unix.Stat_t
	return unix.Lstat(filepath.Join(m.root, path), &stat) == nil && stat.Ino == id
}

// cgroupRoot is where the control groups of version 2 are mounted.
// Source: proc(5), /proc/pid/mountinfo.
func cgroupRoot() (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		mount, filesystem, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if strings.HasPrefix(filesystem, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("no control groups of version 2 are mounted")
}
