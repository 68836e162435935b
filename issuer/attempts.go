package issuer

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas"
)

// How many wrong passwords are heard. They are counted for one user from one source, and
// for one source: a stranger who fails for somebody's account delays only themselves,
// never the account's owner, who is elsewhere.
const (
	freeFailures   = 5                // for one user from one source
	sourceFailures = 30               // for all users from one source
	firstWait      = 10 * time.Second // after that, doubled each time
	longestWait    = 15 * time.Minute
	forgetAfter    = 30 * time.Minute
	maxRemembered  = 64 << 10
)

// attempts throttles guesses of passwords and of user codes.
type attempts struct {
	mu      sync.Mutex
	failing *lru.Cache[string, failures]
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
	return &attempts{failing: failing, turns: make(chan struct{}, runtime.GOMAXPROCS(0))}, err
}

// The keys of failing.
func pair(source, user string) string { return source + "\x00" + strings.ToLower(user) }

// wait returns how long source has to wait before its next attempt for user is looked at.
func (a *attempts) wait(source, user string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.owed(pair(source, user), freeFailures, now), a.owed(source, sourceFailures, now))
}

func (a *attempts) owed(key string, free int, now time.Time) time.Duration {
	f, ok := a.failing.Get(key)
	if !ok || f.count < free || now.Sub(f.last) >= forgetAfter {
		return 0
	}
	wait := firstWait << min(f.count-free, 10)
	return max(0, f.last.Add(min(wait, longestWait)).Sub(now))
}

func (a *attempts) failed(source, user string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range []string{pair(source, user), source} {
		f, _ := a.failing.Get(key)
		if now.Sub(f.last) >= forgetAfter {
			f.count = 0
		}
		a.failing.Add(key, failures{count: f.count + 1, last: now})
	}
}

// succeeded forgets the failures for that user. Those of the source stay: it may know one
// password and be guessing the others.
func (a *attempts) succeeded(source, user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failing.Remove(pair(source, user))
}

// inTurn runs one check of what source says of user, and counts it when it is refused. It
// returns how long to wait, unchecked, for whoever was refused too often. That is looked
// at again when the turn has come: many may have asked at once.
func (a *attempts) inTurn(ctx context.Context, source, user string, now func() time.Time, check func(context.Context) error) (time.Duration, error) {
	if wait := a.wait(source, user, now()); wait > 0 {
		return wait, nil
	}
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return 0, midas.Errorf(midas.Unavailable, "wait to check a password: %w", ctx.Err())
	}
	if wait := a.wait(source, user, now()); wait > 0 {
		return wait, nil
	}
	err := check(ctx)
	switch {
	case err == nil:
		a.succeeded(source, user)
	case midas.CodeOf(err) != midas.Internal && midas.CodeOf(err) != midas.Unavailable:
		a.failed(source, user, now())
	}
	return 0, err
}
