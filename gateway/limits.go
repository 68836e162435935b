package gateway

import (
	"net/netip"
	"sync"
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
