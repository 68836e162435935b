package metadata

import (
	"context"
	"sync"
	"time"

	"github.com/midas-mysql/midas"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// walkInterval is the least time between the beginnings of two walks through the
	// control groups: who asks from a group that nobody has seen must not keep a
	// processor busy.
	walkInterval = 200 * time.Millisecond
	// maxAbsent is how many ids without a folder are remembered.
	maxAbsent = 4096
)

// cgroups knows the control groups by id. A group is never moved and its id never
// used again, so what was found of an id stays true for as long as the group is there;
// and an id that a walk begun after it was seen does not find has no folder that we
// can see, and will have none.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst, fs/kernfs/dir.c.
type cgroups struct {
	list func() (map[uint64]string, error) // every group's path by id
	turn chan struct{}                     // one walk at a time

	mu     sync.Mutex
	paths  map[uint64]string // as the last walk found them
	absent *lru.LRU[uint64, struct{}]
	begun  time.Time
	next   *cgroupWalk // one that has not begun, and that whoever comes now may wait for
}

// cgroupWalk is one look at all control groups. What it found may be read once it is done.
type cgroupWalk struct {
	done  chan struct{}
	paths map[uint64]string
	err   error
}

func newCgroups(list func() (map[uint64]string, error)) (*cgroups, error) {
	absent, err := lru.NewLRU[uint64, struct{}](maxAbsent, nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make the cache of control groups: %w", err)
	}
	return &cgroups{list: list, turn: make(chan struct{}, 1), absent: absent}, nil
}

// path returns the path of the control group with that id, below the root of all and
// beginning with a slash, or "" when there is none to be seen.
func (c *cgroups) path(ctx context.Context, id uint64) (string, error) {
	c.mu.Lock()
	path, known := c.paths[id]
	if !known {
		_, known = c.absent.Get(id)
	}
	if known {
		c.mu.Unlock()
		return path, nil
	}
	if c.next == nil {
		c.next = &cgroupWalk{done: make(chan struct{})}
		go c.take(c.next)
	}
	w := c.next
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-w.done:
	}
	path, found := w.paths[id]
	if w.err == nil && !found {
		c.mu.Lock()
		c.absent.Add(id, struct{}{})
		c.mu.Unlock()
	}
	return path, w.err
}

// take walks when it is w's turn, and ends.
func (c *cgroups) take(w *cgroupWalk) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	time.Sleep(walkInterval - time.Since(c.begun)) // only who has the turn changes begun
	c.mu.Lock()
	c.begun, c.next = time.Now(), nil
	c.mu.Unlock()
	w.paths, w.err = c.list()
	if w.err == nil {
		c.mu.Lock()
		c.paths = w.paths
		c.mu.Unlock()
	}
	close(w.done)
}
