// Package feed tells whether a value that was made from a directory is still good, by what
// the directory's feed says has changed since. A value ends when one of the things that it
// was made from changes, and at no other change.
package feed

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/midas-mysql/midas"
)

// maxThings is how many things are known by when they last changed. Beyond it the half that
// changed longest ago is forgotten, and with it every value that was not looked at since.
const maxThings = 10_000

// Thing is something that a value can be made from. Without an ID it is all things of its
// kind. The case of the ID does not matter.
type Thing struct {
	Kind midas.ChangeKind
	ID   string
}

// Position is how far a Follower has read the feed.
type Position struct {
	epoch    uint64 // rises when everything that was made before has to go
	revision uint64
}

// Follower reads a feed as far as it is asked to, and knows when each thing last changed.
// It is safe for concurrent use.
type Follower struct {
	feed midas.Feed

	mu       sync.RWMutex
	at       Position
	floor    uint64           // what changed up to here may be forgotten
	changed  map[Thing]uint64 // the last revision
	capacity int
}

// NewFollower returns a Follower that has read nothing yet.
func NewFollower(f midas.Feed) *Follower {
	return &Follower{feed: f, changed: map[Thing]uint64{}, capacity: maxThings}
}

// CatchUp reads what changed up to now. It is called for each request, before anything of
// the directory is read or used for it: what was changed before the request came is then
// seen, and a change that comes later ends what is made meanwhile.
func (f *Follower) CatchUp(ctx context.Context) (Position, error) {
	for {
		f.mu.RLock()
		before := f.at
		f.mu.RUnlock()
		changes, upTo, err := f.feed.Changes(ctx, before.revision)
		if err != nil {
			return Position{}, err
		}
		if len(changes) == 0 && upTo == before.revision {
			return before, nil
		}
		if at, ok := f.apply(before, changes, upTo); ok {
			return at, nil
		}
	}
}

// apply takes in an answer of the feed that goes on from before. It refuses one that was
// overtaken by the loss of the history.
func (f *Follower) apply(before Position, changes []midas.Change, upTo uint64) (at Position, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at.epoch != before.epoch {
		return Position{}, false
	}
	if slices.ContainsFunc(changes, func(c midas.Change) bool { return c.Kind == midas.ChangeAll }) {
		clear(f.changed)
		// The revision may be a lower one: the directory was restored from a copy.
		f.at, f.floor = Position{f.at.epoch + 1, upTo}, 0
		return f.at, true
	}
	for _, c := range changes {
		for _, t := range []Thing{{c.Kind, c.ID}, {Kind: c.Kind}} {
			f.changed[t] = max(f.changed[t], c.Revision)
		}
	}
	f.at.revision = max(f.at.revision, upTo)
	if len(f.changed) > f.capacity {
		f.forgetHalf()
	}
	return f.at, true
}

// forgetHalf forgets the things that changed longest ago. The lock is held.
func (f *Follower) forgetHalf() {
	revisions := make([]uint64, 0, len(f.changed))
	for _, r := range f.changed {
		revisions = append(revisions, r)
	}
	slices.Sort(revisions)
	f.floor = revisions[len(revisions)/2]
	for t, r := range f.changed {
		if r <= f.floor {
			delete(f.changed, t)
		}
	}
}

// Basis is what a value was made from. It is kept with the value; nil is of a value that is
// not to be used again.
type Basis struct {
	things []Thing
	epoch  uint64
	since  atomic.Uint64 // nothing of it changed from when the value was made up to here
}

// NewBasis is of a value that was made from things as they were at that position or later:
// CatchUp returned it before the first of them was read.
func NewBasis(at Position, things ...Thing) *Basis {
	b := &Basis{epoch: at.epoch, things: make([]Thing, len(things))}
	for i, t := range things {
		b.things[i] = Thing{t.Kind, strings.ToLower(t.ID)}
	}
	b.since.Store(at.revision)
	return b
}

// Holds reports whether nothing that the value was made from has changed, as far as the
// feed was read.
func (f *Follower) Holds(b *Basis) bool {
	if b == nil {
		return false
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	since := b.since.Load()
	switch {
	case b.epoch != f.at.epoch:
		return false
	case since >= f.at.revision:
		return true
	case since < f.floor:
		return false
	}
	for _, t := range b.things {
		if f.changed[t] > since {
			return false
		}
	}
	// The value would be made the same now. Another goroutine may have come further.
	b.since.CompareAndSwap(since, f.at.revision)
	return true
}
