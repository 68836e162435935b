package issuer

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

// What one client shows makes nothing of another's be forgotten, nor of its own before it
// expires.
func TestAssertionsAreRememberedForEachClient(t *testing.T) {
	p := newReplays()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	show := func(client, jti, source string, life time.Duration) replayVerdict {
		return p.judge(client, sha256.Sum256([]byte(jti)), firstShown{source, now.Add(life)}, now)
	}
	long := 10 * time.Minute
	if show("victim", "a", "victim's", long) != replayNone {
		t.Fatal("refused the first time")
	}
	for i := range maxReplays {
		life := long
		if i == 1 {
			life = time.Minute
		}
		if got := show("flood", fmt.Sprint(i), "flood's", life); got != replayNone {
			t.Fatalf("assertion %d: %d", i, got)
		}
	}
	for range 2 {
		if got := show("flood", "one more", "flood's", long); got != replayTooMany {
			t.Errorf("one more than there is room for: %d", got)
		}
	}
	if got := show("flood", "0", "flood's", long); got != replayNone {
		t.Errorf("a known one again: %d", got)
	}
	if got := show("flood", "0", "thief's", long); got != replayElsewhere {
		t.Errorf("the flood's first one, from elsewhere: %d", got)
	}
	if got := show("victim", "a", "thief's", long); got != replayElsewhere {
		t.Errorf("the victim's, from elsewhere: %d", got)
	}
	if got := show("victim", "0", "victim's", long); got != replayNone {
		t.Errorf("another client's id: %d", got)
	}
	if show("victim", "b", "victim's", time.Second) != replayNone || show("victim", "b", "victim's", long) != replayNone {
		t.Error("two of the same id, from the same address")
	}
	now = now.Add(time.Minute)
	if got := show("victim", "b", "thief's", long); got != replayElsewhere {
		t.Errorf("the later of the same id, from elsewhere: %d", got)
	}
	if got := show("flood", "one more", "flood's", long); got != replayNone {
		t.Errorf("when one has expired: %d", got)
	}
	if got := show("flood", "and another", "flood's", long); got != replayTooMany {
		t.Errorf("when that one's room is taken: %d", got)
	}
	now = now.Add(long)
	if got := show("other", "x", "other's", long); got != replayNone || len(p.clients) != 1 {
		t.Errorf("%d; %d clients are remembered", got, len(p.clients))
	}
}
