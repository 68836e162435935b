package gateway

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/clientkey"
	"github.com/midas-mysql/midas/internal/passwordthrottle"
)

func from(ip string) clientkey.Key { return clientkey.Of(netip.MustParseAddr(ip)) }

// guesses are passwords that the gateway's throttle hears of.
type guesses struct{ *passwordthrottle.Throttle }

func newGuesses() guesses { return guesses{passwordthrottle.New(passwordLimits)} }

func (g guesses) by(ip, user string) *passwordthrottle.Guess {
	return g.Guess(from(ip), "server\x00"+user)
}

// try makes n attempts one after the other, and returns how many were let through.
func (g guesses) try(n int, ip, user string, right bool, now time.Time) (through int) {
	for range n {
		one := g.by(ip, user)
		if one.Wait(now) > 0 {
			continue
		}
		through++
		if right {
			one.Succeeded(now)
		} else {
			one.Failed(now)
		}
	}
	return through
}

func TestAllowances(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	wants := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	g := newGuesses()
	wants("one account", g.try(100, "192.0.2.1", "a", false, now), 10)
	wants("another account", g.try(100, "192.0.2.1", "b", false, now), 10)
	wants("the rest of the source's", g.try(100, "192.0.2.1", "c", false, now)+g.try(100, "192.0.2.1", "d", false, now), 10)
	wants("an account that nobody tried", g.try(1, "192.0.2.1", "e", true, now), 0)
	wants("another source", g.try(100, "192.0.2.2", "a", true, now), 100)
	wants("a minute later", g.try(100, "192.0.2.1", "a", false, now.Add(time.Minute)), 6)
	wants("an hour later", g.try(100, "192.0.2.1", "a", false, now.Add(time.Hour)), 10)

	g = newGuesses()
	wants("right ones", g.try(1000, "192.0.2.1", "a", true, now), 1000)
	wants("of one that is known", g.try(100, "192.0.2.1", "a", false, now), 10)
	for i := range 9 {
		wants("from elsewhere", g.try(100, fmt.Sprintf("198.51.100.%d", i), "a", false, now), 10)
	}
	wants("when the account's are used up", g.try(100, "203.0.113.1", "a", false, now), 1)
	wants("the owner from a new place", g.try(100, "203.0.113.2", "a", true, now), 100)
	wants("one that is known, in a minute", g.try(100, "192.0.2.1", "a", true, now.Add(time.Minute)), 100)
	wants("another account", g.try(100, "203.0.113.1", "b", false, now), 10)

	g = newGuesses()
	through := 0
	for i := range 40 { // of one network, whose customer may choose among 65,536
		through += g.try(5, fmt.Sprintf("2001:db8:0:%x::1", i), fmt.Sprint("user", i), false, now)
	}
	wants("from one network of IPv6", through, 120)
	through = 0
	for i := range 100 { // of this machine, whose programs may choose any address
		through += g.try(5, fmt.Sprintf("127.0.1.%d", i), fmt.Sprint("user", i), false, now)
	}
	wants("from this machine", through, 300)
	wants("all accounts of a person", g.try(100, "127.0.0.1", "z", false, now.Add(time.Hour)), 20)
}

// TestGuessesAtOnceAreOwed: what was checked beyond the allowance is waited for later.
func TestGuessesAtOnceAreOwed(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	g := newGuesses()
	one := g.by("192.0.2.1", "a")
	for range 30 {
		one.Failed(now)
	}
	if one.Wait(now.Add(200*time.Second)) == 0 || one.Wait(now.Add(211*time.Second)) > 0 {
		t.Error("20 more than the allowance of 10 do not take 200 s")
	}
}
