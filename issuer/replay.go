package issuer

import (
	"crypto/sha256"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/midas-mysql/midas/token"
)

// maxReplays is how many assertions of one client are remembered: 18 new ones a second, as
// client libraries make them.
const maxReplays = 16 << 10

// replays remembers the clients' own assertions and where each was first shown, until it
// expires. One that is shown again is let in from there alone: client libraries use one
// for some minutes, and who took it on the way is elsewhere. Assertions of outside issuers
// are not held to it: a pod shows the same one for an hour, and through any address of its
// cluster.
//
// Each client has a part of its own, so that none can make the memory of another's go. Only
// clients whose certificate signed are here, which bounds them to those that exist.
type replays struct {
	mu      sync.Mutex
	clients map[string]*replaysOf
	swept   time.Time
}

type replaysOf struct {
	seen map[[32]byte]firstShown
	next time.Time // nothing expires before
}

type firstShown struct {
	source string
	until  time.Time
}

func newReplays() *replays { return &replays{clients: map[string]*replaysOf{}} }

// replayVerdict is how an assertion compares with those before it.
type replayVerdict int

const (
	replayNone replayVerdict = iota
	replayElsewhere
	replayTooMany // its client has so many others that it could not be remembered
)

// show looks at an assertion whose signature holds and which is within its time.
func (p *replays) show(a *token.Assertion, clientID string, c token.AssertionClaims, source string, now time.Time) replayVerdict {
	id := a.Signed()
	if c.JTI != "" {
		id = c.JTI
	}
	return p.judge(strings.ToLower(clientID), sha256.Sum256([]byte(id)), firstShown{source, c.Expiry.Time().Add(assertionSkew)}, now)
}

func (p *replays) judge(clientID string, key [32]byte, s firstShown, now time.Time) replayVerdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	of := p.clients[clientID]
	if of == nil {
		of = &replaysOf{seen: map[[32]byte]firstShown{}, next: s.until}
		p.clients[clientID] = of
	}
	if before, again := of.seen[key]; again && now.Before(before.until) {
		if before.source != s.source {
			return replayElsewhere
		}
		if s.until.After(before.until) { // another one of the same id
			of.seen[key] = s
		}
		return replayNone
	}
	if len(of.seen) >= maxReplays {
		of.forget(now)
	}
	if len(of.seen) >= maxReplays {
		return replayTooMany
	}
	of.seen[key] = s
	if s.until.Before(of.next) {
		of.next = s.until
	}
	return replayNone
}

// sweep forgets what has expired of clients that come no more. The lock is held.
func (p *replays) sweep(now time.Time) {
	if now.Sub(p.swept) < assertionSkew {
		return
	}
	p.swept = now
	maps.DeleteFunc(p.clients, func(_ string, of *replaysOf) bool {
		of.forget(now)
		return len(of.seen) == 0
	})
}

// forget forgets what has expired, and looks for it only where there is some.
func (of *replaysOf) forget(now time.Time) {
	if now.Before(of.next) {
		return
	}
	of.next = now.Add(maxOwnLifetime + 2*assertionSkew) // none lives longer
	maps.DeleteFunc(of.seen, func(_ [32]byte, s firstShown) bool {
		if now.Before(s.until) && s.until.Before(of.next) {
			of.next = s.until
		}
		return !now.Before(s.until)
	})
}
