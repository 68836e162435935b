package metadata

import "sync"

// cache keeps values that are made from the directory, each for as long as the
// directory has the version that it was made from. Its keys are few and known: they
// come from the operator, never from a request.
type cache[K comparable, V any] struct {
	mu    sync.RWMutex
	known map[K]versioned[V]
}

type versioned[V any] struct {
	version uint64
	value   V
}

// at returns the value of k, made anew unless there is one of this version. Errors are
// not kept.
func (c *cache[K, V]) at(version uint64, k K, make func() (V, error)) (V, error) {
	c.mu.RLock()
	v, ok := c.known[k]
	c.mu.RUnlock()
	if ok && v.version == version {
		return v.value, nil
	}
	value, err := make()
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[K]versioned[V]{}
	}
	c.known[k] = versioned[V]{version, value}
	return value, nil
}
