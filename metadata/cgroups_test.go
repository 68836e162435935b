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

// tree is control groups that a test makes, and a count of the walks through them.
type tree struct {
	*cgroups
	guard  sync.Mutex
	groups map[uint64]string
	walks  int
	err    error
}

func newTree(t *testing.T) *tree {
	t.Helper()
	made := &tree{groups: map[uint64]string{1: "/", 2: "/app"}}
	var err error
	made.cgroups, err = newCgroups(func() (map[uint64]string, error) {
		made.guard.Lock()
		defer made.guard.Unlock()
		made.walks++
		return maps.Clone(made.groups), made.err
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (c *tree) want(t *testing.T, id uint64, want string) {
	t.Helper()
	if got, err := c.path(t.Context(), id); got != want || err != nil {
		t.Errorf("group %d: %q, %v, want %q", id, got, err, want)
	}
}

// A flood from groups that are not to be seen costs one walk; from ever new ones, five
// a second.
func TestCgroupWalksAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTree(t)
		began := time.Now()
		for range 1000 {
			c.want(t, 2, "/app")
			c.want(t, 99, "")
		}
		if c.walks > 2 {
			t.Errorf("%d walks for one group that is there and one that is not", c.walks)
		}
		var all sync.WaitGroup
		for id := range uint64(500) {
			all.Go(func() {
				time.Sleep(time.Duration(id) * 4 * time.Millisecond)
				c.want(t, 1000+id, "")
			})
		}
		all.Wait()
		if most := int(time.Since(began)/walkInterval) + 1; c.walks > most {
			t.Errorf("%d walks in %v, want at most %d", c.walks, time.Since(began), most)
		}
	})
}

// A group made while a walk is under way is found by the next one, which its asker
// waits for.
func TestCgroupMadeDuringAWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTree(t)
		inner := c.list
		c.list = func() (map[uint64]string, error) {
			paths, err := inner()
			time.Sleep(time.Second)
			return paths, err
		}
		go c.path(t.Context(), 98)
		time.Sleep(500 * time.Millisecond)
		c.guard.Lock()
		c.groups[3] = "/late"
		c.guard.Unlock()
		c.want(t, 3, "/late")
		if c.walks != 2 {
			t.Errorf("%d walks", c.walks)
		}
	})
}

// A walk that fails is nobody's absence, and who leaves does not wait.
func TestCgroupWalkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTree(t)
		c.err = errors.New("no control groups")
		if _, err := c.path(t.Context(), 2); err == nil {
			t.Error("no error")
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if _, err := c.path(ctx, 2); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
		synctest.Wait()
		c.guard.Lock()
		c.err = nil
		c.guard.Unlock()
		time.Sleep(time.Second)
		c.want(t, 2, "/app")
	})
}
