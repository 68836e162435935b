package metadata

import (
	"sync"

	"github.com/midas-mysql/midas/internal/feed"
)

// cache keeps values that are made from the directory, each until something that it was
// made from changes. Its keys are few and known: they come from the operator, never from a
// request.
type cache[K comparable, V any] struct {
	mu    sync.RWMutex
	known map[K]remembered[V]
}

type remembered[V any] struct {
	value V
	basis *feed.Basis
}

// get returns the value of k, made anew unless the one that is kept holds. make says from
// what it made it. Errors are not kept.
func (c *cache[K, V]) get(state feedState, k K, make func() (V, feed.Thing, error)) (V, error) {
	c.mu.RLock()
	known := c.known[k]
	c.mu.RUnlock()
	if state.holds(known.basis) {
		return known.value, nil
	}
	value, from, err := make()
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[K]remembered[V]{}
	}
	c.known[k] = remembered[V]{value, state.basis(from)}
	return value, nil
}

// feedState is the state of the directory that a request has to be answered by: nothing was
// read for the request before. A later state does as well.
type feedState struct {
	changes *feed.Follower
	at      feed.Position
}

func (s feedState) holds(b *feed.Basis) bool { return s.changes.Holds(b) }

func (s feedState) basis(from ...feed.Thing) *feed.Basis { return feed.NewBasis(s.at, from...) }
