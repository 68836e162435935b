package passwordthrottle

import (
	"fmt"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/clientkey"
)

var ten = Allowance{Burst: 10, Every: 10 * time.Second}

// TestThrottleHoldsLittle, whatever names and addresses strangers make up.
func TestThrottleHoldsLittle(t *testing.T) {
	now := time.Now()
	throttle := New(Limits{Pair: ten, LocalPair: ten, Source: PerSource, Account: ten})
	for i := range 2 * maxCounted {
		one := throttle.Guess(clientkey.Parse(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)), fmt.Sprint("name", i))
		one.Failed(now)
		one.Succeeded(now)
	}
	for _, n := range []int{throttle.pairs.by.Len(), throttle.sources.counts.by.Len(), throttle.accounts.by.Len(), throttle.familiar.Len()} {
		if n > maxCounted {
			t.Errorf("%d are remembered", n)
		}
	}
}

// TestAllowanceGrowsSlow: each failure after the burst doubles the wait, half an hour without
// one makes it whole again, and waiting longer than needed gains nothing.
func TestAllowanceGrowsSlow(t *testing.T) {
	slow := Allowance{Burst: 2, Every: 10 * time.Second, Slowest: time.Minute}
	throttle := New(Limits{Pair: slow, LocalPair: slow, Source: PerSource, Account: Allowance{Burst: 100, Every: time.Minute}})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	guess := throttle.Guess(clientkey.Parse("192.0.2.1"), "a")
	for i, want := range []time.Duration{0, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute} {
		guess.Failed(now)
		if wait := guess.Wait(now).Round(time.Millisecond); wait != want {
			t.Errorf("after %d failures: %v, want %v", i+1, wait, want)
		}
		now = now.Add(2 * want)
	}
	now = now.Add(forgetAfter)
	guess.Failed(now)
	if wait := guess.Wait(now); wait != 0 {
		t.Errorf("half an hour later: %v", wait)
	}
}

// TestSlipsAreForgiven where the limits say so: many people behind one address may each mistype
// once.
func TestSlipsAreForgiven(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, forgive := range []bool{true, false} {
		throttle := New(Limits{Pair: ten, LocalPair: ten, Source: PerSource, Account: ten, ForgiveSlips: forgive})
		waited := false
		for i := range 2 * PerSource.Subscriber.Burst {
			guess := throttle.Guess(clientkey.Parse("192.0.2.1"), fmt.Sprint("user", i))
			waited = waited || guess.Wait(now) > 0
			guess.Failed(now)
			guess.Succeeded(now)
		}
		if waited == forgive {
			t.Errorf("forgiven %v: waited %v", forgive, waited)
		}
	}
}
