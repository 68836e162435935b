package account

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
)

// recentSize is more than one server has accounts with something to remember.
const recentSize = 1 << 16

// recent remembers when something was last done, for the keys used last.
type recent struct {
	mu   sync.Mutex
	done *lru.LRU[string, time.Time]
}

func newRecent() *recent {
	done, err := lru.NewLRU[string, time.Time](recentSize, nil)
	if err != nil {
		panic("account: " + err.Error()) // only for a size that is not positive
	}
	return &recent{done: done}
}

// within tells whether it was done for key in the last d.
func (r *recent) within(key string, now time.Time, d time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, known := r.done.Get(key)
	return known && now.Sub(last) < d
}

func (r *recent) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Remove(key)
}

func (r *recent) note(key string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Add(key, now)
}
