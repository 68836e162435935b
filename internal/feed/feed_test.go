package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/midas-mysql/midas"
)

// history is a feed that keeps all changes of its things, and can lose its past.
type history struct {
	mu      sync.Mutex
	first   uint64 // what changed up to here is lost
	changes []midas.Change
	err     error
	asked   int
}

func (h *history) change(kind midas.ChangeKind, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, midas.Change{Revision: h.first + uint64(len(h.changes)) + 1, Kind: kind, ID: id})
}

// restart puts the head to a revision, and the history before it is lost.
func (h *history) restart(revision uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.first, h.changes = revision, nil
}

func (h *history) Changes(_ context.Context, after uint64) ([]midas.Change, uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	upTo := h.first + uint64(len(h.changes))
	switch {
	case h.err != nil:
		return nil, 0, h.err
	case after == upTo:
		return nil, upTo, nil
	case after < h.first || after > upTo:
		return []midas.Change{{Revision: upTo, Kind: midas.ChangeAll}}, upTo, nil
	}
	return append([]midas.Change(nil), h.changes[after-h.first:]...), upTo, nil
}

func catchUp(t testing.TB, f *Follower) Position {
	t.Helper()
	at, err := f.CatchUp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A value ends with what it was made from, and with nothing else.
func TestValueEndsWithWhatItWasMadeFrom(t *testing.T) {
	h := &history{}
	f := NewFollower(h)
	at := catchUp(t, f)
	one := NewBasis(at, Thing{midas.ChangeGroup, "A"}, Thing{midas.ChangePrincipal, "p"})
	any := NewBasis(at, Thing{Kind: midas.ChangeWorkloadMatch})
	for _, step := range []struct {
		kind     midas.ChangeKind
		id       string
		one, any bool // whether the values hold afterwards
	}{
		{midas.ChangeServer, "a", true, true},
		{midas.ChangeGroup, "b", true, true},
		{midas.ChangePrincipal, "a", true, true}, // the id of a group is no principal's
		{midas.ChangeWorkloadMatch, "vm", true, false},
		{midas.ChangeGroup, "a", false, false},
		{midas.ChangeServer, "a", false, false}, // an end is one for good
	} {
		h.change(step.kind, step.id)
		catchUp(t, f)
		if f.Holds(one) != step.one || f.Holds(any) != step.any {
			t.Errorf("after %s %s: %t and %t", step.kind, step.id, f.Holds(one), f.Holds(any))
		}
	}
	if f.Holds(nil) {
		t.Error("what was never made holds")
	}
}

// What changes while a value is made ends it, whichever was read first.
func TestChangeWhileValueIsMade(t *testing.T) {
	h := &history{}
	f := NewFollower(h)
	at := catchUp(t, f)
	h.change(midas.ChangeServer, "a")
	other := catchUp(t, f) // another request has seen the change
	old := NewBasis(at, Thing{midas.ChangeServer, "a"})
	if f.Holds(old) {
		t.Error("a value holds that may have been read before the change")
	}
	if !f.Holds(NewBasis(other, Thing{midas.ChangeServer, "a"})) {
		t.Error("a value that was read after the change does not hold")
	}
}

func TestLostHistoryEndsEverything(t *testing.T) {
	for name, revision := range map[string]uint64{"compacted": 50, "restored from an older copy": 3} {
		t.Run(name, func(t *testing.T) {
			h := &history{}
			f := NewFollower(h)
			for range 10 {
				h.change(midas.ChangeServer, "a")
			}
			at := catchUp(t, f)
			b := NewBasis(at, Thing{midas.ChangeServer, "b"})
			h.restart(revision)
			after := catchUp(t, f)
			if f.Holds(b) {
				t.Error("a value outlived the history")
			}
			again := NewBasis(after, Thing{midas.ChangeServer, "b"})
			h.change(midas.ChangeServer, "c")
			catchUp(t, f)
			if !f.Holds(again) {
				t.Error("a value that was made afterwards does not hold")
			}
			h.change(midas.ChangeServer, "b")
			catchUp(t, f)
			if f.Holds(again) {
				t.Error("a value outlived its change")
			}
		})
	}
}

// The memory is bounded, and what it forgets ends no value that is in use.
func TestForgetsWhatChangedLongAgo(t *testing.T) {
	h := &history{}
	f := NewFollower(h)
	f.capacity = 100
	used := NewBasis(catchUp(t, f), Thing{midas.ChangeServer, "used"})
	idle := NewBasis(catchUp(t, f), Thing{midas.ChangeServer, "idle"})
	h.change(midas.ChangeServer, "idle")
	for i := range 1000 {
		h.change(midas.ChangeWorkload, strconv.Itoa(i))
		catchUp(t, f)
		if !f.Holds(used) {
			t.Fatalf("a value in use ended at change %d", i)
		}
		if len(f.changed) > f.capacity {
			t.Fatalf("%d things are known", len(f.changed))
		}
	}
	if f.Holds(idle) {
		t.Error("a value holds whose change was forgotten")
	}
}

func TestFeedThatFails(t *testing.T) {
	h := &history{}
	f := NewFollower(h)
	h.err = errors.New("down")
	if _, err := f.CatchUp(t.Context()); !errors.Is(err, h.err) {
		t.Errorf("error %v", err)
	}
}

// Many read, make and change at once. No value is used after its change was acknowledged.
func TestNothingStaleAmongMany(t *testing.T) {
	const things = 8
	h := &history{}
	f := NewFollower(h)
	f.capacity = 6 // forgets all the time
	var mu sync.Mutex
	var truth [things]int
	read := func(i int) int { mu.Lock(); defer mu.Unlock(); return truth[i] }
	type value struct {
		of    int
		basis *Basis
	}
	var kept [things]struct {
		sync.Mutex
		value
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 3000 {
				i := rand.IntN(things)
				if rand.IntN(4) == 0 {
					mu.Lock() // both together are the commit
					truth[i]++
					h.change(midas.ChangeServer, strconv.Itoa(i))
					if rand.IntN(50) == 0 {
						h.restart(h.first + uint64(len(h.changes)))
					}
					mu.Unlock()
					continue
				}
				acknowledged := read(i)
				at, err := f.CatchUp(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				k := &kept[i]
				k.Lock()
				v := k.value
				k.Unlock()
				if !f.Holds(v.basis) {
					v = value{read(i), NewBasis(at, Thing{midas.ChangeServer, strconv.Itoa(i)})}
					k.Lock()
					k.value = v
					k.Unlock()
				}
				if v.of < acknowledged {
					t.Errorf("%d is used after %d was acknowledged", v.of, acknowledged)
					return
				}
			}
		})
	}
	all.Wait()
}
