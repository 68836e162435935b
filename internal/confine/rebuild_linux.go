package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// devices are what every program may expect.
var devices = []string{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}

// rebuild makes the rules' files all that this process's mount namespace has: an empty
// file system with those mounted into it, at their own paths, becomes its root. There is
// no /proc in it, where other processes of the same user have doors to their own roots.
func rebuild(r Rules) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("midas", r.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("make an empty file system: %w", err)
	}
	for _, path := range append(devices, r.Read...) {
		if err := show(r.Root, path, unix.MS_RDONLY); err != nil {
			return err
		}
	}
	for _, path := range r.Write {
		if err := show(r.Root, path, unix.MS_NOEXEC|unix.MS_NODEV); err != nil {
			return err
		}
	}
	if err := unix.Mount("", r.Root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("close the new root: %w", err)
	}
	return enterRoot(r.Root)
}

// enterRoot makes root "/" and lets go of what was.
func enterRoot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	// The old root is stacked upon the new one, from where it is then taken.
	// Source: pivot_root(2), "pivot_root(".", ".")".
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return unix.Chdir("/")
}

// show makes path appear under root with what is below it. A link stays one, and what it
// leads to appears where it is.
func show(root, path string, flags uintptr) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	there := filepath.Join(root, path)
	if _, err := os.Lstat(there); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil // below a folder that is here already
	}
	if err := os.MkdirAll(filepath.Dir(there), 0o755); err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return showLink(root, path, there, flags)
	}
	if err := mountPoint(there, info.IsDir()); err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	if err := unix.Mount(path, there, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(there, &stat); err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	// Flags that another user namespace has set must be kept.
	kept := uintptr(stat.Flags) & (unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if info.Mode()&fs.ModeDevice != 0 {
		flags &^= unix.MS_NODEV
	}
	if err := unix.Mount("", there, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOSUID|kept|flags, ""); err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	return nil
}

// mountPoint makes what a folder or a file can be mounted upon. What is there may be a real
// file, shown with the folder that it is in, and stays as it is.
func mountPoint(there string, folder bool) error {
	if _, err := os.Lstat(there); err == nil {
		return nil
	}
	if folder {
		return os.Mkdir(there, 0o755)
	}
	f, err := os.OpenFile(there, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func showLink(root, path, there string, flags uintptr) error {
	to, err := os.Readlink(path)
	if err == nil {
		err = os.Symlink(to, there)
	}
	if err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // it leads nowhere
	}
	if _, err := os.Lstat(filepath.Join(root, target)); err == nil {
		return nil // here already
	}
	return show(root, target, flags)
}
