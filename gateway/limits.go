package gateway

import (
	"container/heap"
	"container/list"
	"net/netip"
	"slices"
	"sync"

	"github.com/midas-mysql/midas/internal/clientkey"
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
	moves   uint64
	groups  map[netip.Prefix]*group // by subscriber and by network; the zero prefix is this machine
	parties parties
}

// place is that of one connection. The nil place is that of a connection which has none.
type place struct {
	limits *limits
	from   clientkey.Key
	client waiter
	since  uint64 // of limits.moves, when the wait for the client began
	// Of the groups that it is in: one, or with an IPv6 network two.
	groups []*group
	waits  []*list.Element
	left   bool
}

// waiter is the client that has a place, as far as limits sees it.
type waiter interface {
	drop() // closes the connection
	// moved tells that the next move is the gateway's, though it has not come to note it.
	moved() bool
}

// mostPassed bounds how many clients that have moved a newcomer passes over: it must not cost a
// look at all of them.
const mostPassed = 32

// group is the connections of one subscriber or network.
type group struct {
	held    int
	waiting list.List // of *place, the longest waiting first
	party   bool      // takes turns with others as a whole: see clientkey.Party
	at      int       // in parties, while one of it is waiting
}

func (g *group) longest() *place {
	if g == nil || g.waiting.Len() == 0 {
		return nil
	}
	return g.waiting.Front().Value.(*place)
}

// parties are those whose clients the gateway waits for, as a heap: the one that has most
// comes first, of several the one that has been waited for longest. A flood from many
// addresses must not make each newcomer cost a look at all others.
type parties []*group

func (p parties) Len() int { return len(p) }

func (p parties) Less(i, j int) bool {
	if p[i].held != p[j].held {
		return p[i].held > p[j].held
	}
	return p[i].longest().since < p[j].longest().since
}

func (p parties) Swap(i, j int) {
	p[i], p[j] = p[j], p[i]
	p[i].at, p[j].at = i, j
}

func (p *parties) Push(g any) {
	g.(*group).at = len(*p)
	*p = append(*p, g.(*group))
}

func (p *parties) Pop() any {
	last := (*p)[len(*p)-1]
	*p = slices.Delete(*p, len(*p)-1, len(*p))
	return last
}

func newLimits(maxTotal, maxPerSource int) *limits {
	return &limits{maxTotal: maxTotal, maxPerSource: maxPerSource, groups: map[netip.Prefix]*group{}}
}

// enter takes a place for a connection that the gateway waits for. dropped is whose place it
// was, if any. The place is nil when there is none.
func (l *limits) enter(from clientkey.Key, client waiter) (taken, dropped *place) {
	l.mu.Lock()
	full := true
	switch {
	case l.held(from.Subscriber) >= l.maxPerSource:
		dropped = l.silent(l.groups[from.Subscriber])
	case from.Network.IsValid() && l.held(from.Network) >= 2*l.maxPerSource:
		dropped = l.silent(l.groups[from.Network])
	case l.total >= l.maxTotal:
		dropped = l.ofMost(from)
	default:
		full = false
	}
	if dropped != nil {
		l.remove(dropped)
	}
	if !full || dropped != nil {
		taken = l.add(&place{limits: l, from: from, client: client})
	}
	l.mu.Unlock()
	if dropped != nil {
		dropped.client.drop()
	}
	return taken, dropped
}

func (l *limits) held(of netip.Prefix) int {
	if g := l.groups[of]; g != nil {
		return g.held
	}
	return 0
}

// ofMost returns the longest waiting connection of the source that has most places: more
// than the newcomer's, or the newcomer's own.
func (l *limits) ofMost(newcomer clientkey.Key) *place {
	own := newcomer.Party()
	if len(l.parties) > 0 && l.parties[0].held > l.held(own) {
		return l.silent(l.parties[0])
	}
	return l.silent(l.groups[own])
}

// silent returns the longest waiting connection of a group whose client has not moved. Under a
// flood the gateway comes late to what clients have sent: that is no fault of theirs.
func (l *limits) silent(g *group) *place {
	for range mostPassed {
		p := g.longest()
		if p == nil || !p.client.moved() {
			return p
		}
		l.stopWaiting(p)
		l.wait(p)
	}
	return g.longest()
}

func (l *limits) add(p *place) *place {
	of := []netip.Prefix{p.from.Subscriber}
	if p.from.Network.IsValid() { // else it is the key of this machine
		of = append(of, p.from.Network)
	}
	for _, prefix := range of {
		g := l.groups[prefix]
		if g == nil {
			g = &group{party: prefix == p.from.Party()}
			l.groups[prefix] = g
		}
		g.held++
		p.groups = append(p.groups, g)
	}
	l.total++
	l.wait(p)
	return p
}

func (l *limits) remove(p *place) {
	if p.left {
		return
	}
	p.left = true
	l.stopWaiting(p)
	l.total--
	for i, prefix := range []netip.Prefix{p.from.Subscriber, p.from.Network}[:len(p.groups)] {
		if p.groups[i].held--; p.groups[i].held == 0 {
			delete(l.groups, prefix)
		}
		l.order(p.groups[i])
	}
}

// wait puts a place behind those that wait for their clients.
func (l *limits) wait(p *place) {
	l.moves++
	p.since = l.moves
	for _, g := range p.groups {
		p.waits = append(p.waits, g.waiting.PushBack(p))
		if g.party && g.waiting.Len() == 1 {
			heap.Push(&l.parties, g)
		}
		l.order(g)
	}
}

func (l *limits) stopWaiting(p *place) {
	for i, e := range p.waits {
		g := p.groups[i]
		if g.party && g.waiting.Len() == 1 {
			heap.Remove(&l.parties, g.at)
		}
		g.waiting.Remove(e)
		l.order(g)
	}
	p.waits = nil
}

// order is called when what a group holds or has waited for has changed.
func (l *limits) order(g *group) {
	if g.party && g.waiting.Len() > 0 {
		heap.Fix(&l.parties, g.at)
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
		p.limits.wait(p)
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
