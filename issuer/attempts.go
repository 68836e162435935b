package issuer

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clientkey"
	"github.com/midas-mysql/midas/internal/passwordthrottle"
)

// passwordLimits are how many wrong passwords of people are checked. A user's next guess from
// one source waits longer each time. When strangers guess from many places, those from where
// the user never signed in wait.
var passwordLimits = passwordthrottle.Limits{
	Pair: passwordthrottle.Allowance{Burst: 5, Every: 10 * time.Second, Slowest: 15 * time.Minute},
	// On this machine the user may be next to a program that guesses.
	LocalPair:    passwordthrottle.Allowance{Burst: 5, Every: 10 * time.Second, Slowest: time.Minute},
	Source:       passwordthrottle.PerSource,
	Account:      passwordthrottle.Allowance{Burst: 100, Every: 52 * time.Second},
	ForgiveSlips: true,
}

// attempts throttles guesses.
type attempts struct {
	throttle *passwordthrottle.Throttle
	// turns bounds how many passwords are checked at once: checking is slow by design,
	// and strangers may ask for it.
	turns chan struct{}
}

func newAttempts() *attempts {
	return &attempts{throttle: passwordthrottle.New(passwordLimits), turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// inTurn runs one check of a credential for user, and counts it when it is refused. After too
// many refusals it runs no check and returns how long to wait. The count is read again when the
// turn has come: an attacker may send many attempts at once.
func (a *attempts) inTurn(ctx context.Context, from clientkey.Key, user string, now func() time.Time, check func(context.Context) error) (time.Duration, error) {
	guess := a.throttle.Guess(from, strings.ToLower(user))
	if wait := guess.Wait(now()); wait > 0 {
		return wait, nil
	}
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return 0, midas.Errorf(midas.Unavailable, "wait to check a password: %w", ctx.Err())
	}
	if wait := guess.Wait(now()); wait > 0 {
		return wait, nil
	}
	err := check(ctx)
	switch {
	case err == nil:
		guess.Succeeded(now())
	case midas.CodeOf(err) != midas.Internal && midas.CodeOf(err) != midas.Unavailable:
		guess.Failed(now())
	}
	return 0, err
}
