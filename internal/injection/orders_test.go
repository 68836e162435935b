package injection

import (
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

func TestFaultsWithoutEndAreRefused(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	orders, later := New(func() time.Time { return now }), now.Add(time.Minute)
	for name, f := range map[string]Fault{
		"no kind":         {Count: 1, Until: later},
		"another kind":    {Kind: "fire", Count: 1, Until: later},
		"no number":       {Kind: Gone, Until: later},
		"a huge number":   {Kind: Gone, Count: 1 << 30, Until: later},
		"no end":          {Kind: Gone, Count: 1},
		"a past end":      {Kind: Gone, Count: 1, Until: now},
		"a far end":       {Kind: Gone, Count: 1, Until: now.Add(48 * time.Hour)},
		"slow without":    {Kind: Slow, Count: 1, Until: later},
		"slow for ever":   {Kind: Slow, Count: 1, Until: later, Delay: time.Hour},
		"a delay of gone": {Kind: Gone, Count: 1, Until: later, Delay: time.Second},
	} {
		if err := orders.InjectFault(f); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 1001 {
		err := orders.InjectFault(Fault{Kind: Gone, Count: 1, Until: later})
		if (err != nil) != (i == 1000) {
			t.Fatalf("fault %d: %v", i, err)
		}
	}
}
