package gateway

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// door is limits whose connections have names.
type door struct {
	*testing.T
	*limits
	open map[string]*place
}

// fakeWaiter is a client that has moved when the test says so.
type fakeWaiter struct{ hasMoved bool }

func (c *fakeWaiter) drop() {}

func (c *fakeWaiter) moved() bool { return c.hasMoved }

func newDoor(t *testing.T, total, perSource int) *door {
	return &door{t, newLimits(total, perSource), map[string]*place{}}
}

// come opens a connection and returns the name of the one that it takes the place of, or
// "refused".
func (d *door) come(name, from string) (out string) {
	d.Helper()
	taken, dropped := d.enter(clientkey.Of(netip.MustParseAddr(from)), &fakeWaiter{})
	if taken == nil {
		return "refused"
	}
	for other, p := range d.open {
		if p == dropped {
			out = other
			delete(d.open, other)
		}
	}
	d.open[name] = taken
	return out
}

func (d *door) comes(name, from, wantOut string) {
	d.Helper()
	if out := d.come(name, from); out != wantOut {
		d.Errorf("%s from %s takes the place of %q, want %q", name, from, out, wantOut)
	}
}

func TestSourceAtItsLimitLosesItsOwnOldest(t *testing.T) {
	d := newDoor(t, 100, 2)
	d.comes("other", "192.0.2.2", "")
	d.comes("a", "192.0.2.1", "")
	d.comes("b", "192.0.2.1", "")
	d.comes("c", "192.0.2.1", "a")
	d.open["b"].awaiting() // it has moved, so it is c that waits longest
	d.comes("d", "192.0.2.1", "c")
	if !d.open["b"].working() || !d.open["d"].working() {
		t.Error("a connection that is there has no place")
	}
	d.comes("e", "192.0.2.1", "refused") // both are worked on
	d.open["b"].awaiting()
	d.comes("f", "192.0.2.1", "b")
	d.open["f"].leave()
	d.open["f"].leave()
	delete(d.open, "f")
	d.comes("g", "192.0.2.1", "")
	d.comes("h", "192.0.2.1", "g")
}

func TestThisMachineIsOneSourceHere(t *testing.T) {
	d := newDoor(t, 100, 2)
	d.comes("a", "127.0.0.1", "")
	d.comes("b", "127.9.9.9", "")
	d.comes("c", "::1", "a")
	d.comes("d", "::ffff:127.1.1.1", "b")
}

func TestNetworksOfIPv6AreBounded(t *testing.T) {
	d := newDoor(t, 100, 2)
	d.comes("a", "2001:db8:0:1::1", "")
	d.comes("b", "2001:db8:0:1::2", "")
	d.comes("c", "2001:db8:0:1::3", "a") // one subscriber
	d.comes("d", "2001:db8:0:2::1", "")
	d.comes("e", "2001:db8:0:3::1", "")
	d.comes("f", "2001:db8:0:4::1", "b") // one customer of a provider
	d.comes("g", "2001:db8:1:1::1", "")
}

func TestWholePortLosesTheOldestOfTheSourceWithMost(t *testing.T) {
	d := newDoor(t, 4, 4)
	d.comes("a", "192.0.2.1", "")
	d.comes("b", "192.0.2.2", "")
	d.comes("c", "192.0.2.2", "")
	d.comes("d", "192.0.2.3", "")
	d.comes("e", "192.0.2.4", "b")
	d.comes("f", "192.0.2.5", "a") // all have one
	for _, name := range []string{"c", "d", "e", "f"} {
		d.open[name].working()
	}
	d.comes("g", "192.0.2.6", "refused")
	d.open["f"].awaiting()
	d.comes("g", "192.0.2.6", "f")
	d.comes("h", "192.0.2.6", "g") // its own: nobody has more
}

// TestClientsThatMovedKeepTheirPlace though the gateway has not come to what they sent: under a
// flood it comes late. Where all have moved the longest waiting gives way all the same.
func TestClientsThatMovedKeepTheirPlace(t *testing.T) {
	for _, total := range []int{3, 100} { // the source is at its limit, or the port
		d := newDoor(t, total, 3)
		from := func(string) string { return "192.0.2.1" }
		if total == 3 {
			from = func(name string) string { return "192.0.2." + strconv.Itoa(int(name[0])) }
		}
		for _, name := range []string{"a", "b", "c"} {
			d.comes(name, "192.0.2.1", "")
		}
		has := func(name string, moved bool) { d.open[name].client.(*fakeWaiter).hasMoved = moved }
		has("a", true)
		d.comes("d", from("d"), "b")
		has("a", false) // it is read, and counts as having moved just now
		d.comes("e", "192.0.2.1", "c")
		for name := range d.open {
			has(name, true)
		}
		if out := d.come("f", from("f")); out == "refused" || out == "" {
			t.Errorf("where all have moved, a newcomer: %q", out)
		}
	}
}

// TestLimitsCountRight after any course of events: what has left holds nothing.
func TestLimitsCountRight(t *testing.T) {
	l := newLimits(20, 6)
	sources := []string{"127.0.0.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"}
	var all []*place
	for range 20000 {
		if p, _ := l.enter(clientkey.Of(netip.MustParseAddr(sources[rand.IntN(len(sources))])), &fakeWaiter{}); p != nil {
			all = append(all, p)
		}
		p := all[rand.IntN(len(all))]
		switch rand.IntN(4) {
		case 0:
			if p.working() == p.left {
				t.Fatal("a place that is gone is worked on, or one that is there is not")
			}
		case 1:
			p.awaiting()
		case 2:
			p.leave()
		}
		held := 0
		for _, p := range all {
			if !p.left {
				held++
			}
		}
		if held != l.total || held > 20 {
			t.Fatalf("%d are held, %d counted", held, l.total)
		}
		if len(all) > 60 {
			for _, p := range all[:30] {
				p.leave()
			}
			all = all[30:]
		}
	}
	for _, p := range all {
		p.leave()
	}
	if l.total != 0 || len(l.groups) != 0 || len(l.parties) != 0 {
		t.Errorf("when all have left: %d counted, %v, %d parties waiting", l.total, fmt.Sprint(l.groups), len(l.parties))
	}
}

// TestOldestOfMostIsFound compares with a look at all connections, after any course of events.
func TestOldestOfMostIsFound(t *testing.T) {
	const total = 12
	l := newLimits(total, total)
	var all, worked []*place // all are those that wait for their client, the longest first
	held := map[netip.Prefix]int{}
	for range 20000 {
		from := clientkey.Of(netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", rand.IntN(5))))
		if rand.IntN(2) == 0 {
			from = clientkey.Of(netip.MustParseAddr(fmt.Sprintf("2001:db8:%d:%d::1", rand.IntN(2), rand.IntN(3))))
		}
		var want *place
		most := held[from.Party()]
		for _, p := range all {
			if n := held[p.from.Party()]; n > most || n == most && want == nil && p.from.Party() == from.Party() {
				want, most = p, n
			}
		}
		full := l.total == total
		taken, dropped := l.enter(from, &fakeWaiter{})
		switch {
		case full && dropped != want:
			t.Fatalf("%v goes, want %v", dropped, want)
		case full && want != nil:
			all = slices.DeleteFunc(all, func(p *place) bool { return p == want })
			held[want.from.Party()]--
		}
		if taken == nil {
			for _, p := range append(all, worked...) {
				p.leave()
				held[p.from.Party()]--
			}
			all, worked = nil, nil
			continue
		}
		held[from.Party()]++
		all = append(all, taken)
		p := all[rand.IntN(len(all))]
		all = slices.DeleteFunc(all, func(one *place) bool { return one == p })
		switch rand.IntN(12) {
		case 0:
			p.leave()
			held[p.from.Party()]--
		case 1:
			p.working()
			worked = append(worked, p)
		default:
			p.awaiting()
			all = append(all, p)
		}
	}
}

// BenchmarkNewcomers: a newcomer among full places costs the same however many sources those are
// of. It must not cost a look at all that wait.
func BenchmarkNewcomers(b *testing.B) {
	for _, sources := range []int{1, 1 << 12} {
		b.Run(fmt.Sprintf("%d sources", sources), func(b *testing.B) {
			const total = 1 << 15
			l := newLimits(total, total)
			from := make([]clientkey.Key, sources)
			for i := range from {
				from[i] = clientkey.Of(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
			}
			for i := range total {
				l.enter(from[i%sources], &fakeWaiter{})
			}
			for i := 0; b.Loop(); i++ {
				l.enter(from[i%sources], &fakeWaiter{})
			}
		})
	}
}

// Bytes that complete nothing are no moves: a client that trickles them would come behind the
// others with each, and newcomers would take the place of slow clients. What the gateway answers
// begins a new wait, as often as a sign-in needs.
func TestWaitsBeginWithAnswers(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go io.Copy(there, there)
	l := newLimits(8, 8)
	c := newClient(here, "", l, slog.New(slog.DiscardHandler), nil)
	c.place, _ = l.enter(clientkey.Of(netip.MustParseAddr("192.0.2.1")), c)
	waits := 0
	for waits <= countedAnswers {
		since := c.place.since
		if _, err := c.conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if c.place.since == since {
			break
		}
		waits++
		since = c.place.since
		if _, err := c.conn.Read(make([]byte, 1)); err != nil || c.place.since != since {
			t.Fatalf("a byte that was read counts as a move (%v)", err)
		}
	}
	if waits != countedAnswers {
		t.Errorf("%d answers begin a wait, want %d", waits, countedAnswers)
	}
}
