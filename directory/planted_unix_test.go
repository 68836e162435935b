//go:build unix

package directory_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// A file that another user made says who is an administrator, and its journal is played
// into ours.
func TestOpenRefusesAFileThatSomebodyElseMade(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI runs this as root")
		}
		t.Skip("left out: only root can give a file away")
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		path := filepath.Join(t.TempDir(), "directory.db")
		d, err := directory.Open(t.Context(), directory.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path+suffix, os.O_CREATE, 0o600)
		if err := errors.Join(err, f.Close(), os.Chown(path+suffix, 12345, 12345)); err != nil {
			t.Fatal(err)
		}
		d, err = directory.Open(t.Context(), directory.Config{Path: path})
		if err == nil {
			d.Close()
		}
		if !errors.Is(err, keyfile.ErrUnsafe) || !strings.Contains(err.Error(), path+suffix+" ") {
			t.Errorf("%q: %v", suffix, err)
		}
	}
}
