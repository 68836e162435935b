package issuer

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clientkey"
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

	accountFailures = 100 // for one user from everywhere
	accountHalf     = time.Hour

	// familiarFor is how long a source may sign a user in whatever others do.
	familiarFor = 30 * 24 * time.Hour
)

// passwordFailures are those for all users from one source.
var passwordFailures = failureLimits{subscriber: 30, network: 120, local: 300}

// attempts throttles guesses.
type attempts struct {
	mu       sync.Mutex
	failing  *lru.Cache[string, failures] // by pair
	familiar *lru.Cache[string, time.Time]
	sources  *senders
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
	if a.sources, err = newSenders(passwordFailures); err != nil {
		return nil, err
	}
	a.accounts, err = newDecaying(accountHalf)
	return a, err
}

func pair(from clientkey.Key, user string) string {
	return from.String() + "\x00" + strings.ToLower(user)
}

// wait returns how long a sender has to wait before its next attempt for user is looked at.
func (a *attempts) wait(from clientkey.Key, user string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := pair(from, user)
	wait := a.owed(key, from, now)
	if last, ok := a.familiar.Get(key); ok && now.Sub(last) < familiarFor {
		return wait
	}
	return max(wait, a.sources.wait(from, now), a.accounts.until(strings.ToLower(user), accountFailures, now))
}

func (a *attempts) owed(key string, from clientkey.Key, now time.Time) time.Duration {
	f, ok := a.failing.Get(key)
	if !ok || f.count < freeFailures || now.Sub(f.last) >= forgetAfter {
		return 0
	}
	longest := longestWait
	if from.Local() {
		longest = longestLocalWait
	}
	return max(0, f.last.Add(min(firstWait<<min(f.count-freeFailures, 10), longest)).Sub(now))
}

func (a *attempts) failed(from clientkey.Key, user string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := pair(from, user)
	f, _ := a.failing.Get(key)
	if now.Sub(f.last) >= forgetAfter {
		f.count = 0
	}
	a.failing.Add(key, failures{count: f.count + 1, last: now})
	a.count(from, user, 1, now)
}

// count adds to what is counted of the sender and of the user. The lock is held.
func (a *attempts) count(from clientkey.Key, user string, n float64, now time.Time) {
	a.sources.add(from, n, now)
	a.accounts.add(strings.ToLower(user), n, now)
}

// succeeded forgets the failures of the sender for that user, which were slips. Those for
// others stay: it may know one password and be guessing the rest.
func (a *attempts) succeeded(from clientkey.Key, user string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := pair(from, user)
	if f, ok := a.failing.Get(key); ok {
		a.count(from, user, -float64(f.count), now)
		a.failing.Remove(key)
	}
	a.familiar.Add(key, now)
}

// inTurn runs one check of what a sender says of user, and counts it when it is refused.
// It returns how long to wait, unchecked, for whoever was refused too often. That is
// looked at again when the turn has come: many may have asked at once.
func (a *attempts) inTurn(ctx context.Context, from clientkey.Key, user string, now func() time.Time, check func(context.Context) error) (time.Duration, error) {
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
