package token

import (
	"crypto"
	"crypto/sha256"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas"
)

// digest stands for a token in the cache, so that a memory image of the cache gives no
// token away.
type digest = [sha256.Size]byte

// verdict is what was once established about a token, and by which key.
type verdict struct {
	principal midas.Principal
	keys      KeySet
	keyID     string
	key       crypto.PublicKey // a pointer, compared by identity
}

// shards spread the cache's locks. 16 of them wait for each other seldom on any
// machine that could keep the gateway busy.
const shards = 16

// cache remembers verdicts, bounded, the least recently used going first.
type cache [shards]*lru.Cache[digest, *verdict]

func newCache(size int) (*cache, error) {
	c := new(cache)
	for i := range c {
		shard, err := lru.New[digest, *verdict](max(1, size/shards))
		if err != nil {
			return nil, err
		}
		c[i] = shard
	}
	return c, nil
}

func (c *cache) get(d digest) (*verdict, bool) { return c[d[0]%shards].Get(d) }
func (c *cache) put(d digest, v *verdict)      { c[d[0]%shards].Add(d, v) }
func (c *cache) drop(d digest)                 { c[d[0]%shards].Remove(d) }
