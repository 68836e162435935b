package account

import (
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
)

// cacheSize is how many names are remembered. Anyone with a valid token chooses names to
// ask for, so there must be an end to them.
const cacheSize = 4096

// cache remembers for a short while what Lookup found, also that it found nothing.
type cache struct {
	ttl time.Duration
	now func() time.Time

	mu      sync.Mutex
	entries *lru.LRU[string, cacheEntry]
	// epoch grows with each forget: an answer that was asked for before is not kept,
	// as it may tell of the time before.
	epoch uint64
}

type cacheEntry struct {
	accounts []Account
	expires  time.Time
}

func newCache(ttl time.Duration, now func() time.Time) *cache {
	entries, err := lru.NewLRU[string, cacheEntry](cacheSize, nil)
	if err != nil {
		panic("account: " + err.Error()) // only for a size that is not positive
	}
	return &cache{ttl: ttl, now: now, entries: entries}
}

// get returns a copy: callers own what they are given.
func (c *cache) get(user string) (accounts []Account, epoch uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, found := c.entries.Get(user)
	if !found || !c.now().Before(entry.expires) {
		return nil, c.epoch, false
	}
	return slices.Clone(entry.accounts), c.epoch, true
}

func (c *cache) put(user string, accounts []Account, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch == c.epoch {
		c.entries.Add(user, cacheEntry{accounts: slices.Clone(accounts), expires: c.now().Add(c.ttl)})
	}
}

func (c *cache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.entries.Purge()
}

func (c *cache) forget(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.entries.Remove(user)
}
