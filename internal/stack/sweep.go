package stack

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/midas-mysql/midas"
)

const (
	// sweepEvery is how long a statement at the backend that no gateway saw may leave an
	// account other than it should be: a dropped one with its row, or the account of a
	// deleted identity open to a password of its own.
	sweepEvery = 2 * time.Second
	// sweepsAtOnce keeps many servers from being asked all at once.
	sweepsAtOnce = 16
)

// sweepAccounts puts the accounts of all servers right, again and again until ctx ends. A backend
// that does not answer holds up no other's turn. Nothing here waits for a sign-in: an account may
// be open to somebody who needs none.
func (s *Stack) sweepAccounts(ctx context.Context) error {
	var (
		told    sync.Map // what was last said of a server, by unique id
		running sync.Map // by unique id
		sweeps  errgroup.Group
	)
	sweeps.SetLimit(sweepsAtOnce)
	defer sweeps.Wait()
	for {
		servers, err := s.directory.Servers(ctx)
		if err != nil {
			servers = nil // the next round asks again
		}
		for _, server := range servers {
			if _, is := running.LoadOrStore(server.UniqueID, true); is {
				continue
			}
			begun := sweeps.TryGo(func() error {
				defer running.Delete(server.UniqueID)
				why := ""
				err := s.sweepServer(ctx, server)
				if err != nil {
					why = err.Error()
				}
				if before, _ := told.Swap(server.UniqueID, why); why != "" && why != before && ctx.Err() == nil {
					s.warnUnchecked(ctx, server, err)
				}
				return nil
			})
			if !begun {
				running.Delete(server.UniqueID)
			}
		}
		if !pause(ctx, sweepEvery) {
			return nil
		}
	}
}

// sweepServer leaves a private server alone that does not run: nobody reaches its accounts, and a
// sweep must not start it.
func (s *Stack) sweepServer(ctx context.Context, server midas.Server) error {
	if !s.bindings.reachable(server) {
		return nil
	}
	store, err := s.account(ctx, server)
	switch {
	case midas.CodeOf(err) == midas.NotFound:
		return nil // it was deleted meanwhile
	case err != nil:
		return err
	}
	return store.Sweep(ctx)
}

// warnUnchecked logs err with its hint: an operator who has moved the database to another
// user sees no error but this one.
func (s *Stack) warnUnchecked(ctx context.Context, server midas.Server, err error) {
	s.log.WarnContext(ctx, "accounts cannot be checked for now", "server", server.Name, "error", err, midas.HintAttr(err))
}

// pause returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// administratorOf returns the administrator that a server has at the moment of the call.
func (s *Stack) administratorOf(name, uniqueID string) func(context.Context) (*midas.Administrator, error) {
	return func(ctx context.Context) (*midas.Administrator, error) {
		server, err := s.directory.Server(ctx, name)
		if err == nil && server.UniqueID != uniqueID {
			err = midas.Errorf(midas.NotFound, "server %s was deleted, and made again", name)
		}
		return server.Admin, err
	}
}
