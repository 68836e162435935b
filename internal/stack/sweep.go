package stack

import (
	"context"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
)

const (
	// sweepEvery is how long a statement at the backend that no gateway saw may leave an
	// account other than it should be: a dropped one with its row, or the account of a
	// deleted identity open to a password of its own.
	sweepEvery = 2 * time.Second
	// sweepsAtOnce keeps many servers from being asked all at once.
	sweepsAtOnce = 16
	// sweepLag is how long a sweep has its place among those. A usual one takes milliseconds.
	sweepLag = time.Second
)

// sweepAccounts puts the accounts of all servers right, again and again until ctx ends. A backend
// that does not answer holds up no other's turn. Nothing here waits for a sign-in: an account may
// be open to somebody who needs none.
func (s *Stack) sweepAccounts(ctx context.Context) error {
	var told sync.Map // what was last said of a server, by unique id
	sweeps := newTurns(func(ctx context.Context, server midas.Server) {
		why := ""
		err := s.sweepServer(ctx, server)
		if err != nil {
			why = err.Error()
		}
		if before, _ := told.Swap(server.UniqueID, why); why != "" && why != before && ctx.Err() == nil {
			s.warnUnchecked(ctx, server, err)
		}
	})
	defer sweeps.all.Wait()
	for {
		servers, err := s.directory.Servers(ctx)
		if err != nil {
			servers = nil // the next round asks again
		}
		sweeps.begin(ctx, servers)
		if !pause(ctx, sweepEvery) {
			return nil
		}
	}
}

// turns gives every server its turn, however many there are. An administrator can have the backend
// of their own server answer late, and a Contributor can make many such servers. A sweep therefore
// leaves its place to the next server after sweepLag, though it goes on, and a server that was late
// waits with others that were.
type turns struct {
	sweep         func(context.Context, midas.Server)
	prompt, late  chan struct{} // a place for each that is filled
	running, lags sync.Map      // by unique id
	all           sync.WaitGroup
}

func newTurns(sweep func(context.Context, midas.Server)) *turns {
	return &turns{sweep: sweep, prompt: make(chan struct{}, sweepsAtOnce), late: make(chan struct{}, sweepsAtOnce)}
}

// begin lets those servers queue whose last turn is over.
func (t *turns) begin(ctx context.Context, servers []midas.Server) {
	for _, server := range servers {
		if _, is := t.running.LoadOrStore(server.UniqueID, true); is {
			continue
		}
		t.all.Go(func() {
			defer t.running.Delete(server.UniqueID)
			t.take(ctx, server)
		})
	}
}

func (t *turns) take(ctx context.Context, server midas.Server) {
	places := t.prompt
	if _, lags := t.lags.Load(server.UniqueID); lags {
		places = t.late
	}
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return
	}
	leave := sync.OnceFunc(func() { <-places })
	defer leave()
	lag := time.AfterFunc(sweepLag, func() {
		t.lags.Store(server.UniqueID, true)
		leave()
	})
	t.sweep(ctx, server)
	if lag.Stop() {
		t.lags.Delete(server.UniqueID)
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
