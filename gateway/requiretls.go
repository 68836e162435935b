package gateway

import (
	"crypto/tls"

	lru "github.com/hashicorp/golang-lru/v2"
)

// An account that has REQUIRE SSL is let in over TLS alone, and a unix socket is none. The
// hop to a backend that Dial has verified needs no TLS and has none, for speed. So for the
// accounts that require it TLS is started there all the same: which they are is asked when
// the backend has refused one, and remembered.

// maxRequireTLS bounds the names that are remembered. One that is forgotten is refused and
// asked about again.
const maxRequireTLS = 4 << 10

// requireTLS are the names of accounts that a backend lets in over TLS alone.
type requireTLS struct {
	names  *lru.Cache[string, struct{}]
	config *tls.Config
}

func newRequireTLS() *requireTLS {
	names, err := lru.New[string, struct{}](maxRequireTLS)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &requireTLS{names, &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // Dial has verified who answers
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}}
}

func (r *requireTLS) has(user string) bool {
	_, required := r.names.Get(user)
	return required
}

func (r *requireTLS) add(user string) { r.names.Add(user, struct{}{}) }
