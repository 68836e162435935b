// Package lane bounds how much is worked on at once, and has the parties that wait take turns.
//
// It knows a party by its key alone, and never what the work is.
package lane

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// Lane bounds how many pieces of work are done at once. The parties of those that wait take
// turns, so that one with many of them delays itself: sources, or the accounts of a backend at each.
//
// A party gets a further slot while it has fewer than are free: one alone has half of
// them, two leave a quarter at least, and so on, so that a newcomer finds one free even where the
// work of some others takes long.
// Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet
// switches", 1998.
type Lane[Party comparable] struct {
	// Most is how many of one party may wait; 0 for any number. It is set before the first comes.
	Most int

	mu     sync.Mutex
	free   int
	active map[Party]int
	lines  map[Party]*list.Element // of turns, by the party that waits there
	turns  list.List               // of *line, whose turn is next first
}

// line is where the sign-ins of one party wait, first come first served.
type line[Party comparable] struct {
	party Party
	queue list.List // of chan struct{}, closed when the slot is there
}

// New returns a lane of that many slots, all of them free.
func New[Party comparable](slots int) *Lane[Party] {
	return &Lane[Party]{free: slots, active: map[Party]int{}, lines: map[Party]*list.Element{}}
}

// ErrFull is for a party of which too many wait.
var ErrFull = errors.New("too many wait already")

// Enter waits for a slot, until ctx is done. leave gives the slot back.
func (l *Lane[Party]) Enter(ctx context.Context, party Party) (leave func(), err error) {
	l.mu.Lock()
	if turn := l.lines[party]; turn != nil && l.Most > 0 && turn.Value.(*line[Party]).queue.Len() >= l.Most {
		l.mu.Unlock()
		return nil, ErrFull
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

func (l *Lane[Party]) wait(party Party) (ready chan struct{}, waiting *list.Element) {
	turn := l.lines[party]
	if turn == nil {
		turn = l.turns.PushBack(&line[Party]{party: party})
		l.lines[party] = turn
	}
	ready = make(chan struct{})
	return ready, turn.Value.(*line[Party]).queue.PushBack(ready)
}

// advance gives out what slots it can. The caller holds mu.
func (l *Lane[Party]) advance() {
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

func (l *Lane[Party]) giveUp(party Party, waiting *list.Element) {
	turn := l.lines[party]
	turn.Value.(*line[Party]).queue.Remove(waiting)
	l.dropEmpty(turn)
}

func (l *Lane[Party]) dropEmpty(turn *list.Element) {
	if ln := turn.Value.(*line[Party]); ln.queue.Len() == 0 {
		l.turns.Remove(turn)
		delete(l.lines, ln.party)
	}
}

func (l *Lane[Party]) leave(party Party) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	if l.active[party]--; l.active[party] == 0 {
		delete(l.active, party)
	}
	l.advance()
}
