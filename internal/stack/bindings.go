package stack

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/statedir"
)

// The kinds of backend that servers get which have none declared.
const (
	PrivateBackends  = "private"  // a process and a data folder each
	EmbeddedBackends = "embedded" // an engine each
	NoBackends       = "none"     // only what is declared
)

// startTimeout is how long a private server may take to be made and started. MySQL writes its
// data folder for some seconds.
const startTimeout = 2 * time.Minute

// BindingsConfig says which backend a server gets.
type BindingsConfig struct {
	Kind  string // of servers without a declaration
	State string // directory of the state
	// External are declared, by the server's name in lower case.
	External map[string]ExternalBackend
	// Max is how many servers without a declaration may be made: each is a process, a data folder
	// and some 60 MB of memory, at the word of anyone who may create a server.
	Max int
	// Groups are those that servers must be in, by name in lower case; "" for any.
	Groups map[string]string
	// First is for the oldest server without a declaration (--backend URL); nil for none. Then
	// all others need one.
	First *ExternalBackend
	// Servers returns the servers that there are, the oldest first. The oldest without a
	// declaration keeps what a former midas had for all.
	Servers func(ctx context.Context) ([]midas.Server, error)
	// Password is the service account's at the private server of a server.
	Password func(serverID string) string
	// Options are those of a private server that starts now. It is NotFound for a server that was
	// deleted.
	Options func(ctx context.Context, s midas.Server) (backend.PrivateOptions, error)
	// Embedded starts an engine; nil in a build without it.
	Embedded func(ctx context.Context) (Backend, error)
	Log      *slog.Logger
}

// Bindings gives each server the backend that is its own, started when it is first needed, and
// keeps two servers from one.
type Bindings struct {
	cfg     BindingsConfig
	fleet   *backend.Fleet
	claims  backend.Claims
	opening singleflight.Group
	life    context.Context // of what is being opened
	end     context.CancelFunc

	mu       sync.Mutex
	closed   bool
	bound    map[string]*binding // by unique id
	external map[string]Backend  // by the name of the server that declares it; "" for First
	stopped  map[string]bool     // by unique id in lower case
}

// binding is one server's.
type binding struct {
	server  midas.Server
	mu      sync.Mutex // held while the backend is opened, started, stopped or given back
	backend Backend    // nil: not yet; guarded by Bindings.mu, too
	life    context.Context
	end     context.CancelFunc // of life, when the server is deleted
	// borrowed has one for each connection that is used for the databases of the server.
	borrowed chan struct{}
}

// NewBindings returns bindings of which nothing is opened.
func NewBindings(cfg BindingsConfig) (*Bindings, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	stopped, err := statedir.StoppedServers(cfg.State)
	if err != nil {
		return nil, err
	}
	fleet, err := backend.NewFleet(backend.FleetConfig{
		Dir: filepath.Join(cfg.State, statedir.BackendDir), Password: cfg.Password, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	b := &Bindings{cfg: cfg, fleet: fleet, bound: map[string]*binding{}, external: map[string]Backend{}, stopped: stopped}
	b.life, b.end = context.WithCancel(context.Background())
	return b, nil
}

// Backend returns the backend of a server, opened and started if need be. It is Invalid for a
// server that has none, with the way to declare one, Conflict for one whose backend another
// server has, and wraps gateway.ErrStopped for one that was stopped.
func (b *Bindings) Backend(ctx context.Context, s midas.Server) (Backend, error) {
	if err := b.refusesStopped(s); err != nil {
		return nil, err
	}
	if one := b.Opened(s); one != nil {
		return one, nil
	}
	// The first caller may leave; others wait for the same.
	result := b.opening.DoChan(s.UniqueID, func() (any, error) {
		return b.bind(s)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(Backend), nil
	case <-ctx.Done():
		return nil, midas.Errorf(midas.Unavailable, "the backend of server %s is not ready yet: %w", s.Name, ctx.Err()).
			WithHint("try again in a few seconds")
	}
}

// Opened returns the backend of a server if it is opened, also one that was stopped since.
func (b *Bindings) Opened(s midas.Server) Backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.bound[s.UniqueID]; one != nil {
		return one.backend
	}
	return nil
}

// binding returns a server's, locked.
func (b *Bindings) binding(s midas.Server) (*binding, error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil, midas.Errorf(midas.Unavailable, "the backends are closed").WithHint("midas is going down")
	}
	one := b.bound[s.UniqueID]
	if one == nil {
		one = &binding{server: s, borrowed: make(chan struct{}, borrowedAtOnce)}
		one.life, one.end = context.WithCancel(b.life)
		b.bound[s.UniqueID] = one
	}
	b.mu.Unlock()
	one.mu.Lock()
	return one, nil
}

func (b *Bindings) bind(s midas.Server) (Backend, error) {
	one, err := b.binding(s)
	if err != nil {
		return nil, err
	}
	defer one.mu.Unlock()
	ctx, cancel := context.WithTimeout(one.life, startTimeout)
	defer cancel()
	if opened := b.Opened(s); opened != nil {
		return opened, nil
	}
	if err := b.refusesStopped(s); err != nil {
		return nil, err
	}
	options, err := b.cfg.Options(ctx, s)
	if err != nil {
		return nil, err
	}
	opened, err := b.open(ctx, s, options)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	one.backend = opened
	return opened, nil
}

func (b *Bindings) open(ctx context.Context, s midas.Server, o backend.PrivateOptions) (Backend, error) {
	key, external, err := b.externalOf(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case external:
		one, err := b.External(ctx, key)
		if err == nil {
			err = b.claims.Claim(ctx, s.Name, one)
		}
		return one, err
	case b.cfg.Kind == EmbeddedBackends:
		return b.cfg.Embedded(ctx)
	case b.cfg.Kind == PrivateBackends:
		return b.private(ctx, s, o)
	}
	return nil, unbound(s.Name)
}

// private starts the private server of s. The oldest server keeps the one of a former midas.
func (b *Bindings) private(ctx context.Context, s midas.Server, o backend.PrivateOptions) (Backend, error) {
	first, err := b.IsFirst(ctx, s)
	if err != nil {
		return nil, err
	}
	if first {
		if _, err := b.fleet.TakeOver(s.UniqueID); err != nil {
			return nil, err
		}
	}
	return b.fleet.Open(ctx, s.UniqueID, o)
}

// Remove takes the backend of a server that was deleted back: a private server's data is removed
// for good, a database that somebody else runs is left as it is. It is safe to repeat.
func (b *Bindings) Remove(s midas.Server) error {
	b.mu.Lock()
	one := b.bound[s.UniqueID]
	delete(b.bound, s.UniqueID)
	namesake := false
	for _, other := range b.bound {
		namesake = namesake || one != nil && other.server.Name == one.server.Name
	}
	b.mu.Unlock()
	var err error
	if one != nil {
		one.end()
		one.mu.Lock()
		defer one.mu.Unlock()
		if one.backend != nil && one.backend.Dialect() == embeddedDialect {
			err = one.backend.Close()
		}
		if !namesake { // else the claim is that one's
			b.claims.Release(one.server.Name)
		}
	}
	return errors.Join(err, b.fleet.Remove(s.UniqueID), b.noteStopped(s, false))
}

// embeddedDialect is what an engine of this process says it is.
const embeddedDialect = "embedded"

// Close ends all backends.
func (b *Bindings) Close() error {
	b.end()
	b.mu.Lock()
	b.closed = true
	bound, external := b.bound, b.external
	b.bound, b.external = map[string]*binding{}, map[string]Backend{}
	b.mu.Unlock()
	var failed []error
	for _, one := range external {
		failed = append(failed, one.Close())
	}
	for _, one := range bound {
		one.mu.Lock()
		if one.backend != nil && one.backend.Dialect() == embeddedDialect {
			failed = append(failed, one.backend.Close())
		}
		one.mu.Unlock()
	}
	return errors.Join(append(failed, b.fleet.Close())...)
}
