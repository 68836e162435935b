package issuer

import (
	"context"
	"math"
	"runtime"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas"
)

// How many wrong passwords are heard: for one user from one source, where each next one
// then waits longer; for all users from one source; and for one user from everywhere. A
// stranger who fails for somebody's account so delays themselves, and when they guess from
// many places, those from where the owner never signed in.
// Source: Microsoft Entra, "Smart lockout" (familiar and unfamiliar locations).
const (
	freeFailures = 5                // for one user from one source
	firstWait    = 10 * time.Second // after that, doubled each time
	longestWait  = 15 * time.Minute
	// longestLocalWait is that on this machine, where the owner may be next to who guesses.
	longestLocalWait = time.Minute
	forgetAfter      = 30 * time.Minute

	sourceFailures   = 30  // for all users from one source
	networkFailures  = 120 // of an IPv6 network
	loopbackFailures = 300
	sourceHalf       = 2 * time.Minute // in which half of these are forgotten

	accountFailures = 100 // for one user from everywhere
	accountHalf     = time.Hour

	// familiarFor is how long a source may sign a user in whatever others do.
	familiarFor   = 30 * 24 * time.Hour
	maxRemembered = 64 << 10
)

// attempts throttles guesses.
type attempts struct {
	mu       sync.Mutex
	failing  *lru.Cache[string, failures] // by pair
	familiar *lru.Cache[string, time.Time]
	sources  *decaying
	accounts *decaying
	// turns bounds how many passwords are checked at once: checking is slow by design,
	// and strangers may ask for it.
	turns chan struct{}
}

type failures struct {
	count int
	last  time.Time
}

func newAttempts() (*attempts, error) {
	failing, err := lru.New[string, failures](maxRemembered)
	if err != nil {
		return nil, err
	}
	familiar, err := lru.New[string, time.Time](maxRemembered)
	if err != nil {
		return nil, err
	}
	a := &attempts{failing: failing, familiar: familiar, turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if a.sources, err = newDecaying(sourceHalf); err != nil {
		return nil, err
	}
	a.accounts, err = newDecaying(accountHalf)
	return a, err
}

func pair(source, user string) string { return source + "\x00" + strings.ToLower(user) }

// wait returns how long a sender has to wait before its next attempt for user is looked
// at. A user "" is nobody's account: a user code.
func (a *attempts) wait(from sender, user string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := pair(from.source, user)
	wait := a.owed(key, from, now)
	if last, ok := a.familiar.Get(key); ok && now.Sub(last) < familiarFor {
		return wait
	}
	limit := float64(sourceFailures)
	if from.source == loopback {
		limit = loopbackFailures
	}
	wait = max(wait, a.sources.until(from.source, limit, now))
	if from.network != "" {
		wait = max(wait, a.sources.until(from.network, networkFailures, now))
	}
	if user != "" {
		wait = max(wait, a.accounts.until(strings.ToLower(user), accountFailures, now))
	}
	return wait
}

func (a *attempts) owed(key string, from sender, now time.Time) time.Duration {
	f, ok := a.failing.Get(key)
	if !ok || f.count < freeFailures || now.Sub(f.last) >= forgetAfter {
		return 0
	}
	longest := longestWait
	if from.source == loopback {
		longest = longestLocalWait
	}
	return max(0, f.last.Add(min(firstWait<<min(f.count-freeFailures, 10), longest)).Sub(now))
}

func (a *attempts) failed(from sender, user string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := pair(from.source, user)
	f, _ := a.failing.Get(key)
	if now.Sub(f.last) >= forgetAfter {
		f.count = 0
	}
	a.failing.Add(key, failures{count: f.count + 1, last: now})
	a.count(from, user, 1, now)
}

// count adds to what is counted of the sender and of the user. The lock is held.
func (a *attempts) count(from sender, user string, n float64, now time.Time) {
	a.sources.add(from.source, n, now)
	if from.network != "" {
		a.sources.add(from.network, n, now)
	}
	if user != "" {
		a.accounts.add(strings.ToLower(user), n, now)
	}
}

// succeeded forgets the failures of the sender for that user, which were slips. Those for
// others stay: it may know one password and be guessing the rest.
func (a *attempts) succeeded(from sender, user string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := pair(from.source, user)
	if f, ok := a.failing.Get(key); ok {
		a.count(from, user, -float64(f.count), now)
		a.failing.Remove(key)
	}
	a.familiar.Add(key, now)
}

// inTurn runs one check of what a sender says of user, and counts it when it is refused.
// It returns how long to wait, unchecked, for whoever was refused too often. That is
// looked at again when the turn has come: many may have asked at once.
func (a *attempts) inTurn(ctx context.Context, from sender, user string, now func() time.Time, check func(context.Context) error) (time.Duration, error) {
	if wait := a.wait(from, user, now()); wait > 0 {
		return wait, nil
	}
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return 0, midas.Errorf(midas.Unavailable, "wait to check a password: %w", ctx.Err())
	}
	if wait := a.wait(from, user, now()); wait > 0 {
		return wait, nil
	}
	err := check(ctx)
	switch {
	case err == nil:
		a.succeeded(from, user, now())
	case midas.CodeOf(err) != midas.Internal && midas.CodeOf(err) != midas.Unavailable:
		a.failed(from, user, now())
	}
	return 0, err
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
