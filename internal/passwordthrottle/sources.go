package passwordthrottle

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// SourceLimits are the allowances of a source: of a subscriber, of a network in which one
// customer may choose among many of those, and of this machine. Its programs may choose any
// address, so it is one source.
type SourceLimits struct{ Subscriber, Network, Local Allowance }

// PerSource is how many wrong passwords of one source are checked, for all accounts.
var PerSource = SourceLimits{
	Subscriber: Allowance{Burst: 30, Every: 6 * time.Second},
	Network:    Allowance{Burst: 120, Every: 1500 * time.Millisecond},
	Local:      Allowance{Burst: 300, Every: 600 * time.Millisecond},
}

// Sources counts failures by source alone. It is safe for concurrent use.
type Sources struct {
	limits SourceLimits
	seed   maphash.Seed

	mu     sync.Mutex
	counts counts
}

// NewSources returns Sources that have counted nothing yet.
func NewSources(l SourceLimits) *Sources {
	return &Sources{limits: l, seed: maphash.MakeSeed(), counts: newCounts()}
}

// Wait returns how long the source has to wait before its next attempt is looked at.
func (s *Sources) Wait(from clientkey.Key, now time.Time) (longest time.Duration) {
	s.each(from, func(key uint64, a Allowance) {
		longest = max(longest, s.counts.wait(key, a, 1, now))
	})
	return longest
}

// Failed counts a failure of the source.
func (s *Sources) Failed(from clientkey.Key, now time.Time) {
	s.each(from, func(key uint64, a Allowance) { s.counts.add(key, a, now) })
}

func (s *Sources) giveBack(from clientkey.Key, n int, now time.Time) {
	s.each(from, func(key uint64, _ Allowance) { s.counts.giveBack(key, n, now) })
}

// each visits what counts the source: it alone, and the network that it is in.
func (s *Sources) each(from clientkey.Key, visit func(key uint64, a Allowance)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.limits.Subscriber
	if from.Local() {
		one = s.limits.Local
	}
	visit(maphash.Comparable(s.seed, from.Subscriber), one)
	if from.Network.IsValid() {
		visit(maphash.Comparable(s.seed, from.Network), s.limits.Network)
	}
}
