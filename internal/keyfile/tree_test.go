//go:build unix

package keyfile_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/keyfile"
)

// stranger is a user id that is nobody's here.
const stranger = 12345

// asRoot leaves a test out that only root can run: it makes files of another user.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("left out: only root can give a file away")
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// wide makes a directory with a mode that no umask narrows.
func wide(path string, mode fs.FileMode) error {
	return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode))
}

func TestCheckDirRefusesWhatOthersCanChange(t *testing.T) {
	asRoot(t)
	for name, test := range map[string]struct {
		make func(base string) (state string, err error)
		says string // "" when it is fine
	}{
		"its owner's alone": {func(b string) (string, error) { return b + "/s", wide(b+"/s", 0o700) }, ""},
		"readable":          {func(b string) (string, error) { return b + "/s", wide(b+"/s", 0o755) }, ""},
		"somebody else's": {func(b string) (string, error) {
			return b + "/s", errors.Join(wide(b+"/s", 0o700), os.Chown(b+"/s", stranger, stranger))
		}, "user id 12345"},
		"writable by everybody":         {func(b string) (string, error) { return b + "/s", wide(b+"/s", 0o777) }, "mode 0777"},
		"sticky, writable by everybody": {func(b string) (string, error) { return b + "/s", wide(b+"/s", 0o777|fs.ModeSticky) }, "mode 0777"},
		"writable by a group": {func(b string) (string, error) {
			return b + "/s", errors.Join(wide(b+"/s", 0o770), os.Chown(b+"/s", 0, stranger))
		}, "mode 0770"},
		"in a directory of somebody else's": {func(b string) (string, error) {
			return b + "/d/s", errors.Join(wide(b+"/d", 0o755), wide(b+"/d/s", 0o700), os.Chown(b+"/d", stranger, stranger))
		}, "/d is not"},
		"in a directory that others write to": {func(b string) (string, error) {
			return b + "/d/s", errors.Join(wide(b+"/d", 0o777), wide(b+"/d/s", 0o700))
		}, "/d is not"},
		"in a sticky directory that others write to": {func(b string) (string, error) {
			return b + "/d/s", errors.Join(wide(b+"/d", 0o777|fs.ModeSticky), wide(b+"/d/s", 0o700))
		}, ""},
		"in a sticky directory of somebody else's": {func(b string) (string, error) {
			return b + "/d/s", errors.Join(wide(b+"/d", 0o777), wide(b+"/d/s", 0o700), os.Chown(b+"/d", stranger, stranger), os.Chmod(b+"/d", 0o777|fs.ModeSticky))
		}, "/d is not"},
		"behind a link of somebody else's": {func(b string) (string, error) {
			return b + "/l", errors.Join(wide(b+"/s", 0o700), os.Symlink("s", b+"/l"), os.Lchown(b+"/l", stranger, stranger))
		}, "/l is not"},
		"behind our link into what others write to": {func(b string) (string, error) {
			return b + "/l", errors.Join(wide(b+"/d", 0o777), wide(b+"/d/s", 0o700), os.Symlink("d/s", b+"/l"))
		}, "/d is not"},
		"behind our link": {func(b string) (string, error) {
			return b + "/a/../l", errors.Join(wide(b+"/s", 0o700), wide(b+"/a", 0o700), os.Symlink(b+"/a/../s", b+"/l"))
		}, ""},
		"behind a circle of links": {func(b string) (string, error) {
			return b + "/l", errors.Join(os.Symlink("m", b+"/l"), os.Symlink("l", b+"/m"))
		}, "symbolic links"},
		"a file": {func(b string) (string, error) { return b + "/f", os.WriteFile(b+"/f", nil, 0o600) }, "no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			state, err := test.make(t.TempDir())
			must(t, err)
			err = keyfile.CheckDir(state)
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want %q", err, test.says)
			}
			if err != nil && strings.Contains(test.says, "/d is not") && !errors.Is(err, keyfile.ErrUnsafe) {
				t.Errorf("%v is not ErrUnsafe", err)
			}
		})
	}
}

func TestTreeFindsWhatOthersPlanted(t *testing.T) {
	asRoot(t)
	for name, test := range map[string]struct {
		plant  func(dir string) error
		says   string
		mended bool
	}{
		"nothing":      {func(string) error { return nil }, "", false},
		"a file":       {func(d string) error { return plantFile(d + "/directory.db") }, "directory.db is not", false},
		"a file below": {func(d string) error { return plantFile(d + "/issuer/keys.json") }, "issuer/keys.json is not", false},
		"a directory":  {func(d string) error { return errors.Join(wide(d+"/ca", 0o700), os.Chown(d+"/ca", stranger, stranger)) }, "/ca is not", false},
		"a link": {func(d string) error {
			return errors.Join(os.Symlink("/etc/passwd", d+"/up.json"), os.Lchown(d+"/up.json", stranger, stranger))
		}, "up.json is not", false},
		"a pipe": {func(d string) error {
			return errors.Join(exec.Command("mkfifo", d+"/lock").Run(), os.Lchown(d+"/lock", stranger, stranger))
		}, "lock is not", false},
		"a writable file":      {func(d string) error { return errors.Join(os.WriteFile(d+"/f", nil, 0o600), os.Chmod(d+"/f", 0o666)) }, "mode 0666", true},
		"a writable directory": {func(d string) error { return os.Chmod(d+"/issuer", 0o777) }, "mode 0777", true},
		"writable itself":      {func(d string) error { return os.Chmod(d, 0o777) }, "mode 0777", true},
		"our link, which has no mode": {func(d string) error {
			return errors.Join(os.Symlink("issuer", d+"/l"), os.Chmod(d+"/issuer", 0o700))
		}, "", false},
		"our link to what others own": {func(d string) error {
			return errors.Join(plantFile(d+"-theirs"), os.Symlink("../../state-theirs", d+"/issuer/keys.json"))
		}, "state-theirs is not", false},
		"our link to what others may write": {func(d string) error {
			return errors.Join(wide(d+"-wide", 0o777), os.Symlink(d+"-wide", d+"/tls"))
		}, "mode 0777", false},
		"our link to nothing": {func(d string) error { return os.Symlink("none", d+"/l") }, "", false},
		"a writable file that others cannot get to": {func(d string) error {
			return errors.Join(os.WriteFile(d+"/backend/error.log", nil, 0o600), os.Chmod(d+"/backend/error.log", 0o666))
		}, "", false},
		"another program's file":          {func(d string) error { return os.Chmod(d+"/backend/data/db.frm", 0o666) }, "", false},
		"another program's file, planted": {func(d string) error { return plantFile(d + "/backend/data") }, "backend/data is not", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			must(t, os.MkdirAll(dir+"/issuer", 0o700), os.MkdirAll(dir+"/backend/data", 0o700), os.Chmod(dir, 0o755), os.WriteFile(dir+"/backend/data/db.frm", nil, 0o600))
			if strings.HasSuffix(name, "planted") {
				must(t, os.RemoveAll(dir+"/backend/data"))
			}
			must(t, test.plant(dir))
			tree := keyfile.Tree{Dir: dir, Skip: func(r string) bool { return r == "backend/data" }}
			err := tree.Check()
			if (err == nil) != (test.says == "") || err != nil && (!strings.Contains(err.Error(), test.says) || !errors.Is(err, keyfile.ErrUnsafe)) {
				t.Errorf("%v; want %q", err, test.says)
			}
			changed, err := tree.Mend()
			if test.mended != (len(changed) == 1) {
				t.Errorf("mended %q, %v", changed, err)
			}
			if again := tree.Check(); test.mended && again != nil {
				t.Errorf("after the mend: %v", again)
			}
		})
	}
}

// What belongs to somebody else stays as it is, with all beside it.
func TestMendChangesNothingBesideWhatOthersPlanted(t *testing.T) {
	asRoot(t)
	dir := filepath.Join(t.TempDir(), "state")
	must(t, wide(dir, 0o777), plantFile(dir+"/directory.db"))
	changed, err := keyfile.Tree{Dir: dir}.Mend()
	if info, statErr := os.Stat(dir); len(changed) > 0 || !errors.Is(err, keyfile.ErrUnsafe) || statErr != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("%q, %v, %v", changed, err, info.Mode())
	}
}

func TestCheckFile(t *testing.T) {
	asRoot(t)
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/ours", nil, 0o644), plantFile(dir+"/theirs"), os.Symlink("ours", dir+"/link"), os.Symlink("theirs", dir+"/to theirs"),
		os.Symlink("ours", dir+"/their link"), os.Lchown(dir+"/their link", stranger, stranger))
	for name, fine := range map[string]bool{"ours": true, "link": true, "theirs": false, "to theirs": false, "their link": false} {
		if err := keyfile.CheckFile(filepath.Join(dir, name)); fine != (err == nil) || !fine && !errors.Is(err, keyfile.ErrUnsafe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := keyfile.CheckFile(dir); err == nil {
		t.Error("a directory is no file")
	}
	if err := keyfile.CheckFile(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func plantFile(path string) error {
	return errors.Join(os.WriteFile(path, []byte("planted"), 0o600), os.Chown(path, stranger, stranger))
}
