package gateway

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/midas-mysql/midas/internal/sender"
)

// limits bounds how many connections are signing in at once. A connection that has
// not proved anything yet costs memory and a deadline; without a bound one address
// could hold all of them.
//
// When all places are taken, the source that holds most of them loses its oldest: a few
// addresses that say nothing must not keep everybody else from signing in.
type limits struct {
	mu        sync.Mutex
	total     int
	entered   uint64
	perSource map[netip.Prefix]*list.List // of places, oldest first

	maxTotal     int
	maxPerSource int
}

// place is one sign-in.
type place struct {
	number uint64 // the order of entering
	drop   func()
}

func newLimits(maxTotal, maxPerSource int) *limits {
	return &limits{perSource: map[netip.Prefix]*list.List{}, maxTotal: maxTotal, maxPerSource: maxPerSource}
}

// enter takes a place for one sign-in from address; drop ends that sign-in if the place
// is needed for somebody else. leave gives it back and may be called more than once; ok is
// false when there is no place.
func (l *limits) enter(address netip.Addr, drop func()) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	source := sender.Subscriber(address)
	held := l.perSource[source]
	if held != nil && held.Len() >= l.maxPerSource || l.total >= l.maxTotal && !l.makeRoom(source) {
		return func() {}, false
	}
	if held = l.perSource[source]; held == nil {
		held = list.New()
		l.perSource[source] = held
	}
	l.total++
	l.entered++
	taken := held.PushBack(place{l.entered, drop})
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.remove(source, taken)
	}, true
}

// makeRoom drops the oldest sign-in of the source that has most, unless that is the
// one that asks. Among sources that have as many it is the oldest of all: a real sign-in
// is over long before it is one.
func (l *limits) makeRoom(asking netip.Prefix) bool {
	greediest, most, oldest := asking, 0, uint64(0)
	if held := l.perSource[asking]; held != nil {
		most = held.Len()
	}
	for source, held := range l.perSource {
		first := held.Front().Value.(place).number
		if n := held.Len(); n > most || n == most && greediest != asking && first < oldest {
			greediest, most, oldest = source, n, first
		}
	}
	if greediest == asking {
		return false
	}
	first := l.perSource[greediest].Front()
	first.Value.(place).drop()
	l.remove(greediest, first)
	return true
}

// remove gives a place back, once.
func (l *limits) remove(source netip.Prefix, taken *list.Element) {
	held := l.perSource[source]
	if held == nil || taken.Value == nil {
		return
	}
	held.Remove(taken)
	taken.Value = nil
	l.total--
	if held.Len() == 0 {
		delete(l.perSource, source)
	}
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

// within tells whether it was done for key in the last d.
func (r *recent) within(key string, now time.Time, d time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, known := r.done.Get(key)
	return known && now.Sub(last) < d
}

func (r *recent) note(key string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Add(key, now)
}
