package keyfile_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/midas-mysql/midas/internal/keyfile"
)

// An access list lets another user write, though the group is the owner's alone.
func TestCheckDirSeesAccessLists(t *testing.T) {
	asRoot(t)
	base := t.TempDir()
	dir := filepath.Join(base, "s")
	must(t, os.Chmod(filepath.Dir(base), 0o755), os.Chmod(base, 0o755), wide(dir, 0o770)) // so that user 12345 gets there
	// The list of user::rwx, user:12345:rwx, group::---, mask::rwx, other::---, as the
	// kernel takes it (linux/posix_acl_xattr.h).
	setAccessList(t, dir, "\x02\x00\x00\x00"+
		"\x01\x00\x07\x00\xff\xff\xff\xff"+"\x02\x00\x07\x00\x39\x30\x00\x00"+
		"\x04\x00\x00\x00\xff\xff\xff\xff"+"\x10\x00\x07\x00\xff\xff\xff\xff"+"\x20\x00\x00\x00\xff\xff\xff\xff")
	if err := keyfile.CheckDir(dir); !errors.Is(err, keyfile.ErrUnsafe) || !strings.Contains(err.Error(), "mode 0770") {
		t.Errorf("a list that lets user 12345 write: %v", err)
	}
	if err := touch(dir + "/planted"); err != nil {
		t.Fatalf("the list does not let user 12345 write: %v", err)
	}
	must(t, os.Remove(dir+"/planted"))
	if _, err := (keyfile.Tree{Dir: dir}).Mend(); err != nil {
		t.Fatal(err)
	}
	if err := touch(dir + "/planted"); err == nil {
		t.Error("after the mend, user 12345 writes all the same")
	}
}

func setAccessList(t *testing.T, path, list string) {
	t.Helper()
	if err := syscall.Setxattr(path, "system.posix_acl_access", []byte(list), 0); err != nil {
		t.Fatal(err)
	}
}

// touch makes a file as another user.
func touch(path string) error {
	cmd := exec.Command("touch", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	return cmd.Run()
}
