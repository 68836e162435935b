package stack

import (
	"context"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
)

const (
	// sweepEvery is how long a statement at the backend that no gateway saw may leave an
	// account other than it should be: a dropped one with its row, or the account of a
	// deleted identity open to a password of its own.
	sweepEvery = 2 * time.Second
	// sweepPause keeps many servers from asking all at once.
	sweepPause = 5 * time.Millisecond
)

// sweepAccounts puts the accounts of all servers right, again and again until ctx ends.
// Nothing here waits for a sign-in: an account may be open to somebody who needs none.
func (s *Stack) sweepAccounts(ctx context.Context) error {
	told := map[string]string{} // what was last said of a server
	for {
		servers, err := s.directory.Servers(ctx)
		if err != nil {
			servers = nil // the next round asks again
		}
		look, err := account.LookAt(ctx, s.backend.DB(), s.backend.Dialect())
		if err != nil {
			look = nil // each store says what is wrong, and mends what it can
		}
		for _, server := range servers {
			why := ""
			asked, err := s.sweepServer(ctx, server, look)
			if err != nil {
				why = err.Error()
			}
			if why != "" && why != told[server.UniqueID] && ctx.Err() == nil {
				s.warnUnchecked(ctx, server, err)
			}
			told[server.UniqueID] = why
			if asked && !pause(ctx, sweepPause) || ctx.Err() != nil {
				return nil
			}
		}
		if !pause(ctx, sweepEvery) {
			return nil
		}
	}
}

// sweepServer tells whether it asked the backend.
func (s *Stack) sweepServer(ctx context.Context, server midas.Server, look *account.Look) (asked bool, err error) {
	store, err := s.account(ctx, server)
	switch {
	case midas.CodeOf(err) == midas.NotFound:
		return false, nil // it was deleted meanwhile
	case err != nil:
		return true, err
	case look == nil:
		return true, store.Sweep(ctx)
	}
	return store.SweepAfter(ctx, look)
}

// warnUnchecked logs err with its hint: an operator who has moved the database to another
// user sees no error but this one.
func (s *Stack) warnUnchecked(ctx context.Context, server midas.Server, err error) {
	said := []any{"server", server.Name, "error", err}
	if hint := midas.HintOf(err); hint != "" {
		said = append(said, "hint", hint)
	}
	s.log.WarnContext(ctx, "accounts cannot be checked for now", said...)
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
