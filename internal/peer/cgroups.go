package peer

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
	// walkInterval is the least rest between two walks, and walkRest the least as a multiple
	// of the last one's time: a client that makes ever new groups must not keep a processor
	// busy.
	walkInterval = 200 * time.Millisecond
	walkRest     = 4
	// maxAbsent is how many ids that are below none of the paths are remembered.
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
	// isAt reports whether the group with that id is at that path now.
	isAt(path string, id uint64) bool
}

// Cgroups finds the path of a control group: by asking the kernel where that is allowed,
// else by looking for it below the paths that the caller is interested in. It is safe for
// concurrent use.
type Cgroups struct {
	fs   cgroupFS
	turn chan struct{} // one walk at a time
	rest time.Time     // until then no walk begins; guarded by turn

	mu     sync.Mutex
	below  []string          // the paths that what follows was found for
	paths  map[uint64]string // as the last walk found them
	absent *lru.LRU[uint64, struct{}]
	next   *cgroupWalk // a walk that has not begun, for callers to wait for
}

// cgroupWalk is one walk below the paths. Its results may be read once done is closed.
type cgroupWalk struct {
	below []string
	done  chan struct{}
	paths map[uint64]string
	err   error
}

// NewCgroups returns the control groups of this machine.
func NewCgroups() (*Cgroups, error) { return newCgroups(newCgroupFS()) }

func newCgroups(fs cgroupFS) (*Cgroups, error) {
	absent, err := lru.NewLRU[uint64, struct{}](maxAbsent, nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make the cache of control groups: %w", err)
	}
	return &Cgroups{fs: fs, turn: make(chan struct{}, 1), absent: absent}, nil
}

// Path returns the path of the control group with that id, or "" when there is none in sight
// or it is at or below none of the paths of below. Where that cannot be told it is an error.
func (c *Cgroups) Path(ctx context.Context, below []string, id uint64) (string, error) {
	path, err := c.fs.open(id)
	if !errors.Is(err, errors.ErrUnsupported) {
		return path, err
	}
	path, w := c.lookUp(below, id)
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
	if slices.Equal(c.below, w.below) {
		c.absent.Add(id, struct{}{})
	}
	return "", nil
}

// lookUp returns the path of id if it is known, or a walk to wait for, which begins after
// now: a group that the walk does not find has no folder there, and will have none.
func (c *Cgroups) lookUp(below []string, id uint64) (string, *cgroupWalk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.below, below) {
		c.below, c.paths, c.next = below, nil, nil
		c.absent.Purge()
	}
	if _, known := c.absent.Get(id); known {
		return "", nil
	}
	if path, known := c.paths[id]; known && c.fs.isAt(path, id) {
		return path, nil
	}
	if c.next == nil {
		c.next = &cgroupWalk{below: below, done: make(chan struct{})}
		go c.take(c.next)
	}
	return "", c.next
}

// take runs w once it has the turn.
func (c *Cgroups) take(w *cgroupWalk) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	time.Sleep(time.Until(c.rest))
	c.mu.Lock()
	if c.next == w {
		c.next = nil
	}
	c.mu.Unlock()
	began := time.Now()
	w.paths, w.err = c.fs.walk(w.below)
	c.rest = time.Now().Add(max(walkInterval, walkRest*time.Since(began)))
	c.mu.Lock()
	if slices.Equal(c.below, w.below) {
		c.paths = w.paths
	}
	c.mu.Unlock()
	close(w.done)
}
