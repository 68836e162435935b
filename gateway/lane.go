package gateway

import (
	"container/list"
	"context"
	"errors"
	"net/netip"
	"sync"
)

// How many sign-ins of each kind the gateway works on at once, of those that ask a backend at each
// server. They have lanes of their own: passwords of strangers, which the backend is asked about, do
// not delay tokens, nor does a backend that does not answer the sign-ins to others.
const (
	tokensAtOnce    = 64
	passwordsAtOnce = 32
	// enteringAtOnce is how many sign-ins whose token held one backend is asked to let in at once.
	// It may not answer: one who owns a database can have the server wait for a lock of it. Half
	// of them are of one account and source at most, and everybody else's sign-ins go on.
	enteringAtOnce = 64
)

// accountAt is an account of a backend that one source signs in as.
type accountAt struct {
	mapping string
	source  netip.Prefix
}

// lane bounds how many sign-ins are worked on at once. The parties of those that wait take
// turns, so that one with many of them delays itself: sources, or the accounts of a backend at each.
//
// A party gets a further slot while it has fewer than are free: one alone has half of
// them, two leave a quarter at least, and so on, so that a newcomer finds one free even where the
// work of some others takes long.
// Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet
// switches", 1998.
type lane[Party comparable] struct {
	mu     sync.Mutex
	free   int
	active map[Party]int
	lines  map[Party]*list.Element // of turns, by the party that waits there
	turns  list.List               // of *line, whose turn is next first
	// most is how many of one party may wait; 0 for any number.
	most int
}

// line is where the sign-ins of one party wait, first come first served.
type line[Party comparable] struct {
	party Party
	queue list.List // of chan struct{}, closed when the slot is there
}

func newLane[Party comparable](slots int) *lane[Party] {
	return &lane[Party]{free: slots, active: map[Party]int{}, lines: map[Party]*list.Element{}}
}

// errFull is for a party of which too many wait.
var errFull = errors.New("too many wait already")

// enter waits for a slot, until ctx is done. leave gives the slot back.
func (l *lane[Party]) enter(ctx context.Context, party Party) (leave func(), err error) {
	l.mu.Lock()
	if turn := l.lines[party]; turn != nil && l.most > 0 && turn.Value.(*line[Party]).queue.Len() >= l.most {
		l.mu.Unlock()
		return nil, errFull
	}
	ready, waiting := l.wait(party)
	l.advance()
	l.mu.Unlock()
	leave = sync.OnceFunc(func() { l.leave(party) })
	select {
	case <-ready:
		if ctx.Err() == nil {
			return leave, nil
		}
	case <-ctx.Done():
	}
	l.mu.Lock()
	select {
	case <-ready:
		l.mu.Unlock()
		leave()
	default:
		l.giveUp(party, waiting)
		l.mu.Unlock()
	}
	return nil, ctx.Err()
}

func (l *lane[Party]) wait(party Party) (ready chan struct{}, waiting *list.Element) {
	turn := l.lines[party]
	if turn == nil {
		turn = l.turns.PushBack(&line[Party]{party: party})
		l.lines[party] = turn
	}
	ready = make(chan struct{})
	return ready, turn.Value.(*line[Party]).queue.PushBack(ready)
}

// advance gives out what slots it can. The caller holds mu.
func (l *lane[Party]) advance() {
	for turn := l.turns.Front(); turn != nil; {
		ln := turn.Value.(*line[Party])
		if l.active[ln.party] >= l.free {
			turn = turn.Next()
			continue
		}
		l.free--
		l.active[ln.party]++
		close(ln.queue.Remove(ln.queue.Front()).(chan struct{}))
		l.turns.MoveToBack(turn)
		l.dropEmpty(turn)
		turn = l.turns.Front()
	}
}

func (l *lane[Party]) giveUp(party Party, waiting *list.Element) {
	turn := l.lines[party]
	turn.Value.(*line[Party]).queue.Remove(waiting)
	l.dropEmpty(turn)
}

func (l *lane[Party]) dropEmpty(turn *list.Element) {
	if ln := turn.Value.(*line[Party]); ln.queue.Len() == 0 {
		l.turns.Remove(turn)
		delete(l.lines, ln.party)
	}
}

func (l *lane[Party]) leave(party Party) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	if l.active[party]--; l.active[party] == 0 {
		delete(l.active, party)
	}
	l.advance()
}
