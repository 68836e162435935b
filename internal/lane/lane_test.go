package lane

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas/internal/clientkey"
)

func from(ip string) clientkey.Key { return clientkey.Of(netip.MustParseAddr(ip)) }

// crowd are sign-ins that each take a second of a lane.
type crowd struct {
	lane *Lane[netip.Prefix]
	all  sync.WaitGroup
	mu   sync.Mutex
	took map[string][]time.Duration // how long each of a source was waiting
}

func (c *crowd) come(n int, ip string) {
	began := time.Now()
	for range n {
		c.all.Go(func() {
			leave, err := c.lane.Enter(context.Background(), from(ip).Party())
			if err != nil {
				panic(err)
			}
			c.mu.Lock()
			c.took[ip] = append(c.took[ip], time.Since(began))
			c.mu.Unlock()
			time.Sleep(time.Second)
			leave()
			leave()
		})
	}
	synctest.Wait()
}

// turns are how long each sign-in of a source had waited that has had its turn.
func (c *crowd) turns(ip string) []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.took[ip]
}

// A source alone has half of the slots, one that comes later finds a free one, and from then
// on they take turns.
func TestSourcesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{lane: New[netip.Prefix](8), took: map[string][]time.Duration{}}
		c.come(400, "192.0.2.1")
		if n := len(c.turns("192.0.2.1")); n != 4 {
			t.Errorf("one source alone has %d of 8 slots", n)
		}
		c.come(20, "192.0.2.2")
		c.come(5, "2001:db8::1")
		c.come(5, "127.0.0.1")
		if len(c.turns("192.0.2.2")) < 1 || len(c.turns("2001:db8::1")) < 1 {
			t.Error("others found no slot free")
		}
		c.all.Wait()
		for ip, most := range map[string]time.Duration{"192.0.2.2": 15 * time.Second, "2001:db8::1": 8 * time.Second, "127.0.0.1": 8 * time.Second} {
			if waited := c.turns(ip); waited[len(waited)-1] > most {
				t.Errorf("the last of %s waited %v", ip, waited[len(waited)-1])
			}
		}
		if len(c.turns("192.0.2.1")) != 400 {
			t.Error("not all of the crowd had their turn")
		}
		if c.lane.free != 8 || len(c.lane.active)+len(c.lane.lines)+c.lane.turns.Len() != 0 {
			t.Errorf("in the end: %+v", c.lane)
		}
	})
}

// What gives up waiting leaves nothing behind, and takes no slot with it.
func TestTurnsThatAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[netip.Prefix](2)
		leave, err := l.Enter(t.Context(), from("192.0.2.1").Party())
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%2)*time.Second)
				defer cancel()
				if _, err := l.Enter(ctx, from("192.0.2.1").Party()); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		leave()
		if l.free != 2 || len(l.active)+len(l.lines)+l.turns.Len() != 0 {
			t.Errorf("in the end: %+v", l)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Enter(ended, from("192.0.2.1").Party()); err == nil || l.free != 2 {
			t.Errorf("after its end one had a turn: %v, %d free", err, l.free)
		}
	})
}

// Many sources at once: each has a turn before any has many.
func TestManySources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{lane: New[netip.Prefix](4), took: map[string][]time.Duration{}}
		for i := range 50 {
			c.come(10, fmt.Sprintf("192.0.2.%d", i+1))
		}
		c.all.Wait()
		for ip, took := range c.took {
			if took[0] > 20*time.Second {
				t.Errorf("the first of %s waited %v", ip, took[0])
			}
		}
	})
}

// Of one party a bounded number waits: those that wait hold places, which others need.
func TestBoundedNumberWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](2)
		l.Most = 3
		ended, cancel := context.WithCancel(t.Context())
		defer cancel()
		leave, err := l.Enter(ended, "eve")
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		for range l.Most {
			go l.Enter(ended, "eve")
		}
		synctest.Wait()
		if _, err := l.Enter(ended, "eve"); !errors.Is(err, ErrFull) {
			t.Errorf("one more: %v", err)
		}
		if leave, err := l.Enter(ended, "app"); err != nil {
			t.Errorf("of another: %v", err)
		} else {
			leave()
		}
		cancel()
		synctest.Wait()
	})
}
