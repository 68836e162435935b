package metadata

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/feed"
	"github.com/midas-mysql/midas/token"
)

// maxTokens is how many tokens of one machine are remembered. The audience is the
// workload's to choose, so there must be an end to them.
const maxTokens = 64

// tokens mints for one machine, and remembers what it minted: as in Azure a workload
// gets the same token again for as long as more than half of its life is left. Unlike in
// Azure, a token is not handed out again once something that it states has changed.
type tokens struct {
	minter midas.Minter
	keys   token.KeySet // nil when signing keys last for ever

	mu     sync.Mutex
	minted *lru.LRU[tokenKey, signedToken]
}

// signedToken is a token with what it was made from.
type signedToken struct {
	midas.Token
	basis *feed.Basis
}

// halfLeft tells whether more than half of a token's life is left. One that was made while the clock
// was ahead has not begun, and everybody would refuse it until then.
func (t signedToken) halfLeft(now time.Time) bool {
	return !now.Before(t.NotBefore) && t.Expiry.Sub(now) > now.Sub(t.NotBefore)
}

// tokenKey is what makes two requests want the same token. A principal id is never
// used again, so a recreated identity finds nothing of its predecessor's.
type tokenKey struct{ principalID, resource string }

func newTokens(minter midas.Minter, keys token.KeySet) (*tokens, error) {
	minted, err := lru.NewLRU[tokenKey, signedToken](maxTokens, nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make the cache of tokens: %w", err)
	}
	return &tokens{minter: minter, keys: keys, minted: minted}, nil
}

// get returns a token of id for resource, used by host. fresh wants a new one.
func (t *tokens) get(ctx context.Context, now time.Time, state feedState, id midas.Identity, host, resource string, fresh bool) (midas.Token, error) {
	key := tokenKey{id.PrincipalID, resource}
	t.mu.Lock()
	known, ok := t.minted.Get(key)
	t.mu.Unlock()
	if ok && !fresh && known.halfLeft(now) && state.holds(known.basis) && t.stands(ctx, known) {
		return known.Token, nil
	}
	// Two requests at once may both mint: both tokens are good, and neither waits.
	made, err := t.minter.Mint(ctx, midas.TokenRequest{Identity: id, Resource: resource, Host: host})
	if err != nil {
		return midas.Token{}, fmt.Errorf("mint a token: %w", err)
	}
	_, claims, err := token.DecodeUnverified(made.Raw)
	if err != nil {
		return midas.Token{}, fmt.Errorf("read a token that was minted: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.minted.Add(key, signedToken{made, state.basis(statedBy(claims, id, resource)...)})
	return made, nil
}

// statedBy is what a token was made from: the identity with the groups that it is in, and
// what the application behind the resource asks tokens to be.
func statedBy(c token.Claims, id midas.Identity, resource string) []feed.Thing {
	from := []feed.Thing{{Kind: midas.ChangePrincipal, ID: id.PrincipalID}, {Kind: midas.ChangeAudience, ID: resource}}
	for _, group := range c.Groups {
		from = append(from, feed.Thing{Kind: midas.ChangeGroup, ID: group})
	}
	if c.ClaimNames != nil { // too many to be named: it may be any
		from = append(from, feed.Thing{Kind: midas.ChangeGroup})
	}
	return from
}

// stands reports whether the key of a token is published still: one that was revoked
// has taken its tokens along.
func (t *tokens) stands(ctx context.Context, known signedToken) bool {
	if t.keys == nil {
		return true
	}
	_, err := t.keys.Key(ctx, known.KeyID)
	return err == nil
}
