package metadata

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// groupTree is control groups that a test makes, for somebody who may not open them by
// id, and a count of the walks through them.
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

func (f *groupTree) stands(path string, id uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paths[id] == path
}

func (f *groupTree) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// inGroups runs a test among groups with the ids 1 and 2, the latter marked.
func inGroups(t *testing.T, test func(t *testing.T, f *groupTree, want func(id uint64, path string))) {
	synctest.Test(t, func(t *testing.T) {
		f := &groupTree{paths: map[uint64]string{1: "/", 2: "/app"}}
		c, err := newCgroups(f)
		if err != nil {
			t.Fatal(err)
		}
		test(t, f, func(id uint64, want string) {
			t.Helper()
			if got, err := c.path(t.Context(), []string{"/app"}, id); got != want || err != nil {
				t.Errorf("group %d: %q, %v, want %q", id, got, err, want)
			}
		})
	})
}

// A flood from a group that is not to be seen costs one walk; from ever new ones, at most
// five a second, and a fifth of the time if they take long.
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

// A group made while a walk is under way is found by the next one, which its asker
// waits for.
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

// A group that has been removed is nobody's, though its sockets live on.
func TestCgroupThatWasRemoved(t *testing.T) {
	inGroups(t, func(_ *testing.T, f *groupTree, want func(uint64, string)) {
		want(2, "/app")
		f.change(func() { delete(f.paths, 2) })
		want(2, "")
	})
}

// A walk that could not see everything tells what it saw, and is nobody's absence; who
// leaves does not wait.
func TestCgroupWalkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &groupTree{paths: map[uint64]string{2: "/app"}, err: errors.New("too deep")}
		c, err := newCgroups(f)
		if err != nil {
			t.Fatal(err)
		}
		marked := []string{"/app"}
		if path, err := c.path(t.Context(), marked, 2); path != "/app" || err != nil {
			t.Errorf("who waited for it: %q, %v", path, err)
		}
		if _, err := c.path(t.Context(), marked, 3); err == nil {
			t.Error("no error")
		}
		if path, err := c.path(t.Context(), marked, 2); path != "/app" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if _, err := c.path(ctx, marked, 3); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
		time.Sleep(time.Second)
		f.change(func() { f.err, f.paths[3] = nil, "/app/deep" })
		if path, err := c.path(t.Context(), marked, 3); path != "/app/deep" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
	})
}

// What was not to be found below the marks of before may be below those of now.
func TestCgroupMarksThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &groupTree{paths: map[uint64]string{2: "/app"}}
		c, err := newCgroups(f)
		if err != nil {
			t.Fatal(err)
		}
		if path, err := c.path(t.Context(), []string{"/app"}, 3); path != "" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
		f.change(func() { f.paths[3] = "/other" })
		if path, err := c.path(t.Context(), []string{"/app", "/other"}, 3); path != "/other" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
	})
}
