package metadata

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/midas-mysql/midas"
)

const (
	// walkInterval is the least rest between two walks, and walkRest that as a multiple
	// of the last: who asks from ever new groups must not keep a processor busy.
	walkInterval = 200 * time.Millisecond
	walkRest     = 4
	// maxAbsent is how many ids that are below no mark are remembered.
	maxAbsent = 4096
)

// cgroupFS is the control groups of this machine. Paths begin with a slash, which is
// the root of what can be seen. The id of a group is its folder's inode; a group is
// never moved and its id never used again.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst, fs/kernfs/dir.c.
type cgroupFS interface {
	// open returns the path of the group with that id, "" when none is to be seen, or
	// errors.ErrUnsupported where the kernel opens groups by id for root only.
	open(id uint64) (path string, err error)
	// walk returns the paths of the groups at and below those, by id. With an error it
	// returns what it found all the same.
	walk(below []string) (map[uint64]string, error)
	// stands reports whether the group with that id is at that path now.
	stands(path string, id uint64) bool
}

// cgroups tells where a control group is: by asking the kernel where that is allowed,
// else by looking for it below the paths that are marks, where alone it matters.
type cgroups struct {
	fs   cgroupFS
	turn chan struct{} // one walk at a time
	rest time.Time     // until then no walk begins; of whoever has the turn

	mu     sync.Mutex
	marked []string          // what the rest is of
	paths  map[uint64]string // as the last walk found them
	absent *lru.LRU[uint64, struct{}]
	next   *cgroupWalk // one that has not begun, and that whoever comes now may wait for
}

// cgroupWalk is one look below the marked paths. What it found may be read once it is
// done.
type cgroupWalk struct {
	marked []string
	done   chan struct{}
	paths  map[uint64]string
	err    error
}

func newCgroups(fs cgroupFS) (*cgroups, error) {
	absent, err := lru.NewLRU[uint64, struct{}](maxAbsent, nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make the cache of control groups: %w", err)
	}
	return &cgroups{fs: fs, turn: make(chan struct{}, 1), absent: absent}, nil
}

// path returns the path of the control group with that id, or "" when it is not to be
// seen or at and below none of those paths. Where it may be, and that cannot be told, it
// is an error.
func (c *cgroups) path(ctx context.Context, marked []string, id uint64) (string, error) {
	path, err := c.fs.open(id)
	if !errors.Is(err, errors.ErrUnsupported) {
		return path, err
	}
	path, w := c.lookUp(marked, id)
	if w == nil {
		return path, nil
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-w.done:
	}
	if path, found := w.paths[id]; found {
		return path, nil
	}
	if w.err != nil {
		return "", w.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Equal(c.marked, w.marked) {
		c.absent.Add(id, struct{}{})
	}
	return "", nil
}

// lookUp returns what is known of id, or a walk to wait for, which begins after now: a
// group that it does not find has no folder there, and will have none.
func (c *cgroups) lookUp(marked []string, id uint64) (string, *cgroupWalk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.marked, marked) {
		c.marked, c.paths, c.next = marked, nil, nil
		c.absent.Purge()
	}
	if _, known := c.absent.Get(id); known {
		return "", nil
	}
	if path, known := c.paths[id]; known && c.fs.stands(path, id) {
		return path, nil
	}
	if c.next == nil {
		c.next = &cgroupWalk{marked: marked, done: make(chan struct{})}
		go c.take(c.next)
	}
	return "", c.next
}

// take walks when it is w's turn, and ends.
func (c *cgroups) take(w *cgroupWalk) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	time.Sleep(time.Until(c.rest))
	c.mu.Lock()
	if c.next == w {
		c.next = nil
	}
	c.mu.Unlock()
	began := time.Now()
	w.paths, w.err = c.fs.walk(w.marked)
	c.rest = time.Now().Add(max(walkInterval, walkRest*time.Since(began)))
	c.mu.Lock()
	if slices.Equal(c.marked, w.marked) {
		c.paths = w.paths
	}
	c.mu.Unlock()
	close(w.done)
}
