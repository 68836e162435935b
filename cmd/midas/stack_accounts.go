package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/directory"
)

// account opens the account store of a server at its first use. Those who wait for
// one server's do not hold up those of another.
func (s *stack) account(ctx context.Context, server midas.Server) (*account.Store, error) {
	if store, ok := s.stores.Load(server.UniqueID); ok {
		return store.(*account.Store), nil
	}
	store, err, _ := s.opening.Do(server.UniqueID, func() (any, error) {
		// The first caller may leave; others wait for the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
		defer cancel()
		s.dropNamesake(ctx, server.Name)
		unsealed, err := s.directory.Unsealed(ctx, server.UniqueID)
		if err != nil {
			return nil, err // it was deleted meanwhile
		}
		store, err := s.openStore(ctx, server.Name, server.UniqueID, unsealed)
		if err == nil && unsealed {
			err = s.directory.Seal(ctx, server.UniqueID)
		}
		if err != nil {
			return nil, err
		}
		// From here on a deletion finds the store; one that came before has not.
		s.stores.Store(server.UniqueID, store)
		if _, err := s.directory.Unsealed(ctx, server.UniqueID); err != nil {
			s.stores.Delete(server.UniqueID)
			return nil, err
		}
		return store, nil
	})
	if err != nil {
		return nil, err
	}
	return store.(*account.Store), nil
}

func (s *stack) openStore(ctx context.Context, name, serverID string, unsealed bool) (*account.Store, error) {
	return account.New(ctx, account.StoreConfig{
		DB: s.backend.DB(), Dialect: s.backend.Dialect(), ServerID: serverID, AdoptUnsealed: unsealed,
		Deriver: s.accountDeriver(), Copies: s.copies, Turns: s.turns, Directory: s.directory, Log: s.Log,
		Administrator: s.administratorOf(name, serverID),
	})
}

const (
	openTimeout = 10 * time.Second
	dropTimeout = 10 * time.Second // how long a deletion waits for the backend
	// namesakeTimeout is short: somebody waits to sign in, whom a backend that cannot
	// drop accounts now may serve all the same.
	namesakeTimeout = time.Second
)

// dropDeparted drops the accounts that deleted servers left on the backend. What cannot
// be dropped now is when the next server is deleted, when one of that name is opened, or
// at the next start; until then it opens to nobody, since no server has that id any more.
func (s *stack) dropDeparted(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	s.drop(ctx, func(directory.DepartedServer) bool { return true })
}

// dropNamesake does so for the servers that had a name before. One may have been made
// again while the backend did not answer: what the former left would be in its way.
func (s *stack) dropNamesake(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, namesakeTimeout)
	defer cancel()
	s.drop(ctx, func(d directory.DepartedServer) bool { return strings.EqualFold(d.Name, name) })
}

func (s *stack) drop(ctx context.Context, which func(directory.DepartedServer) bool) {
	departed, err := s.directory.DepartedServers(ctx)
	if err != nil {
		s.Log.WarnContext(ctx, "cannot list the deleted servers", "error", err)
	}
	for _, server := range departed {
		if !which(server) {
			continue
		}
		if err := s.dropServer(ctx, server); err != nil {
			s.Log.WarnContext(ctx, "accounts of a deleted server stay on the backend for now",
				"server", server.Name, "id", server.UniqueID, "error", err)
		}
	}
}

func (s *stack) dropServer(ctx context.Context, server directory.DepartedServer) error {
	// A store that sessions still hold is the one to use: it makes no account afterwards.
	known, ok := s.stores.Load(server.UniqueID)
	if !ok {
		store, err := s.openStore(ctx, server.Name, server.UniqueID, server.Unsealed)
		if errors.Is(err, account.ErrCopy) { // whom the accounts may open to no longer matters
			if _, err = s.copies.SetAside(server.UniqueID); err == nil {
				store, err = s.openStore(ctx, server.Name, server.UniqueID, server.Unsealed)
			}
		}
		if err != nil {
			return err
		}
		known = store
	}
	err := known.(*account.Store).Uninstall(ctx, false)
	if err == nil {
		s.stores.Delete(server.UniqueID)
		err = s.directory.ForgetServer(ctx, server.UniqueID)
	}
	return err
}

// finishDepartures does at the start what an earlier run could not.
func (s *stack) finishDepartures(ctx context.Context) error {
	s.dropDeparted(ctx)
	return nil
}
