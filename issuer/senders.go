package issuer

import (
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas/internal/clientkey"
)

const (
	senderHalf    = 2 * time.Minute // in which half of a sender's failures are forgotten
	maxRemembered = 64 << 10
)

// failureLimits are how many failures one client may have before its next attempt has to wait.
type failureLimits struct{ subscriber, network, local float64 }

// senders counts failures by who sends. It is safe for concurrent use.
type senders struct {
	most   failureLimits
	mu     sync.Mutex
	counts *decaying
}

func newSenders(most failureLimits) (*senders, error) {
	counts, err := newDecaying(senderHalf)
	return &senders{most: most, counts: counts}, err
}

// wait returns how long a sender has to wait before its next attempt is looked at.
func (s *senders) wait(from clientkey.Key, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from.Local() {
		return s.counts.until(from.String(), s.most.local, now)
	}
	wait := s.counts.until(from.String(), s.most.subscriber, now)
	if from.Network.IsValid() {
		wait = max(wait, s.counts.until(from.Network.String(), s.most.network, now))
	}
	return wait
}

// add counts n failures of a sender.
func (s *senders) add(from clientkey.Key, n float64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.add(from.String(), n, now)
	if from.Network.IsValid() {
		s.counts.add(from.Network.String(), n, now)
	}
}

// decaying counts under many keys, and forgets half of each count in each time of half.
type decaying struct {
	half   time.Duration
	counts *lru.Cache[string, decayed]
}

type decayed struct {
	count float64
	at    time.Time
}

func newDecaying(half time.Duration) (*decaying, error) {
	counts, err := lru.New[string, decayed](maxRemembered)
	return &decaying{half, counts}, err
}

func (d *decaying) now(key string, now time.Time) float64 {
	c, _ := d.counts.Get(key)
	return c.count * math.Exp2(-float64(now.Sub(c.at))/float64(d.half))
}

func (d *decaying) add(key string, n float64, now time.Time) {
	d.counts.Add(key, decayed{max(0, d.now(key, now)+n), now})
}

// until is how long it takes before one more stays within the limit.
func (d *decaying) until(key string, limit float64, now time.Time) time.Duration {
	count := d.now(key, now)
	if count <= limit-1 {
		return 0
	}
	return max(time.Second, time.Duration(float64(d.half)*math.Log2(count/(limit-1))))
}
