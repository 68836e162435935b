package gateway

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
)

// limits bounds how many connections are signing in at once. A connection that has
// not proved anything yet costs memory and a deadline; without a bound one address
// could hold all of them.
type limits struct {
	mu        sync.Mutex
	total     int
	perSource map[netip.Addr]int

	maxTotal     int
	maxPerSource int
}

func newLimits(maxTotal, maxPerSource int) *limits {
	return &limits{perSource: map[netip.Addr]int{}, maxTotal: maxTotal, maxPerSource: maxPerSource}
}

// enter takes a place for one sign-in from source. leave gives it back and may be
// called more than once; ok is false when there is no place.
func (l *limits) enter(source netip.Addr) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.maxTotal || l.perSource[source] >= l.maxPerSource {
		return func() {}, false
	}
	l.total++
	l.perSource[source]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.total--
		if l.perSource[source]--; l.perSource[source] == 0 {
			delete(l.perSource, source)
		}
	}), true
}

// reassertEvery is how often one account's secret is set anew at most. A backend may
// refuse an account for a reason that no secret mends, and then every sign-in would
// change the account again.
const reassertEvery = 10 * time.Second

// recent remembers when something was last done, for the keys used last.
type recent struct {
	mu   sync.Mutex
	done *lru.LRU[string, time.Time]
}

func newRecent() *recent {
	done, err := lru.NewLRU[string, time.Time](1024, nil)
	if err != nil {
		panic("gateway: " + err.Error()) // only for a size that is not positive
	}
	return &recent{done: done}
}

// first tells whether key comes for the first time within that time, and notes it.
func (r *recent) first(key string, now time.Time, within time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, known := r.done.Get(key); known && now.Sub(last) < within {
		return false
	}
	r.done.Add(key, now)
	return true
}
