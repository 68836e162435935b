package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/midas-mysql/midas"
)

// Config is what a Gateway needs. Verifier, Servers, Backends and TLS are required.
type Config struct {
	Verifier midas.Verifier
	Servers  Servers
	Backends Backends
	TLS      *tls.Config
	// Names are those by which clients reach the gateway, besides localhost. A name that they
	// give to TLS and that is one of these names no server.
	Names []string
	// Listeners are those that servers have to themselves, by the server's name. Such a
	// server greets there as its own backend does, and is reached there alone: clients that come
	// elsewhere are told the first of its addresses. All others
	// share the listener of Serve, where clients hear the least that all of them can do.
	Listeners map[string][]net.Listener

	// Exists tells whether a principal that a token proved is still there; nil when nobody
	// can be asked. It must say so of principals of issuers that it does not know.
	Exists func(ctx context.Context, p midas.Principal) (bool, error)
	// Groups returns the object ids of the groups that a principal is in now, nested ones
	// included. They take the place of those that its token lists; nil when nobody can be
	// asked. known is false for principals of issuers that it does not know.
	Groups func(ctx context.Context, p midas.Principal) (ids []string, known bool, err error)

	// Feed says what changed in the directory behind Servers, Exists and Groups. With it
	// their answers are remembered, and a sign-in asks for what it names alone; nil: they are
	// asked each time.
	Feed midas.Feed

	// Audit receives every sign-in, admitted or refused. It must not block.
	Audit func(midas.SignIn)

	SignInTimeout         time.Duration // from accept to OK; default 10 s
	MaxSigningIn          int           // connections signing in at once; default 2048
	MaxSigningInPerSource int           // the same from one source; default half of MaxSigningIn
	// MaxSessions is how many sessions all servers have at once; default 16384. A server has
	// half of those at most that no other server has, and a resource group three quarters.
	MaxSessions int
	// WriteTimeout is how long a session may take nothing of what it is sent before it is
	// ended; default 10 min, which is what JDBC drivers ask of a server for results that
	// are read slowly.
	WriteTimeout time.Duration
	Recheck      time.Duration // how often identities and accounts of sessions are asked for; default 2 s
	Now          func() time.Time
	Log          *slog.Logger
}

// The settings of a Config that are left zero.
const (
	DefaultMaxSigningIn = 2048
	DefaultMaxSessions  = 16384
	DefaultWriteTimeout = 10 * time.Minute
)

// withDefaults checks the configuration and fills in what is left zero.
func (c Config) withDefaults() (Config, error) {
	if c.Verifier == nil || c.Servers == nil || c.Backends == nil || c.TLS == nil {
		return c, midas.Errorf(midas.Internal, "gateway: Verifier, Servers, Backends and TLS are required")
	}
	c.SignInTimeout = orDefault(c.SignInTimeout, 10*time.Second)
	c.MaxSigningIn = orDefault(c.MaxSigningIn, DefaultMaxSigningIn)
	c.MaxSigningInPerSource = orDefault(c.MaxSigningInPerSource, max(1, c.MaxSigningIn/2))
	c.MaxSessions = orDefault(c.MaxSessions, DefaultMaxSessions)
	c.WriteTimeout = orDefault(c.WriteTimeout, DefaultWriteTimeout)
	c.Recheck = orDefault(c.Recheck, 2*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Audit == nil {
		c.Audit = func(midas.SignIn) {}
	}
	return c, nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
