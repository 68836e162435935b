package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds how many symbolic links lead to a path, as the kernel does.
const maxLinks = 40

// CheckDir fails with ErrUnsafe when a user other than root and the one who runs this
// could change what is in the directory: because it is theirs or writable for them, or
// because they could put another in its place, by a directory above it or by a symbolic
// link of theirs. A directory above may be writable for others if it is sticky, as /tmp.
// The text says what is wrong where, and what to do.
func CheckDir(path string) error {
	real, err := resolve(path)
	if err != nil {
		return err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", path)
	}
	return checkOwn(real, info)
}

// CheckFile fails with ErrUnsafe when a file belongs to another user than root and the
// one who runs this, when others may write to it, and when it is a symbolic link that
// such a user made. It does not look at the directories above.
func CheckFile(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if err := checkOwn(path, info); err != nil {
			return err
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	return checkOwn(path, info)
}

// Tree is a directory whose whole content must be its owner's alone.
type Tree struct {
	Dir string
	// Skip reports whether what is in a directory of the tree is another program's business
	// and too much to look at; nil for nothing. The directory itself is judged.
	Skip func(relative string) bool
	// Shared lifts the rules for Dir and those above it: nobody else is on the machine
	// who could write there. What is in Dir must still belong to the right user.
	Shared bool
}

// Check is CheckDir for t.Dir, and looks at everything in it as well: other users can have
// put something there while they could write to it, and then it belongs to them. The modes of
// what is in a directory that only its owner can enter do not matter. What a link leads to is
// judged as Dir is: a program follows the link, and finds there what others have put.
func (t Tree) Check() error {
	if !t.Shared {
		if err := CheckDir(t.Dir); err != nil {
			return err
		}
	}
	return t.walk(func(path string, info fs.FileInfo, reached bool) error {
		err := checkOwner(path, info)
		if err == nil && reached {
			err = checkOwn(path, info)
		}
		if err == nil && !t.Shared && info.Mode()&fs.ModeSymlink != 0 {
			err = checkTarget(path)
		}
		return err
	})
}

// Mend takes write access to what is in the tree from group and others, where the user
// who runs this may: an earlier version, or a umask, gave it away. It changes nothing
// when something belongs to another user. It returns what it changed, one text for each.
func (t Tree) Mend() (changed []string, err error) {
	if _, err := resolve(t.Dir); err != nil && !t.Shared {
		return nil, err
	}
	if err := t.walk(func(path string, info fs.FileInfo, _ bool) error { return checkOwner(path, info) }); err != nil {
		return nil, err
	}
	err = t.walk(func(path string, info fs.FileInfo, reached bool) error {
		mode := info.Mode()
		if !reached || !mine(info) || !hasMode(info) || !writableByOthers(path, info) || mode&fs.ModeSticky != 0 {
			return nil
		}
		changed = append(changed, fmt.Sprintf("%s had mode %#o", path, mode.Perm()))
		return os.Chmod(path, mode.Perm()&^0o022)
	})
	return changed, err
}

// walk calls judge for everything in the tree; reached tells what other users could get to.
func (t Tree) walk(judge func(path string, info fs.FileInfo, reached bool) error) error {
	root, err := filepath.EvalSymlinks(t.Dir)
	if err != nil {
		return err
	}
	closed := "" // the outermost directory on the way that others cannot enter
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = entry.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a draft of a running midas
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		inside := closed != "" && strings.HasPrefix(path, closed+string(filepath.Separator))
		if relative != "." || !t.Shared {
			if err := judge(path, info, !inside); err != nil {
				return err
			}
		}
		if !inside && entry.IsDir() && !enteredByOthers(info) {
			closed = path
		}
		if entry.IsDir() && t.Skip != nil && t.Skip(filepath.ToSlash(relative)) {
			return fs.SkipDir
		}
		return nil
	})
}

// checkTarget judges what a link leads to, if anything.
func checkTarget(link string) error {
	real, err := resolve(link)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(real)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return checkOwn(real, info)
}

// resolve follows a path from the root on, link by link, and judges what it comes through.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	at := filepath.VolumeName(path) + string(filepath.Separator)
	rest := names(path[len(at):])
	for links := 0; len(rest) > 0; {
		if err := checkAbove(at); err != nil {
			return "", err
		}
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		if err != nil {
			return "", err
		}
		rest = rest[1:]
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s is reached over more than %d symbolic links", path, maxLinks)
		}
		if err := checkOwnerAbove(next, info); err != nil {
			return "", err
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = filepath.VolumeName(target) + string(filepath.Separator)
			target = target[len(at):]
		}
		rest = append(names(target), rest...)
	}
	return at, nil
}

func names(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return os.IsPathSeparator(uint8(r)) && r < 0x80 })
}

// checkAbove judges a directory on the way.
func checkAbove(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if err := checkOwnerAbove(path, info); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSticky == 0 && writableByOthers(path, info) {
		return unsafeMode(path, info, ", so they can put another directory in the place of what is below")
	}
	return nil
}

// checkOwn judges a file or directory that is to be used.
func checkOwn(path string, info fs.FileInfo) error {
	if err := checkOwner(path, info); err != nil {
		return err
	}
	if hasMode(info) && writableByOthers(path, info) {
		return unsafeMode(path, info, "")
	}
	return nil
}

// hasMode reports whether a mode says something: that of a link says nothing, and a socket is
// there to be written to.
func hasMode(info fs.FileInfo) bool { return info.IsDir() || info.Mode().IsRegular() }

func checkOwner(path string, info fs.FileInfo) error {
	if ours(info) {
		return nil
	}
	return unsafeOwner(path, info)
}

func checkOwnerAbove(path string, info fs.FileInfo) error {
	if ours(info) || unknownOwner(info) {
		return nil
	}
	return unsafeOwner(path, info)
}

func unsafeMode(path string, info fs.FileInfo, why string) error {
	return fmt.Errorf("%s %w: it has mode %#o, and others may write to it%s (if nobody did: chmod go-w %s)",
		path, ErrUnsafe, info.Mode().Perm(), why, path)
}

func unsafeOwner(path string, info fs.FileInfo) error {
	return fmt.Errorf("%s %w: it belongs to somebody else, %s, and this runs as %s (chown it if you made it, else remove it)",
		path, ErrUnsafe, owner(info), self())
}
