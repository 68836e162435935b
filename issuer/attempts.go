package issuer

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clientkey"
	"github.com/midas-mysql/midas/internal/lane"
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

// checksWaiting is how many checks of one asker may wait. Each is a request that the port holds
// meanwhile, and others need what room it has.
const checksWaiting = 64

// attempts throttles guesses.
type attempts struct {
	throttle *passwordthrottle.Throttle
	// turns bounds how many passwords are checked at once: checking is slow by design,
	// and strangers may ask for it.
	turns *lane.Lane[asker]
}

// asker has checks that wait for each other and not for those of others: an account where its
// owner signed in before, whom no throttle holds up, and everybody else at one source.
type asker struct {
	from    clientkey.Key
	account string // "" for those who have not signed in from there
}

func newAttempts() *attempts {
	a := &attempts{throttle: passwordthrottle.New(passwordLimits), turns: lane.New[asker](runtime.GOMAXPROCS(0))}
	a.turns.Most = checksWaiting
	return a
}

// inTurn runs one check of a credential for user, and counts it when it is refused. After too
// many refusals it runs no check and returns how long to wait. The count is read again when the
// turn has come: an attacker may send many attempts at once.
func (a *attempts) inTurn(ctx context.Context, from clientkey.Key, user string, now func() time.Time, check func(context.Context) error) (time.Duration, error) {
	user = strings.ToLower(user)
	guess := a.throttle.Guess(from, user)
	if wait := guess.Wait(now()); wait > 0 {
		return wait, nil
	}
	who := asker{from: from}
	if guess.Familiar(now()) {
		who.account = user
	}
	leave, err := a.turns.Enter(ctx, who)
	if err != nil {
		return 0, midas.Errorf(midas.Unavailable, "wait to check a password: %w", err)
	}
	defer leave()
	if wait := guess.Wait(now()); wait > 0 {
		return wait, nil
	}
	err = check(ctx)
	switch {
	case err == nil:
		guess.Succeeded(now())
	case midas.CodeOf(err) != midas.Internal && midas.CodeOf(err) != midas.Unavailable:
		guess.Failed(now())
	}
	return 0, err
}
