package gateway

import (
	"hash/maphash"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// allowance is how many wrong passwords are checked: so many at once, and one more in each
// time of every.
type allowance struct {
	burst int
	every time.Duration
}

// The allowances of one account from one source, of all accounts from one source, and of
// one account from everywhere. On this machine the owner of an account and who guesses its
// password cannot be told apart, so more is allowed.
var (
	ofPair      = allowance{10, 10 * time.Second}
	ofLocalPair = allowance{20, 2 * time.Second}

	ofSubscriber = allowance{30, 6 * time.Second}
	ofNetwork    = allowance{120, 1500 * time.Millisecond}
	ofLocal      = allowance{300, 600 * time.Millisecond}

	ofAccount = allowance{100, 30 * time.Second}
)

const (
	// familiarFor is how long a source that signed in to an account may do so whatever
	// others have guessed.
	familiarFor = 30 * 24 * time.Hour
	// maxCounted is how many pairs, sources and accounts are counted. Strangers choose both
	// names and addresses, so there must be an end to them.
	maxCounted = 1 << 16
)

// guesses throttles wrong passwords, of native accounts: tokens cannot be guessed. It
// counts failures alone, so that a right password costs nothing however often it is used.
//
// A stranger who fails for an account uses up the allowance of their own source. When they
// guess from many sources the account's allowance goes too; then each source has one guess
// at a time, which is enough for an owner who signs in from a new place.
type guesses struct {
	mu       sync.Mutex
	seed     maphash.Seed
	pairs    *lru.LRU[uint64, *rate.Limiter]
	sources  *lru.LRU[uint64, *rate.Limiter]
	accounts *lru.LRU[uint64, *rate.Limiter]
	familiar *lru.LRU[uint64, time.Time] // pairs, by their last success
}

func newGuesses() *guesses {
	return &guesses{
		seed: maphash.MakeSeed(), pairs: newLRU[*rate.Limiter](), sources: newLRU[*rate.Limiter](),
		accounts: newLRU[*rate.Limiter](), familiar: newLRU[time.Time](),
	}
}

func newLRU[V any]() *lru.LRU[uint64, V] {
	entries, err := lru.NewLRU[uint64, V](maxCounted, nil)
	if err != nil {
		panic("gateway: " + err.Error()) // only for a size that is not positive
	}
	return entries
}

// guess is one password of one source for one account. Its keys are hashes: a stranger's
// name may be long.
type guess struct {
	of                             *guesses
	local                          bool
	pair, account, source, network uint64
	hasNetwork                     bool
}

// by returns the guess of a sender for the account user of a server.
func (g *guesses) by(from clientkey.Key, serverID, user string) *guess {
	account := serverID + "\x00" + user
	return &guess{
		of: g, local: from.Local(),
		pair:    maphash.String(g.seed, from.String()+"\x00"+account),
		account: maphash.String(g.seed, account),
		source:  maphash.Comparable(g.seed, from.Subscriber),
		network: maphash.Comparable(g.seed, from.Network), hasNetwork: from.Network.IsValid(),
	}
}

// throttled tells whether the password is to be refused without being checked.
func (g *guess) throttled(now time.Time) bool {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	pair := left(g.of.pairs, g.pair, g.allowed(), now)
	if last, ok := g.of.familiar.Get(g.pair); ok && now.Sub(last) < familiarFor {
		return pair < 1
	}
	if left(g.of.accounts, g.account, ofAccount, now) < 1 {
		pair -= float64(g.allowed().burst - 1) // enough for a source that has not failed yet
	}
	source := left(g.of.sources, g.source, g.ofSource(), now)
	if g.hasNetwork {
		source = min(source, left(g.of.sources, g.network, ofNetwork, now))
	}
	return pair < 1 || source < 1
}

// failed counts a wrong password. Those that were checked at the same time may be more than
// what was left; the rest is owed.
func (g *guess) failed(now time.Time) {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	spend(g.of.pairs, g.pair, g.allowed(), now)
	spend(g.of.accounts, g.account, ofAccount, now)
	spend(g.of.sources, g.source, g.ofSource(), now)
	if g.hasNetwork {
		spend(g.of.sources, g.network, ofNetwork, now)
	}
}

// succeeded notes that the source knows the account's password. Its failures stay: somebody
// else at that address may be guessing.
func (g *guess) succeeded(now time.Time) {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	g.of.familiar.Add(g.pair, now)
}

func (g *guess) allowed() allowance {
	if g.local {
		return ofLocalPair
	}
	return ofPair
}

func (g *guess) ofSource() allowance {
	if g.local {
		return ofLocal
	}
	return ofSubscriber
}

func left(counts *lru.LRU[uint64, *rate.Limiter], key uint64, a allowance, now time.Time) float64 {
	if limiter, ok := counts.Get(key); ok {
		return limiter.TokensAt(now)
	}
	return float64(a.burst)
}

func spend(counts *lru.LRU[uint64, *rate.Limiter], key uint64, a allowance, now time.Time) {
	limiter, ok := counts.Get(key)
	if !ok {
		limiter = rate.NewLimiter(rate.Every(a.every), a.burst)
		counts.Add(key, limiter)
	}
	limiter.ReserveN(now, 1)
}
