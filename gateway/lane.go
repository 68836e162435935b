package gateway

import (
	"container/list"
	"context"
	"net/netip"
	"sync"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// How many sign-ins of each kind the gateway works on at once. They have lanes of their
// own: passwords of strangers, which the backend is asked about, do not delay tokens.
const (
	tokensAtOnce    = 64
	passwordsAtOnce = 32
)

// lane bounds how many sign-ins are worked on at once. The sources of those that wait take
// turns, so that a source with many of them delays itself.
//
// A source gets a further slot while it has fewer than are free: one alone has half of
// them, and a newcomer finds one free even where the work of the others takes long.
// Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet
// switches", 1998.
type lane struct {
	mu     sync.Mutex
	free   int
	active map[netip.Prefix]int
	lines  map[netip.Prefix]*list.Element // of turns, by the source that waits there
	turns  list.List                      // of *line, whose turn is next first
}

// line is where the sign-ins of one source wait, first come first served.
type line struct {
	source netip.Prefix
	queue  list.List // of chan struct{}, closed when the slot is there
}

func newLane(slots int) *lane {
	return &lane{free: slots, active: map[netip.Prefix]int{}, lines: map[netip.Prefix]*list.Element{}}
}

// enter waits for a slot, until ctx is done. leave gives the slot back.
func (l *lane) enter(ctx context.Context, from clientkey.Key) (leave func(), err error) {
	source := from.Party()
	l.mu.Lock()
	ready, waiting := l.wait(source)
	l.advance()
	l.mu.Unlock()
	leave = sync.OnceFunc(func() { l.leave(source) })
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
		l.giveUp(source, waiting)
		l.mu.Unlock()
	}
	return nil, ctx.Err()
}

func (l *lane) wait(source netip.Prefix) (ready chan struct{}, waiting *list.Element) {
	turn := l.lines[source]
	if turn == nil {
		turn = l.turns.PushBack(&line{source: source})
		l.lines[source] = turn
	}
	ready = make(chan struct{})
	return ready, turn.Value.(*line).queue.PushBack(ready)
}

// advance gives out what slots it can. The caller holds mu.
func (l *lane) advance() {
	for turn := l.turns.Front(); turn != nil; {
		ln := turn.Value.(*line)
		if l.active[ln.source] >= l.free {
			turn = turn.Next()
			continue
		}
		l.free--
		l.active[ln.source]++
		close(ln.queue.Remove(ln.queue.Front()).(chan struct{}))
		l.turns.MoveToBack(turn)
		l.dropEmpty(turn)
		turn = l.turns.Front()
	}
}

func (l *lane) giveUp(source netip.Prefix, waiting *list.Element) {
	turn := l.lines[source]
	turn.Value.(*line).queue.Remove(waiting)
	l.dropEmpty(turn)
}

func (l *lane) dropEmpty(turn *list.Element) {
	if ln := turn.Value.(*line); ln.queue.Len() == 0 {
		l.turns.Remove(turn)
		delete(l.lines, ln.source)
	}
}

func (l *lane) leave(source netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	if l.active[source]--; l.active[source] == 0 {
		delete(l.active, source)
	}
	l.advance()
}
