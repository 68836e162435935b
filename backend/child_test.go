//go:build unix

package backend

import (
	"testing"
	"time"
)

func TestPausesBetweenStartsGrowByHalf(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 150 * time.Millisecond, 3: 225 * time.Millisecond,
	} {
		if got := pauseAfter(failures); got != want {
			t.Errorf("after %d deaths: %v, want %v", failures, got, want)
		}
	}
	if last := pauseAfter(maxFailures); last < time.Second || last > 2*time.Second {
		t.Errorf("after the last: %v", last)
	}
	if later := pauseAfter(1000); later < 5*time.Second || later > 30*time.Second {
		t.Errorf("later: %v", later)
	}
}
