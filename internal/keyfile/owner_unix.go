//go:build unix

package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// noWait opens a pipe at once, to be refused: who has put one in a key's place could
// otherwise keep a program from starting, without a word why.
const noWait = syscall.O_NONBLOCK

func readableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// enteredByOthers reports whether others than the owner get to what is in a directory.
func enteredByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o011 != 0 }

// writableByOthers reports whether others than the owner may write. A group that the owner
// is the only member of is nobody else. An access list that lets somebody write shows in
// the bits of the group (acl(5), "CORRESPONDENCE BETWEEN ACL ENTRIES AND FILE PERMISSION
// BITS"), and then that group does not speak for all.
func writableByOthers(path string, info fs.FileInfo) bool {
	bits := info.Mode().Perm() & 0o022
	if bits == 0o020 {
		stat, ok := info.Sys().(*syscall.Stat_t)
		return !ok || hasAccessList(path) || !privateGroup(stat.Uid, stat.Gid)
	}
	return bits != 0
}

// ours tells a file of this user or of root from one that somebody else put there.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}

// mine reports whether the file is of the user who runs this.
func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// unknownOwner reports whether the owner has no number in this user namespace, as root
// has none in that of `midas vm run`. Such a directory may be anyone's, root's too.
func unknownOwner(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	nobody, ambiguous := overflowUser()
	return ok && ambiguous && stat.Uid == nobody
}

func owner(info fs.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return userName(int(stat.Uid))
	}
	return "another user"
}

func self() string { return userName(os.Geteuid()) }

func userName(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return fmt.Sprintf("%s (user id %d)", u.Username, id)
	}
	return fmt.Sprintf("user id %d", id)
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
