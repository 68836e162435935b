package peer

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// groupTree holds control groups that a test makes, as a user sees them that may not open
// them by id, and counts the walks through them.
type groupTree struct {
	mu    sync.Mutex
	paths map[uint64]string
	walks int
	takes time.Duration // a walk
	err   error
}

func (f *groupTree) open(uint64) (string, error) { return "", errors.ErrUnsupported }

func (f *groupTree) walk([]string) (map[uint64]string, error) {
	f.mu.Lock()
	f.walks++
	paths, err := maps.Clone(f.paths), f.err
	f.mu.Unlock()
	time.Sleep(f.takes)
	return paths, err
}

func (f *groupTree) isAt(path string, id uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paths[id] == path
}

func (f *groupTree) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// inGroups runs a test with groups of ids 1 and 2, the latter being the one looked below.
func inGroups(t *testing.T, test func(t *testing.T, f *groupTree, want func(id uint64, path string))) {
	synctest.Test(t, func(t *testing.T) {
		f := &groupTree{paths: map[uint64]string{1: "/", 2: "/app"}}
		c, err := newCgroups(f)
		if err != nil {
			t.Fatal(err)
		}
		test(t, f, func(id uint64, want string) {
			t.Helper()
			if got, err := c.Path(t.Context(), []string{"/app"}, id); got != want || err != nil {
				t.Errorf("group %d: %q, %v, want %q", id, got, err, want)
			}
		})
	})
}

// A flood of calls from one group that does not exist costs one walk. A flood from ever new
// groups costs at most five walks a second, and a fifth of the time if each takes long.
func TestCgroupWalksAreRare(t *testing.T) {
	for _, takes := range []time.Duration{0, time.Second} {
		inGroups(t, func(t *testing.T, f *groupTree, want func(uint64, string)) {
			f.takes = takes
			for range 1000 {
				want(2, "/app")
				want(99, "")
			}
			if f.walks > 2 {
				t.Errorf("%d walks for one group that is there and one that is not", f.walks)
			}
			began, before := time.Now(), f.walks
			var all sync.WaitGroup
			for id := range uint64(500) {
				all.Go(func() {
					time.Sleep(time.Duration(id) * 40 * time.Millisecond)
					want(1000+id, "")
				})
			}
			all.Wait()
			if most := int(time.Since(began)/max(walkInterval, 5*takes)) + 1; f.walks-before > most {
				t.Errorf("%d walks of %s in %v, want at most %d", f.walks-before, takes, time.Since(began), most)
			}
		})
	}
}

// A group made while a walk is under way is found by the next one, which the caller waits
// for.
func TestCgroupMadeDuringAWalk(t *testing.T) {
	inGroups(t, func(t *testing.T, f *groupTree, want func(uint64, string)) {
		f.takes = time.Second
		go want(98, "")
		time.Sleep(500 * time.Millisecond)
		f.change(func() { f.paths[3] = "/app/late" })
		want(3, "/app/late")
		if f.walks != 2 {
			t.Errorf("%d walks", f.walks)
		}
	})
}

// A group that has been removed has no path, though its sockets live on.
func TestCgroupThatWasRemoved(t *testing.T) {
	inGroups(t, func(_ *testing.T, f *groupTree, want func(uint64, string)) {
		want(2, "/app")
		f.change(func() { delete(f.paths, 2) })
		want(2, "")
	})
}

// A walk that fails returns what it found and proves no group absent. A caller whose context
// ends does not wait.
func TestCgroupWalkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &groupTree{paths: map[uint64]string{2: "/app"}, err: errors.New("too deep")}
		c, err := newCgroups(f)
		if err != nil {
			t.Fatal(err)
		}
		below := []string{"/app"}
		if path, err := c.Path(t.Context(), below, 2); path != "/app" || err != nil {
			t.Errorf("a caller that waited for it: %q, %v", path, err)
		}
		if _, err := c.Path(t.Context(), below, 3); err == nil {
			t.Error("no error")
		}
		if path, err := c.Path(t.Context(), below, 2); path != "/app" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if _, err := c.Path(ctx, below, 3); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that left: %v", err)
		}
		time.Sleep(time.Second)
		f.change(func() { f.err, f.paths[3] = nil, "/app/deep" })
		if path, err := c.Path(t.Context(), below, 3); path != "/app/deep" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
	})
}

// A group that was not below the former paths may be below the new ones.
func TestCgroupPathsThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &groupTree{paths: map[uint64]string{2: "/app"}}
		c, err := newCgroups(f)
		if err != nil {
			t.Fatal(err)
		}
		if path, err := c.Path(t.Context(), []string{"/app"}, 3); path != "" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
		f.change(func() { f.paths[3] = "/other" })
		if path, err := c.Path(t.Context(), []string{"/app", "/other"}, 3); path != "/other" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
	})
}
