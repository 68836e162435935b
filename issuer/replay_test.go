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
	show := func(client, jti, source string, life time.Duration) shownAs {
		return p.shown(client, sha256.Sum256([]byte(jti)), firstShown{source, now.Add(life)}, now)
	}
	long := 10 * time.Minute
	if show("victim", "a", "victim's", long) != shownRightly {
		t.Fatal("refused the first time")
	}
	for i := range maxReplays {
		life := long
		if i == 1 {
			life = time.Minute
		}
		if got := show("flood", fmt.Sprint(i), "flood's", life); got != shownRightly {
			t.Fatalf("assertion %d: %d", i, got)
		}
	}
	for range 2 {
		if got := show("flood", "one more", "flood's", long); got != shownTooMany {
			t.Errorf("one more than there is room for: %d", got)
		}
	}
	if got := show("flood", "0", "flood's", long); got != shownRightly {
		t.Errorf("a known one again: %d", got)
	}
	if got := show("flood", "0", "thief's", long); got != shownElsewhere {
		t.Errorf("the flood's first one, from elsewhere: %d", got)
	}
	if got := show("victim", "a", "thief's", long); got != shownElsewhere {
		t.Errorf("the victim's, from elsewhere: %d", got)
	}
	if got := show("victim", "0", "victim's", long); got != shownRightly {
		t.Errorf("another client's id: %d", got)
	}
	if show("victim", "b", "victim's", time.Second) != shownRightly || show("victim", "b", "victim's", long) != shownRightly {
		t.Error("two of the same id, from the same address")
	}
	now = now.Add(time.Minute)
	if got := show("victim", "b", "thief's", long); got != shownElsewhere {
		t.Errorf("the later of the same id, from elsewhere: %d", got)
	}
	if got := show("flood", "one more", "flood's", long); got != shownRightly {
		t.Errorf("when one has expired: %d", got)
	}
	if got := show("flood", "and another", "flood's", long); got != shownTooMany {
		t.Errorf("when that one's room is taken: %d", got)
	}
	now = now.Add(long)
	if got := show("other", "x", "other's", long); got != shownRightly || len(p.clients) != 1 {
		t.Errorf("%d; %d clients are remembered", got, len(p.clients))
	}
}
