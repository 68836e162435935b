package metadata

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/midas-mysql/midas"
)

// maxTokens is how many tokens of one machine are remembered. The audience is the
// workload's to choose, so there must be an end to them.
const maxTokens = 64

// tokens mints for one machine, and remembers what it minted: as in Azure a workload
// gets the same token again for as long as more than half of its life is left.
type tokens struct {
	minter midas.Minter

	mu     sync.Mutex
	minted *lru.LRU[tokenKey, midas.Token]
}

// tokenKey is what makes two requests want the same token. A principal id is never
// used again, so a recreated identity finds nothing of its predecessor's.
type tokenKey struct{ principalID, resource string }

func newTokens(minter midas.Minter) (*tokens, error) {
	minted, err := lru.NewLRU[tokenKey, midas.Token](maxTokens, nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make the cache of tokens: %w", err)
	}
	return &tokens{minter: minter, minted: minted}, nil
}

// get returns a token of id for resource, used by host. fresh wants a new one.
func (t *tokens) get(ctx context.Context, now time.Time, id midas.Identity, host, resource string, fresh bool) (midas.Token, error) {
	key := tokenKey{id.PrincipalID, resource}
	t.mu.Lock()
	known, ok := t.minted.Get(key)
	t.mu.Unlock()
	if ok && !fresh && known.Expiry.Sub(now) > now.Sub(known.NotBefore) {
		return known, nil
	}
	// Two requests at once may both mint: both tokens are good, and neither waits.
	made, err := t.minter.Mint(ctx, midas.TokenRequest{Identity: id, Resource: resource, Host: host})
	if err != nil {
		return midas.Token{}, fmt.Errorf("mint a token: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.minted.Add(key, made)
	return made, nil
}
