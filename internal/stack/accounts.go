package stack

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/directory"
)

// account opens the account store of a server at its first use. Those who wait for
// one server's do not hold up those of another.
func (s *Stack) account(ctx context.Context, server midas.Server) (*account.Store, error) {
	if store, ok := s.stores.Load(server.UniqueID); ok {
		return store.(*account.Store), nil
	}
	store, err, _ := s.opening.Do(server.UniqueID, func() (any, error) {
		// The first caller may leave; others wait for the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
		defer cancel()
		s.dropBefore(ctx, server.Name)
		unsealed, err := s.directory.Unsealed(ctx, server.UniqueID)
		if err != nil {
			return nil, err // it was deleted meanwhile
		}
		behind, err := s.bindings.Backend(ctx, server)
		if err != nil {
			return nil, err
		}
		s.untouched.CompareAndSwap(server.UniqueID, true, false)
		store, err := s.openStore(ctx, behind, server, unsealed, true)
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
		if err := s.noteTakenOver(ctx, server, store.TookOthers()); err != nil {
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

// openStore opens the accounts of a server at its backend. One that is there may find those that
// a former midas kept for several servers at one backend; one that was deleted is to leave alone
// what is of others.
func (s *Stack) openStore(ctx context.Context, behind Backend, server midas.Server, unsealed, there bool) (*account.Store, error) {
	key, former, err := s.master.serverKeys(s.config.State, server.UniqueID)
	if err != nil {
		return nil, err
	}
	takenOver := false
	if there {
		if takenOver, err = s.takenOver(ctx, server); err != nil {
			return nil, err
		}
	}
	tenant, _ := s.directory.Tenant()
	own, known := behind.(*backend.Backend)
	return account.New(ctx, account.StoreConfig{
		DB: behind.DB(), Dialect: behind.Dialect(), ServerID: server.UniqueID, AdoptUnsealed: unsealed,
		Key: key, Former: account.Former{Keys: former, TakesOver: there, TakenOver: takenOver, Elsewhere: there}, Issuer: account.OwnIssuer, Tenant: tenant,
		Alone: known && own.IsPrivate(), Copies: s.copiesAt(behind), Directory: s.directory, Log: s.log,
		Administrator: s.administratorOf(server.Name, server.UniqueID),
	})
}

const (
	openTimeout = 10 * time.Second
	dropTimeout = 10 * time.Second // how long a deletion waits for the backend
	// beforeTimeout is short: a sign-in waits for it, and a backend that cannot drop
	// accounts now may serve that all the same.
	beforeTimeout = time.Second
)

// dropDeparted takes the backends of deleted servers back: with a private server its data goes,
// and in a database that somebody else runs the accounts are dropped. What cannot be done now is done
// soon after (see retryDepartures), or when a server is opened that has the same database; until then
// the accounts open to nobody, since no server has that id any more.
func (s *Stack) dropDeparted(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	s.drop(ctx, func(directory.DepartedServer) bool { return true })
}

// dropBefore does so for the servers that had the database of a server before: one of its name,
// or, with --backend URL, any. What they left would be in its way.
func (s *Stack) dropBefore(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, beforeTimeout)
	defer cancel()
	s.drop(ctx, func(d directory.DepartedServer) bool {
		return s.bindings.sameDatabase(d.Name, name)
	})
}

// drop does so side by side, and waits for them until ctx ends: the process of a private server
// may take long to end, and that is no reason for another's deletion to wait.
func (s *Stack) drop(ctx context.Context, which func(directory.DepartedServer) bool) {
	departed, err := s.directory.DepartedServers(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "cannot list the deleted servers", "error", err)
	}
	var pending []<-chan singleflight.Result
	for _, server := range departed {
		if !which(server) {
			continue
		}
		pending = append(pending, s.dropping.DoChan(server.UniqueID, func() (any, error) {
			err := s.dropServer(ctx, server)
			if err != nil { // each deletion asks about all of them, which those who may make servers can repeat
				s.refusals.Warn("", "what a deleted server named '"+server.Name+"' has at its backend stays for now",
					"id", server.UniqueID, "error", err, midas.HintAttr(err))
			}
			return nil, err
		}))
	}
	for _, one := range pending {
		select {
		case <-one:
		case <-ctx.Done():
		}
	}
}

func (s *Stack) dropServer(ctx context.Context, departed directory.DepartedServer) error {
	server := midas.Server{Name: departed.Name, UniqueID: departed.UniqueID}
	if err := s.bindings.Remove(server); err != nil {
		return err
	}
	if err := s.dropAccounts(ctx, server, departed.Unsealed); err != nil {
		return err
	}
	s.stores.Delete(server.UniqueID)
	s.untouched.Delete(server.UniqueID)
	s.rotating.Delete(server.UniqueID)
	return s.directory.ForgetServer(context.WithoutCancel(ctx), server.UniqueID)
}

// dropAccounts drops the accounts of a deleted server in a database that somebody else runs. Of
// others nothing is left but the copy of their rows.
func (s *Stack) dropAccounts(ctx context.Context, server midas.Server, unsealed bool) error {
	var behind Backend
	if untouched, _ := s.untouched.Load(server.UniqueID); untouched != true {
		var err error
		if behind, err = s.bindings.afterDeparture(ctx, server.Name); err != nil {
			return err
		}
	}
	if behind == nil {
		return errors.Join(s.copies.End(server.UniqueID), s.memory.End(server.UniqueID))
	}
	// A store that sessions still hold is the one to use: it makes no account afterwards.
	known, ok := s.stores.Load(server.UniqueID)
	if !ok {
		store, err := s.openStore(ctx, behind, server, unsealed, false)
		if errors.Is(err, account.ErrCopy) { // whom the accounts may open to no longer matters
			if _, err = s.copies.SetAside(server.UniqueID); err == nil {
				store, err = s.openStore(ctx, behind, server, unsealed, false)
			}
		}
		if err != nil {
			return err
		}
		known = store
	}
	return known.(*account.Store).Uninstall(ctx, false)
}

// departuresEvery is how long what is left of a deleted server may be in the way of one that has its
// name or database now: of its administrator, for one.
const departuresEvery = 15 * time.Second

// retryDepartures does again and again, until ctx ends, what deletions could not: the database did not
// answer, or had more to drop than they could wait for.
func (s *Stack) retryDepartures(ctx context.Context, every time.Duration) error {
	for pause(ctx, every) {
		ctx, cancel := context.WithTimeout(ctx, dropTimeout)
		s.drop(ctx, func(directory.DepartedServer) bool { return true })
		cancel()
	}
	return nil
}

// finishDepartures does at the start what an earlier run could not.
func (s *Stack) finishDepartures(ctx context.Context) error {
	s.dropDeparted(ctx)
	return nil
}
