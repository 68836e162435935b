package stack

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/statedir"
)

// ServerSettings are what the configuration file declares of a server.
type ServerSettings struct {
	Name string
	// Group is the resource group that the server must be in; "" for any. Without it those who may
	// make servers in any group can have what is declared, with the data that is there.
	Group   string
	Backend *ExternalBackend // nil: what Config.Backend says
	Listen  []string         // addresses that are this server's alone; none: it is reached at Config.MySQL
}

// ExternalBackend is a database that somebody else runs.
type ExternalBackend struct{ URL, Password string }

// externalOf tells by which name the database of a server is declared, if it is somebody else's.
func (b *Bindings) externalOf(ctx context.Context, s midas.Server) (key string, external bool, err error) {
	if err := b.admitsGroup(s.Name, groupOf(s)); err != nil {
		return "", false, err
	}
	if b.declared(s.Name) {
		return strings.ToLower(s.Name), true, nil
	}
	if b.cfg.First == nil {
		return "", false, nil
	}
	first, err := b.IsFirst(ctx, s)
	if err == nil && !first {
		err = unbound(s.Name)
	}
	return "", err == nil, err
}

func (b *Bindings) declared(name string) bool {
	_, declared := b.cfg.External[strings.ToLower(name)]
	return declared
}

// groupOf is the resource group in a server's ARM id.
func groupOf(s midas.Server) string {
	if parts := strings.Split(s.ResourceID, "/"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// admitsGroup tells why a server of that name cannot be in a resource group: what the operator
// declared for the one would else be had by all who may make servers in some other group.
func (b *Bindings) admitsGroup(name, group string) error {
	declared := b.cfg.Groups[strings.ToLower(name)]
	if declared == "" || strings.EqualFold(declared, group) {
		return nil
	}
	return midas.Errorf(midas.Invalid, "the name %s is kept for a server in another resource group", name).
		WithHint("give the server another name, or make it in the group that the configuration file of midas up says: servers: [{name: %s, resourceGroup: …}]", name)
}

func unbound(name string) error {
	return midas.Errorf(midas.Invalid, "server %s has no backend, and each server needs one of its own", name).
		WithHint("declare one in the configuration file: servers: [{name: %s, backend: {url: 'mysql://user@host:port'}}]", name)
}

// External returns the database that is declared for the server of that name, in lower case, or
// First for "". It is connected to once.
func (b *Bindings) External(ctx context.Context, name string) (Backend, error) {
	one, err, _ := b.opening.Do("external "+name, func() (any, error) {
		b.mu.Lock()
		known := b.external[name]
		b.mu.Unlock()
		if known != nil {
			return known, nil
		}
		declared, ok := b.cfg.External[name]
		if name == "" && b.cfg.First != nil {
			declared, ok = *b.cfg.First, true
		}
		if !ok {
			return nil, unbound(name)
		}
		opened, err := backend.External(ctx, backend.ExternalConfig{
			URL: declared.URL, Password: declared.Password, Known: statedir.KnownBackends(b.cfg.State), Log: b.cfg.Log,
		})
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.closed {
			return nil, errors.Join(midas.Errorf(midas.Unavailable, "the backends are closed"), opened.Close())
		}
		b.external[name] = opened
		return opened, nil
	})
	if err != nil {
		return nil, err
	}
	return one.(Backend), nil
}

// afterDeparture returns the database that a deleted server of that name had, when somebody else
// runs it; nil: it had another.
func (b *Bindings) afterDeparture(ctx context.Context, name string) (Backend, error) {
	switch {
	case b.declared(name):
		return b.External(ctx, strings.ToLower(name))
	case b.cfg.First != nil:
		return b.External(ctx, "")
	}
	return nil, nil
}

// sameDatabase tells whether a server has the database, which somebody else runs, that another one
// had before it.
func (b *Bindings) sameDatabase(former, name string) bool {
	if b.declared(former) || b.declared(name) {
		return b.declared(name) && strings.EqualFold(former, name)
	}
	return b.cfg.First != nil
}

// IsFirst tells whether s is the oldest server without a declaration: it has what --backend URL
// names, and keeps the private server that a former midas had for all.
func (b *Bindings) IsFirst(ctx context.Context, s midas.Server) (bool, error) {
	all, err := b.cfg.Servers(ctx)
	for _, one := range all {
		if !b.declared(one.Name) {
			return strings.EqualFold(one.UniqueID, s.UniqueID), err
		}
	}
	return false, err
}

// Admit tells why a server of that name that is to be made in a group could have no backend:
// Invalid, with the way to declare one, or Conflict where midas runs as many as it may.
func (b *Bindings) Admit(ctx context.Context, group, name string) error {
	if err := b.admitsGroup(name, group); err != nil {
		return err
	}
	if b.declared(name) {
		return nil
	}
	all, err := b.cfg.Servers(ctx)
	if err != nil || slices.ContainsFunc(all, func(one midas.Server) bool { return strings.EqualFold(one.Name, name) }) {
		return err // it is there, and has what it has
	}
	return b.room(name, b.undeclared(all))
}

// AdmitMade tells why a server that was made since Admit is one too many: of those that are made
// at once Admit lets all pass. The oldest stay.
func (b *Bindings) AdmitMade(ctx context.Context, s midas.Server) error {
	if b.declared(s.Name) {
		return nil
	}
	all, err := b.cfg.Servers(ctx)
	if err != nil {
		return err
	}
	older := b.undeclared(all)
	if at := slices.IndexFunc(older, func(one midas.Server) bool { return one.UniqueID == s.UniqueID }); at >= 0 {
		older = older[:at]
	}
	return b.room(s.Name, older)
}

// undeclared takes the servers that a declaration is for from among all.
func (b *Bindings) undeclared(all []midas.Server) []midas.Server {
	return slices.DeleteFunc(all, func(one midas.Server) bool { return b.declared(one.Name) })
}

// room tells why a server without a declaration has no place beside others of that kind.
func (b *Bindings) room(name string, others []midas.Server) error {
	switch {
	case b.cfg.First != nil && len(others) == 0:
		return nil
	case b.cfg.First != nil, b.cfg.Kind == NoBackends:
		return unbound(name)
	case len(others) >= b.cfg.Max:
		return midas.Errorf(midas.Conflict, "there are %d servers whose database midas runs itself, and no more are allowed", len(others)).
			WithHint("delete one that nobody needs, or give midas up a higher --max-servers")
	}
	return nil
}
