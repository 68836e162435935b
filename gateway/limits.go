package gateway

import (
	"container/list"
	"net/netip"
	"sync"

	"github.com/midas-mysql/midas/internal/sender"
)

// limits bounds how many connections are signing in at once, in all and from one source. A
// connection that has proved nothing costs a descriptor, memory and a deadline.
//
// At a limit a newcomer takes the place of the connection that has let the gateway wait
// longest for its next packet: of the same source when that is at its limit, else of the
// source that has most. A connection whose token or password has arrived keeps its place
// while the gateway works on it, so silent sockets keep nobody out, from their own address
// either. A newcomer is refused only where none of those waits for its client.
type limits struct {
	maxTotal, maxPerSource int

	mu      sync.Mutex
	total   int
	held    map[netip.Prefix]int // by subscriber and by network; the zero prefix is this machine
	waiting list.List            // of *place, the longest waiting first
}

// place is that of one connection. The nil place is that of a connection which has none.
type place struct {
	limits  *limits
	from    sender.Sender
	drop    func() // closes the connection
	waiting *list.Element
	left    bool
}

func newLimits(maxTotal, maxPerSource int) *limits {
	return &limits{maxTotal: maxTotal, maxPerSource: maxPerSource, held: map[netip.Prefix]int{}}
}

// enter takes a place for a connection that the gateway waits for. drop closes the
// connection when its place goes to another. dropped is whose place it was, if any. The
// place is nil when there is none.
func (l *limits) enter(from sender.Sender, drop func()) (taken, dropped *place) {
	l.mu.Lock()
	full := true
	switch {
	case l.held[from.Subscriber] >= l.maxPerSource:
		dropped = l.longest(func(p *place) bool { return p.from.Subscriber == from.Subscriber })
	case from.Network.IsValid() && l.held[from.Network] >= 2*l.maxPerSource:
		dropped = l.longest(func(p *place) bool { return p.from.Network == from.Network })
	case l.total >= l.maxTotal:
		dropped = l.ofMost(from)
	default:
		full = false
	}
	if dropped != nil {
		l.remove(dropped)
	}
	if !full || dropped != nil {
		taken = &place{limits: l, from: from, drop: drop}
		taken.waiting = l.waiting.PushBack(taken)
		l.count(from, 1)
	}
	l.mu.Unlock()
	if dropped != nil {
		dropped.drop()
	}
	return taken, dropped
}

func (l *limits) longest(of func(*place) bool) *place {
	for e := l.waiting.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*place); of(p) {
			return p
		}
	}
	return nil
}

// ofMost returns the longest waiting connection of the source that has most places: more
// than the newcomer's, or the newcomer's own.
func (l *limits) ofMost(newcomer sender.Sender) (found *place) {
	own := newcomer.Party()
	most := l.held[own]
	for e := l.waiting.Front(); e != nil; e = e.Next() {
		p := e.Value.(*place)
		if n := l.held[p.from.Party()]; n > most || n == most && found == nil && p.from.Party() == own {
			found, most = p, n
		}
	}
	return found
}

func (l *limits) count(from sender.Sender, n int) {
	l.total += n
	counted := []netip.Prefix{from.Subscriber}
	if from.Network.IsValid() { // else it is the key of this machine
		counted = append(counted, from.Network)
	}
	for _, one := range counted {
		if l.held[one] += n; l.held[one] == 0 {
			delete(l.held, one)
		}
	}
}

func (l *limits) remove(p *place) {
	if p.left {
		return
	}
	p.left = true
	l.stopWaiting(p)
	l.count(p.from, -1)
}

func (l *limits) stopWaiting(p *place) {
	if p.waiting != nil {
		l.waiting.Remove(p.waiting)
		p.waiting = nil
	}
}

// working notes that the next move is the gateway's. It returns false when the place has
// gone to another connection.
func (p *place) working() bool {
	if p == nil {
		return true // of a session, which needs none
	}
	p.limits.mu.Lock()
	defer p.limits.mu.Unlock()
	p.limits.stopWaiting(p)
	return !p.left
}

// awaiting notes that the next move is the client's, from now on: one that has just moved
// comes after those that are silent.
func (p *place) awaiting() {
	if p == nil {
		return
	}
	p.limits.mu.Lock()
	defer p.limits.mu.Unlock()
	if !p.left {
		p.limits.stopWaiting(p)
		p.waiting = p.limits.waiting.PushBack(p)
	}
}

// leave gives the place back. It may be called more than once.
func (p *place) leave() {
	if p == nil {
		return
	}
	p.limits.mu.Lock()
	defer p.limits.mu.Unlock()
	p.limits.remove(p)
}
