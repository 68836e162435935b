package stack

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

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

// ExternalBackend is a database that somebody else runs.
type ExternalBackend struct{ URL, Password string }

// BindingsConfig says which backend a server gets.
type BindingsConfig struct {
	Kind  string // of servers without a declaration
	State string // directory of the state
	// External are declared, by the server's name.
	External map[string]ExternalBackend
	// First is for the oldest server (--backend URL); nil for none. Then others need a
	// declaration.
	First *ExternalBackend
	// Oldest returns the unique id of the oldest server that there is: it keeps what a former
	// midas had for all. "" for none.
	Oldest func(ctx context.Context) (serverID string, err error)
	// Password is the service account's at the private server of a server.
	Password func(serverID string) string
	// Embedded starts an engine; nil in a build without it.
	Embedded func(ctx context.Context) (Backend, error)
	Log      *slog.Logger
}

// Bindings gives each server the backend that is its own, started when it is first needed, and
// keeps two servers from one.
type Bindings struct {
	cfg    BindingsConfig
	fleet  *backend.Fleet
	claims backend.Claims

	mu    sync.Mutex
	bound map[string]*binding // by unique id
}

// binding is one server's.
type binding struct {
	mu      sync.Mutex // held while the backend is opened
	backend Backend    // nil: not yet
	private bool       // the fleet closes it
}

// NewBindings returns bindings of which nothing is opened.
func NewBindings(cfg BindingsConfig) (*Bindings, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	fleet, err := backend.NewFleet(backend.FleetConfig{
		Dir: filepath.Join(cfg.State, statedir.BackendDir), Password: cfg.Password, Log: cfg.Log,
	})
	return &Bindings{cfg: cfg, fleet: fleet, bound: map[string]*binding{}}, err
}

// Backend returns the backend of a server, with options for a private one that starts now. It is
// Invalid for a server that has none, with the way to declare one, and Conflict for one whose
// backend another server has.
func (b *Bindings) Backend(ctx context.Context, s midas.Server, o backend.PrivateOptions) (Backend, error) {
	b.mu.Lock()
	one := b.bound[s.UniqueID]
	if one == nil {
		one = &binding{}
		b.bound[s.UniqueID] = one
	}
	b.mu.Unlock()
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.backend != nil {
		return one.backend, nil
	}
	opened, private, err := b.open(ctx, s, o)
	if err != nil {
		return nil, err
	}
	if !private && opened.Dialect() != embeddedDialect {
		if err := b.claims.Claim(ctx, s.Name, opened); err != nil {
			_ = opened.Close()
			return nil, err
		}
	}
	one.backend, one.private = opened, private
	return opened, nil
}

// embeddedDialect is what an engine of this process says it is: no two are one.
const embeddedDialect = "embedded"

func (b *Bindings) open(ctx context.Context, s midas.Server, o backend.PrivateOptions) (opened Backend, private bool, err error) {
	external, declared := b.cfg.External[strings.ToLower(s.Name)]
	if !declared && b.cfg.First != nil {
		first, err := b.IsFirst(ctx, s)
		if err != nil {
			return nil, false, err
		}
		if !first {
			return nil, false, unbound(s)
		}
		external, declared = *b.cfg.First, true
	}
	switch {
	case declared:
		one, err := backend.External(ctx, backend.ExternalConfig{
			URL: external.URL, Password: external.Password, Known: statedir.KnownBackends(b.cfg.State), Log: b.cfg.Log,
		})
		if err != nil {
			return nil, false, err
		}
		return one, false, nil
	case b.cfg.Kind == EmbeddedBackends && b.cfg.Embedded != nil:
		opened, err = b.cfg.Embedded(ctx)
		return opened, false, err
	case b.cfg.Kind == PrivateBackends:
		one, err := b.private(ctx, s, o)
		if err != nil {
			return nil, false, err
		}
		return one, true, nil
	}
	return nil, false, unbound(s)
}

func unbound(s midas.Server) error {
	return midas.Errorf(midas.Invalid, "server %s has no backend, and each server needs one of its own", s.Name).
		WithHint("declare one in the configuration file: servers: [{name: %s, backend: {url: 'mysql://user@host:port'}}]", s.Name)
}

// private starts the private server of s. The oldest server keeps the one of a former midas.
func (b *Bindings) private(ctx context.Context, s midas.Server, o backend.PrivateOptions) (*backend.Backend, error) {
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

// IsFirst tells whether s keeps the backend that a former midas had for all servers
// (account.Former.TakesOver); the accounts of all others are made anew at their own
// (account.Former.Elsewhere).
func (b *Bindings) IsFirst(ctx context.Context, s midas.Server) (bool, error) {
	oldest, err := b.cfg.Oldest(ctx)
	return strings.EqualFold(oldest, s.UniqueID), err
}

// Remove takes the backend of a server that was deleted back: a private server's data is removed
// for good, a database that somebody else runs is left as it is. It is safe to repeat.
func (b *Bindings) Remove(s midas.Server) error {
	b.mu.Lock()
	one := b.bound[s.UniqueID]
	delete(b.bound, s.UniqueID)
	b.mu.Unlock()
	var err error
	if one != nil {
		one.mu.Lock()
		defer one.mu.Unlock()
		if one.backend != nil && !one.private {
			err = one.backend.Close()
		}
	}
	b.claims.Release(s.Name)
	return errors.Join(err, b.fleet.Remove(s.UniqueID))
}

// Close ends all backends.
func (b *Bindings) Close() error {
	b.mu.Lock()
	bound := b.bound
	b.bound = map[string]*binding{}
	b.mu.Unlock()
	var failed []error
	for _, one := range bound {
		one.mu.Lock()
		if one.backend != nil && !one.private {
			failed = append(failed, one.backend.Close())
		}
		one.mu.Unlock()
	}
	return errors.Join(append(failed, b.fleet.Close())...)
}
