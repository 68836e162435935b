package passwordthrottle

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

const (
	// maxCounted is how many pairs, sources and accounts are counted. Strangers choose both
	// names and addresses, so there must be an end to them.
	maxCounted = 1 << 16
	// forgetAfter is how long after its last failure an allowance that has grown slow is
	// whole again.
	forgetAfter = 30 * time.Minute
)

// Allowance is how many failures are looked at: Burst at once, and one more in each time of
// Every. Where Slowest is set, each failure after the burst doubles that time, up to Slowest.
type Allowance struct {
	Burst          int
	Every, Slowest time.Duration
}

// counts are the failures under many keys. They are not safe for concurrent use.
type counts struct{ by *lru.LRU[uint64, *count] }

func newCounts() counts { return counts{newLRU[*count]()} }

// count is what is left of one allowance.
type count struct {
	limiter  *rate.Limiter
	failures int
	last     time.Time
}

// get returns the count of key, nil where all of the allowance is left.
func (c counts) get(key uint64, a Allowance, now time.Time) *count {
	n, ok := c.by.Get(key)
	if !ok || a.Slowest > 0 && now.Sub(n.last) >= forgetAfter {
		return nil
	}
	return n
}

// wait is how long it takes until so many of the allowance are left.
func (c counts) wait(key uint64, a Allowance, wanted int, now time.Time) time.Duration {
	n := c.get(key, a, now)
	if n == nil {
		return 0
	}
	missing := float64(wanted) - n.limiter.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(n.limiter.Limit()) * float64(time.Second))
}

func (c counts) add(key uint64, a Allowance, now time.Time) {
	n := c.get(key, a, now)
	if n == nil {
		n = &count{limiter: rate.NewLimiter(rate.Every(a.Every), a.Burst)}
		c.by.Add(key, n)
	}
	n.limiter.ReserveN(now, 1)
	n.failures++
	n.last = now
	if over := n.failures - a.Burst; a.Slowest > 0 && over >= 0 {
		n.limiter.SetLimitAt(now, rate.Every(min(a.Every<<min(over, 16), a.Slowest)))
		n.limiter.SetBurstAt(now, 1)
	}
}

// drop forgets the failures of key, and returns how many they were.
func (c counts) drop(key uint64) (failures int) {
	if n, ok := c.by.Get(key); ok {
		failures = n.failures
	}
	c.by.Remove(key)
	return failures
}

// giveBack takes n failures for not made. A limiter holds its burst at most.
func (c counts) giveBack(key uint64, n int, now time.Time) {
	if known, ok := c.by.Get(key); ok {
		known.limiter.ReserveN(now, -n)
	}
}

// newLRU returns a cache of the maxCounted values that were used last.
func newLRU[V any]() *lru.LRU[uint64, V] {
	entries, err := lru.NewLRU[uint64, V](maxCounted, nil)
	if err != nil {
		panic("passwordthrottle: " + err.Error()) // only for a size that is not positive
	}
	return entries
}
