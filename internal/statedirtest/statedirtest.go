//go:build unix

// Package statedirtest plants files of another user in state directories, for tests.
//
// It owns no check: what a planted file does to midas is the test's to say.
package statedirtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Stranger is the id of another user.
const Stranger = 12345

// NeedRoot leaves a test out that only root can run: it gives files away.
func NeedRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI runs this as root")
		}
		t.Skip("left out: only root can give a file away")
	}
}

// Plant makes path below dir, a folder if it ends with a slash, and gives it to Stranger.
func Plant(t *testing.T, dir, path string) string {
	t.Helper()
	path, folder := filepath.Join(dir, path), strings.HasSuffix(path, "/")
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if folder {
		err = errors.Join(err, os.MkdirAll(path, 0o700))
	} else {
		f, openErr := os.OpenFile(path, os.O_CREATE, 0o600)
		err = errors.Join(err, openErr, f.Close())
	}
	if err := errors.Join(err, os.Lchown(path, Stranger, Stranger)); err != nil {
		t.Fatal(err)
	}
	return path
}
