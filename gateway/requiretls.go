package gateway

import (
	"context"
	"crypto/tls"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas/internal/wire"
)

// An account that has REQUIRE SSL is let in over TLS alone, and a unix socket is none. The
// hop to a backend that Dial has verified needs no TLS and has none, for speed. So for the
// accounts that require it TLS is started there all the same: which they are is asked when
// the backend has refused one, and remembered.

// maxRequireTLS bounds the names that are remembered. One that is forgotten is refused and
// asked about again.
const maxRequireTLS = 4 << 10

// requireTLS are the names of accounts that the backend lets in over TLS alone.
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

// hopTLS is the configuration for the connection that user signs in with, or nil.
func (g *Gateway) hopTLS(user string, greeting wire.Greeting) *tls.Config {
	if config := g.Backend.TLS(); config != nil {
		return config
	}
	if _, required := g.requireTLS.names.Get(user); required && greeting.Capabilities.Has(wire.ClientSSL) {
		return g.requireTLS.config
	}
	return nil
}

// dialAccount is dial for an account that is there: if it was refused because it requires
// TLS, it is signed in to anew, with TLS.
func (s *session) dialAccount(ctx context.Context, c credentials) (upstream, error) {
	up, err := s.dial(ctx, c)
	if !refusedAccount(err) || !s.Backend.Verified() || s.hopTLS(c.user, s.hello.last()) != nil || !s.hello.last().Capabilities.Has(wire.ClientSSL) {
		return up, err
	}
	required, failed := s.accounts.RequiresTLS(ctx, c.user)
	if failed != nil || !required {
		return up, err
	}
	s.requireTLS.names.Add(c.user, struct{}{})
	return s.dial(ctx, c)
}
