package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clientkey"
)

// guesser counts how many of its guesses are checked.
type guesser struct {
	*attempts
	t   *testing.T
	now time.Time
}

func newGuesser(t *testing.T) *guesser {
	return &guesser{newAttempts(), t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (g *guesser) try(address, user string, right bool) (checked bool) {
	g.t.Helper()
	req := httptest.NewRequest("POST", "/", nil)
	req.RemoteAddr = address
	var verdict error
	if !right {
		verdict = midas.Errorf(midas.Unauthenticated, "wrong")
	}
	_, err := g.inTurn(g.t.Context(), senderOf(req), user, func() time.Time { return g.now }, func(context.Context) error {
		checked = true
		return verdict
	})
	if checked && !errors.Is(err, verdict) {
		g.t.Errorf("answer %v", err)
	}
	return checked
}

// checked is how many of n wrong guesses are looked at.
func (g *guesser) checked(n int, guess func(int) (address, user string)) (count int) {
	for i := range n {
		if address, user := guess(i); g.try(address, user, false) {
			count++
		}
	}
	return count
}

func TestLoopbackIsOneSource(t *testing.T) {
	g := newGuesser(t)
	got := g.checked(120, func(i int) (string, string) {
		if i%3 == 0 {
			return "[::1]:99", "alice"
		}
		return fmt.Sprintf("127.3.%d.%d:99", i/2, i), "alice"
	})
	if got != passwordLimits.LocalPair.Burst {
		t.Errorf("%d guesses were checked", got)
	}
	if g.now = g.now.Add(passwordLimits.LocalPair.Slowest); !g.try("127.0.0.1:99", "alice", true) {
		t.Error("the owner waits longer than a minute for who guesses beside them")
	}
}

func TestFailuresUnderMadeUpNamesShutNobodyOut(t *testing.T) {
	g := newGuesser(t)
	madeUp := func(address string) func(int) (string, string) {
		return func(i int) (string, string) { return address, fmt.Sprint("nobody", i) }
	}
	if got := g.checked(100, madeUp("127.0.0.1:99")); got != 100 || !g.try("127.0.0.1:99", "alice", true) {
		t.Errorf("on loopback %d are checked, and then alice is not", got)
	}
	if got := g.checked(100, madeUp("192.0.2.1:99")); got != passwordLimits.Source.Subscriber.Burst {
		t.Errorf("%d of one source were checked", got)
	}
	if g.try("192.0.2.1:99", "alice", true) {
		t.Error("one more from the source at once")
	}
	if g.now = g.now.Add(time.Minute); !g.try("192.0.2.1:99", "alice", true) {
		t.Error("the failures of a source do not fade")
	}
	g.checked(100, madeUp("192.0.2.1:99"))
	if !g.try("192.0.2.1:99", "alice", true) {
		t.Error("shut out where she signed in before")
	}
}

func TestSlipsDoNotAddUp(t *testing.T) {
	g := newGuesser(t)
	for i := range 2 * passwordLimits.Source.Subscriber.Burst {
		user := fmt.Sprint("user", i)
		if !g.try("192.0.2.1:99", user, false) || !g.try("192.0.2.1:99", user, true) {
			t.Fatalf("user %d is not heard: those before only mistyped", i)
		}
	}
}

func TestSpreadGuessesAreBounded(t *testing.T) {
	g := newGuesser(t)
	g.try("198.51.100.7:99", "alice", true)
	spread := func(i int) (string, string) { return fmt.Sprintf("203.0.%d.%d:99", i/250, i%250), "Alice" }
	if got := g.checked(500, spread); got != passwordLimits.Account.Burst {
		t.Errorf("%d guesses from 500 addresses were checked", got)
	}
	if !g.try("198.51.100.7:99", "alice", true) {
		t.Error("the owner is shut out where she signed in before")
	}
	if g.try("198.51.100.8:99", "alice", true) || !g.try("198.51.100.8:99", "bob", true) {
		t.Error("another place, alice or bob")
	}
	if g.now = g.now.Add(2 * time.Minute); !g.try("198.51.100.8:99", "alice", true) {
		t.Error("the guesses do not fade")
	}
	got := g.checked(1000, func(i int) (string, string) {
		return fmt.Sprintf("[2a00:1:2:%x::1]:99", i), fmt.Sprint("u", i)
	})
	if got != passwordLimits.Source.Network.Burst {
		t.Errorf("%d guesses from one /48 were checked", got)
	}
}

// fewDevices are few enough for a flood in a test, and in the proportions of usualDevices.
var fewDevices = deviceLimits{all: 800, source: 50, network: 100, machine: 400}

// TestWaitingCodesStandAFlood has more codes asked for than there is room for.
func TestWaitingCodesStandAFlood(t *testing.T) {
	d, err := newDeviceCodes(fewDevices)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ask := func(address string) (string, bool) {
		code, _, ok := d.add(device{clientID: "c", from: clientkey.Parse(address), began: now})
		return code, ok
	}
	waits := func(code string) bool { _, e := d.poll(code, "c", now); return e.number == 70016 || e.number == 50196 }
	const victim = "198.51.100.7"
	first, _ := ask(victim)
	for i := range fewDevices.source - 1 {
		if _, ok := ask(victim); !ok {
			t.Fatalf("code %d refused", i+2)
		}
	}
	if _, ok := ask(victim); ok {
		t.Error("one source may have any number")
	}
	now = now.Add(spared)
	typed := d.waiting[clientkey.Parse(victim)][0]
	if d.find(typed.userCode, now) == nil || !waits(first) {
		t.Error("it waits no more")
	}
	second := d.waiting[clientkey.Parse(victim)][1]
	second.polled = now // by a program that keeps what it has
	if _, ok := ask(victim); !ok || !waits(first) || d.byUser[second.userCode] != nil || len(d.waiting[clientkey.Parse(victim)]) != fewDevices.source {
		t.Error("codes that nobody types in keep others out, or one goes that is typed in")
	}
	for i := range fewDevices.all + 100 {
		ask(fmt.Sprintf("203.%d.%d.1", i/250, i%250))
		if i%100 == 0 {
			waits(first)
		}
	}
	if !waits(first) || d.byDigest.Len() != fewDevices.all || len(d.byUser) != fewDevices.all {
		t.Errorf("%d codes; one that is asked about is gone", d.byDigest.Len())
	}
	now = now.Add(deviceLife)
	ask("192.0.2.9")
	if d.byDigest.Len() > 2 || len(d.waiting) != d.byDigest.Len() {
		t.Errorf("%d codes of %d sources are kept for ever", d.byDigest.Len(), len(d.waiting))
	}
}

// One program takes all codes that its machine may have, asks about each of them all the
// time and types them in; others of that machine get one all the same.
func TestCodesThatAreHeldKeepNobodyOut(t *testing.T) {
	d, err := newDeviceCodes(fewDevices)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	held := map[string]string{}
	for range fewDevices.machine {
		code, userCode, ok := d.add(device{clientID: "c", from: clientkey.Key{}, began: now})
		if !ok {
			t.Fatal("refused")
		}
		held[code] = userCode
	}
	hold := func(until time.Time, typed bool) {
		for ; now.Before(until); now = now.Add(devicePoll) {
			for code, userCode := range held {
				d.poll(code, "c", now)
				if typed {
					d.find(userCode, now)
				}
			}
		}
	}
	comes := func() (code, userCode string, ok bool) {
		return d.add(device{clientID: "c", from: clientkey.Key{}, began: now})
	}
	hold(now.Add(spared), false)
	asked, mine, ok := comes()
	if !ok {
		t.Fatal("codes that are asked about keep others out")
	}
	if _, _, ok := comes(); !ok || d.find(mine, now) == nil {
		t.Error("a code goes before its minute is over")
	}
	held[asked] = mine
	hold(now.Add(sparedTyped+devicePoll), true)
	if _, _, ok := comes(); !ok {
		t.Error("codes that are typed in again and again keep others out")
	}
	if !d.decide(mine, &midas.User{}, now) {
		t.Fatal("the code is gone though it was typed in")
	}
	for range fewDevices.machine {
		comes()
	}
	if d.byUser[mine] == nil {
		t.Error("a code goes before its program has heard who signed in")
	}
}

// One program on a machine asks for as many codes in 22 seconds as may wait, on and on, and waits
// for none of them; a program that does wait gets its code and keeps it.
func TestCodesThatNobodyWaitsForKeepNobodyOut(t *testing.T) {
	d, err := newDeviceCodes(fewDevices)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	comes := func() (string, bool) {
		code, _, ok := d.add(device{clientID: "c", from: clientkey.Key{}, began: now})
		return code, ok
	}
	var mine string
	for second := range int(spared.Seconds()) {
		now = now.Add(time.Second)
		for range fewDevices.machine / 22 {
			comes()
		}
		switch {
		case second == 30:
			var ok bool
			if mine, ok = comes(); !ok {
				t.Fatal("refused")
			}
		case second > 30 && second%5 == 0:
			if _, e := d.poll(mine, "c", now); e.code != "authorization_pending" {
				t.Fatalf("after %d seconds: %s", second-30, e.code)
			}
		}
	}
}

// The customer of a provider asks from each of the networks that it may choose among; the
// code of somebody else, whose program asks about it now and then, stays.
func TestCodesOfOneProvidersCustomerPushOutNobody(t *testing.T) {
	d, err := newDeviceCodes(fewDevices)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	mine, _, _ := d.add(device{clientID: "c", from: clientkey.Parse("198.51.100.7"), began: now})
	for i := range fewDevices.all + 1 {
		d.add(device{clientID: "c", from: clientkey.Parse(fmt.Sprintf("2a00:1:2:%x::1", i)), began: now})
	}
	if _, e := d.poll(mine, "c", now); e.code != "authorization_pending" {
		t.Error(e.text)
	}
	if got := d.byDigest.Len(); got != fewDevices.network+1 {
		t.Errorf("%d codes wait", got)
	}
}

// Somebody who knows a password may send it as often as they like, and those who know none may
// make up names: other people's checks wait for neither.
func TestChecksTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesser(t)
		local := clientkey.Of(netip.MustParseAddr("127.0.0.1"))
		ask := func(user string, verdict error) (took time.Duration) {
			began := time.Now()
			g.inTurn(t.Context(), local, user, func() time.Time { return g.now }, func(context.Context) error {
				time.Sleep(time.Second)
				return verdict
			})
			return time.Since(began)
		}
		ask("alice", nil)
		ask("bob", nil)
		var crowd sync.WaitGroup
		for i := range 200 {
			crowd.Go(func() { ask("bob", nil) })
			crowd.Go(func() { ask(fmt.Sprint("nobody", i), midas.Errorf(midas.Unauthenticated, "wrong")) })
		}
		synctest.Wait()
		if took := ask("alice", nil); took > 4*time.Second {
			t.Errorf("alice waited %v", took)
		}
		crowd.Wait()
	})
}
