package keyfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/midas-mysql/midas/internal/keyfile"
)

func TestCreateAndRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if _, err := keyfile.Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	// All end with the key of the one that was first.
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := keyfile.Create(path, []byte(fmt.Sprint("secret ", i)), 0o600); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first, err := keyfile.Read(path)
	if err != nil || !strings.HasPrefix(string(first), "secret ") {
		t.Fatalf("%q, %v", first, err)
	}
	if err := keyfile.Replace(path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := keyfile.Read(path); err != nil || string(again) != "another" {
		t.Errorf("%q, %v", again, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("drafts were left: %v", left)
	}
	if err := keyfile.Create(filepath.Join(dir, "none", "key"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permission bits say nothing here")
	}
	for name, test := range map[string]struct {
		change func(path string) error
		unsafe bool
		says   string
	}{
		"readable by the group":  {func(p string) error { return os.Chmod(p, 0o640) }, true, "chmod 600"},
		"readable by everybody":  {func(p string) error { return os.Chmod(p, 0o604) }, true, "chmod 600"},
		"somebody else's":        {func(p string) error { return os.Chown(p, 12345, 12345) }, true, "belongs to somebody else"},
		"a directory":            {func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, false, "no regular file"},
		"a pipe":                 {func(p string) error { return errors.Join(os.Remove(p), exec.Command("mkfifo", "-m", "600", p).Run()) }, false, "no regular file"},
		"longer than keys are":   {func(p string) error { return os.Truncate(p, 1<<20) }, false, "1048576 bytes"},
		"the owner's alone: 400": {func(p string) error { return os.Chmod(p, 0o400) }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := keyfile.Create(path, []byte("hunter2"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := test.change(path); errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
				t.Skip("left out: only root can give a file away")
			} else if err != nil {
				t.Fatal(err)
			}
			data, err := keyfile.Read(path)
			if test.says == "" {
				if err != nil || string(data) != "hunter2" {
					t.Errorf("%q, %v", data, err)
				}
				return
			}
			if err == nil || errors.Is(err, keyfile.ErrUnsafe) != test.unsafe || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestErrorsAreTheSameEachTime, so that a log tells an error once however often it is tried.
func TestErrorsAreTheSameEachTime(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{taken, filepath.Join(dir, "missing", "key")} {
		first, second := keyfile.Replace(path, []byte("x"), 0o600), keyfile.Replace(path, []byte("x"), 0o600)
		if first == nil || second == nil || first.Error() != second.Error() || !strings.Contains(first.Error(), path) {
			t.Errorf("%v, then %v", first, second)
		}
	}
}
