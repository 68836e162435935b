package peer

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// The walk returns what is below its paths and nothing else, and an error when there is a
// folder that it cannot read.
func TestCgroupWalk(t *testing.T) {
	m := cgroupMount{t.TempDir()}
	for _, path := range []string{"app/inner", "app-not", "user"} {
		if err := os.MkdirAll(filepath.Join(m.root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := m.walk([]string{"/app", "/was/never/there"})
	if err != nil || len(paths) != 2 {
		t.Errorf("%v, %v", paths, err)
	}
	for _, path := range []string{"/app", "/app/inner"} {
		id := inode(t, m.root+path)
		if paths[id] != path || !m.isAt(path, id) || m.isAt(path, id+1) {
			t.Errorf("%s: %q", path, paths[id])
		}
	}
	deepen(t, filepath.Join(m.root, "user"))
	if _, err := m.walk([]string{"/app"}); err != nil {
		t.Errorf("what is deep elsewhere: %v", err)
	}
	deepen(t, filepath.Join(m.root, "app"))
	if paths, err := m.walk([]string{"/app"}); err == nil || paths[inode(t, m.root+"/app/inner")] != "/app/inner" {
		t.Errorf("below a path that is too long: %v", err)
	}
}

// deepen makes folders below path until their own is longer than any call takes.
func deepen(t *testing.T, path string) {
	t.Helper()
	at, err := os.OpenRoot(path)
	for range 20 {
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Repeat("d", 250)
		if err = at.Mkdir(name, 0o755); err == nil {
			above := at
			at, err = at.OpenRoot(name)
			above.Close()
		}
	}
	at.Close()
}

// Opening a group by its id gives the same path as the walk.
func TestCgroupOpenedByID(t *testing.T) {
	m, there := newCgroupFS().(cgroupMount)
	if (!there || os.Geteuid() != 0) && os.Getenv("CI") == "" {
		t.Skip("left out: only root opens control groups by id, where there are some")
	}
	paths, err := m.walk([]string{"/"})
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d groups, %v", len(paths), err)
	}
	for id, want := range paths {
		if path, err := m.open(id); (path != want || err != nil) && m.isAt(want, id) {
			t.Errorf("group %d: %q, %v, want %q", id, path, err, want)
		}
	}
	if path, err := m.open(1 << 60); path != "" || err != nil {
		t.Errorf("no group: %q, %v", path, err)
	}
}
