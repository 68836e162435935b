package passwordthrottle

import (
	"hash/maphash"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// familiarFor is how long a source that signed an account in may do so whatever others have
// guessed.
const familiarFor = 30 * 24 * time.Hour

// Limits are the allowances of a Throttle.
type Limits struct {
	// Pair is that of one account from one source. On this machine the owner of an account
	// and a program that guesses its password cannot be told apart: LocalPair is theirs.
	Pair, LocalPair Allowance
	Source          SourceLimits // of all accounts from one source
	Account         Allowance    // of one account from everywhere

	// NewSource is how many guesses a source that has never signed an account in has, when
	// strangers have used up the account's allowance. One is enough for an owner who signs in
	// from a new place, and gives one to each address of somebody who has many.
	NewSource int
	// ForgiveSlips gives failures back to source and account when the source then signs in:
	// they were slips. Without it another guesser at that address could have made them.
	ForgiveSlips bool
}

// Throttle counts wrong passwords. It is safe for concurrent use.
type Throttle struct {
	limits  Limits
	seed    maphash.Seed
	sources *Sources

	mu       sync.Mutex
	pairs    counts
	accounts counts
	familiar *lru.LRU[uint64, time.Time] // pairs, by their last success
}

// New returns a Throttle that has counted nothing yet.
func New(l Limits) *Throttle {
	return &Throttle{
		limits: l, seed: maphash.MakeSeed(), sources: NewSources(l.Source),
		pairs: newCounts(), accounts: newCounts(), familiar: newLRU[time.Time](),
	}
}

// Guess is one password of one source for one account. Its keys are hashes: a stranger's name
// may be long.
type Guess struct {
	of            *Throttle
	from          clientkey.Key
	pair, account uint64
}

// Guess returns the guess of a source for an account, whose name holds all that tells it from
// others.
func (t *Throttle) Guess(from clientkey.Key, account string) *Guess {
	return &Guess{
		of: t, from: from,
		pair:    maphash.String(t.seed, from.String()+"\x00"+account),
		account: maphash.String(t.seed, account),
	}
}

// Wait returns how long the password is to be refused without being checked, 0 if it may be
// checked now.
func (g *Guess) Wait(now time.Time) time.Duration {
	t := g.of
	t.mu.Lock()
	defer t.mu.Unlock()
	pair := t.pairs.wait(g.pair, g.allowed(), 1, now)
	if g.isFamiliar(now) {
		return pair
	}
	return max(pair, g.waitForAccount(now), t.sources.Wait(g.from, now))
}

// Familiar tells whether the source has signed the account in before.
func (g *Guess) Familiar(now time.Time) bool {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	return g.isFamiliar(now)
}

// isFamiliar is Familiar for a caller that holds mu.
func (g *Guess) isFamiliar(now time.Time) bool {
	last, ok := g.of.familiar.Get(g.pair)
	return ok && now.Sub(last) < familiarFor
}

// waitForAccount is how long a source that has never signed the account in waits for what
// others have guessed.
func (g *Guess) waitForAccount(now time.Time) time.Duration {
	t := g.of
	wait := t.accounts.wait(g.account, t.limits.Account, 1, now)
	if wait == 0 || t.limits.NewSource == 0 {
		return wait
	}
	return min(wait, t.pairs.wait(g.pair, g.allowed(), g.allowed().Burst-t.limits.NewSource+1, now))
}

// Failed counts a wrong password. Those that were checked at the same time may be more than
// what was left; the rest is owed.
func (g *Guess) Failed(now time.Time) {
	t := g.of
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pairs.add(g.pair, g.allowed(), now)
	t.accounts.add(g.account, t.limits.Account, now)
	t.sources.Failed(g.from, now)
}

// Succeeded notes that the source knows the account's password. Its failures for other accounts
// stay: it may know one password and be guessing the rest.
func (g *Guess) Succeeded(now time.Time) {
	t := g.of
	t.mu.Lock()
	defer t.mu.Unlock()
	t.familiar.Add(g.pair, now)
	if !t.limits.ForgiveSlips {
		return
	}
	if slips := t.pairs.drop(g.pair); slips > 0 {
		t.accounts.giveBack(g.account, slips, now)
		t.sources.giveBack(g.from, slips, now)
	}
}

func (g *Guess) allowed() Allowance {
	if g.from.Local() {
		return g.of.limits.LocalPair
	}
	return g.of.limits.Pair
}
