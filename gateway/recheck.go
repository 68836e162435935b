package gateway

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// A token lives on for hours after its identity was deleted or left a group, and a session
// for longer. What admitted a session is therefore checked at each sign-in and every few
// seconds afterwards: the directory for the sessions that its feed names, the backend once
// for all sessions of a server.

var (
	errIdentityGone = answerf(mysqlerr.ServerShutdown, "The session was ended: its identity was deleted")
	errServerGone   = answerf(mysqlerr.ServerShutdown, "The session was ended: its server was deleted")
	errAdminGone    = answerf(mysqlerr.ServerShutdown, "The session was ended: its server has another Microsoft Entra administrator now")
	errGroupLeft    = answerf(mysqlerr.ServerShutdown, "The session was ended: its identity is no longer in the group that it signed in by")
	errTokensOnly   = answerf(mysqlerr.ServerShutdown, "The session was ended: its server takes no passwords any more (aad_auth_only)")
	errAccountGone  = answerf(mysqlerr.ServerShutdown, "The session was ended: its AADUSER was dropped or renamed")
)

// maxInventoryAge is how old a store's last look at its accounts may be.
const maxInventoryAge = time.Second

// recheck ends the sessions whose basis is gone.
type recheck struct {
	sessions *sessions
	plane    *plane
	feed     midas.Feed
	every    time.Duration
	log      *slog.Logger
}

// run checks all sessions again and again, until ctx ends. An administrator can have the backend
// of their own server answer late, and a Contributor can make many such servers: no round waits
// for a backend, and each has one look at a time.
func (r *recheck) run(ctx context.Context) {
	var (
		revision uint64
		looking  sync.Map // by the server's unique id
		lookups  sync.WaitGroup
	)
	defer lookups.Wait()
	for sleep(ctx, r.every) {
		changed := r.changesSince(ctx, &revision)
		rest := map[string][]candidate{}
		for _, same := range r.unconfirmed(changed, rest) {
			r.checkDirectory(ctx, same)
		}
		for server, those := range rest {
			if _, is := looking.LoadOrStore(server, true); is {
				continue
			}
			lookups.Go(func() {
				defer looking.Delete(server)
				r.checkBackend(ctx, those, maxInventoryAge)
			})
		}
	}
}

// changeSet is what a session's basis is compared with; nil stands for everything.
type changeSet map[midas.Change]struct{}

// changesSince returns what changed after revision, and moves it on.
func (r *recheck) changesSince(ctx context.Context, revision *uint64) changeSet {
	if r.feed == nil {
		return nil
	}
	changes, upTo, err := r.feed.Changes(ctx, *revision)
	if err != nil {
		return nil // and the same changes again in the next round
	}
	*revision = upTo
	set := changeSet{}
	for _, c := range changes {
		if c.Kind == midas.ChangeAll {
			return nil
		}
		set[midas.Change{Kind: c.Kind, ID: c.ID}] = struct{}{}
	}
	return set
}

func (c changeSet) has(kind midas.ChangeKind, id string) bool {
	_, found := c[midas.Change{Kind: kind, ID: strings.ToLower(id)}]
	return found
}

// touch tells whether one of the changes is about the basis.
func (c changeSet) touch(b *sessionBasis) bool {
	if c == nil {
		return true
	}
	return len(c) > 0 && (c.has(midas.ChangeServer, b.server.ResourceID) || c.has(midas.ChangePrincipal, b.principal.ObjectID) ||
		b.asMember && slices.ContainsFunc(b.groups, func(id string) bool { return c.has(midas.ChangeGroup, id) }))
}

// candidate is a session that may have to end, and what admitted it.
type candidate struct {
	session *handle
	basis   *sessionBasis
}

// unconfirmed returns the sessions whose basis is to be checked in the directory, grouped by
// basis, so that each is checked once. All that have an AADUSER go to byServer.
func (r *recheck) unconfirmed(changed changeSet, byServer map[string][]candidate) map[string][]candidate {
	byBasis := map[string][]candidate{}
	r.sessions.each(func(s *handle) {
		b := s.basis.Load()
		if b == nil || s.evicted.Load() != nil {
			return
		}
		if b.isAADUSER() {
			byServer[b.server.UniqueID] = append(byServer[b.server.UniqueID], candidate{s, b})
		}
		if !b.confirmed || changed.touch(b) {
			b.confirmed = false
			key := b.server.UniqueID + " " + b.account.Mapping + " " + b.principal.Issuer + " " + b.principal.ObjectID
			byBasis[key] = append(byBasis[key], candidate{s, b})
		}
	})
	return byBasis
}

// of returns the sessions that have an AADUSER of a server.
func (r *recheck) of(server midas.Server) (those []candidate) {
	r.sessions.each(func(s *handle) {
		if b := s.basis.Load(); b != nil && s.evicted.Load() == nil && b.isAADUSER() && b.server.UniqueID == server.UniqueID {
			those = append(those, candidate{s, b})
		}
	})
	return those
}

// isAADUSER tells the accounts that the backend may lose, and an administrator's are not.
func (b *sessionBasis) isAADUSER() bool { return b.account.Mapping != "" && !b.account.Admin }

// byPassword tells the accounts of the backend's own.
func (b *sessionBasis) byPassword() bool { return b.principal.Issuer == "" }

// checkDirectory ends sessions of one basis. If a lookup fails they are kept, and checked
// again in the next round.
func (r *recheck) checkDirectory(ctx context.Context, same []candidate) {
	now, why, err := r.gone(ctx, same[0].basis)
	switch {
	case err != nil:
	case why != nil:
		r.end(same, why)
	default:
		for _, one := range same {
			// Another group may be the way to the one that admitted it.
			one.basis.confirmed, one.basis.groups = true, now.Groups
		}
	}
}

// end ends those sessions that have not changed their user meanwhile.
func (r *recheck) end(those []candidate, why *answer) {
	for _, one := range those {
		if one.session.basis.Load() == one.basis {
			r.log.Info("session ended", "reason", why.message, "account", one.basis.account.String(), "oid", one.basis.principal.ObjectID)
			one.session.evict(why)
		}
	}
}

// gone returns why a session is to end, or nil, and its principal as it is now.
func (r *recheck) gone(ctx context.Context, b *sessionBasis) (now midas.Principal, why *answer, err error) {
	server, err := r.plane.Server(ctx, b.server.Name)
	switch {
	case midas.CodeOf(err) == midas.NotFound, err == nil && server.UniqueID != b.server.UniqueID:
		return now, errServerGone, nil
	case err == nil && b.byPassword() && server.AADOnly:
		// A former administrator's native account could keep a lock that keeps out the next.
		return now, errTokensOnly, nil
	case err != nil || b.byPassword():
		return now, nil, err
	case b.account.Admin && !administers(server, b.principal):
		return now, errAdminGone, nil
	}
	now, exists, err := r.plane.principal(ctx, b.principal)
	switch {
	case err != nil:
		return now, nil, err
	case !exists:
		return now, errIdentityGone, nil
	case b.account.Admin && !administers(server, now), !b.account.Admin && account.Admit(b.account, now) != nil:
		return now, errGroupLeft, nil
	}
	return now, nil, nil
}

// checkBackend ends the sessions of one server whose account its backend no longer has. If
// the lookup fails they are kept. The store's last look will do when it is at most maxAge old.
func (r *recheck) checkBackend(ctx context.Context, those []candidate, maxAge time.Duration) {
	if len(those) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	live, at, err := those[0].basis.backend.accounts.Live(ctx, maxAge)
	if err != nil {
		return
	}
	var dropped []candidate
	for _, one := range those {
		b := one.basis
		found, there := live[b.account.Mapping]
		if b.since.Before(at) && (!there || found.User != b.account.User || found.Host != b.account.Host) {
			dropped = append(dropped, one)
		}
	}
	r.end(dropped, errAccountGone)
}

// sleep reports false when ctx ends before the time is over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
