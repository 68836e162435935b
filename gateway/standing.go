package gateway

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/wire"
)

// A token lives on for hours after its identity was deleted, and a session for longer. So
// that deleting an identity or a server, replacing an administrator, or dropping an account
// takes effect at once, all are asked for again: at each sign-in, and every few seconds for
// the sessions there are.

var (
	errIdentityGone = answerf(wire.CodeServerShutdown, "The session was ended: its identity was deleted")
	errServerGone   = answerf(wire.CodeServerShutdown, "The session was ended: its server was deleted")
	errAdminGone    = answerf(wire.CodeServerShutdown, "The session was ended: it was that of the server's Microsoft Entra administrator, which is another now")
	errAccountGone  = answerf(wire.CodeServerShutdown, "The session was ended: its AADUSER was dropped or renamed")
)

const (
	// lookupTimeout keeps a backend that does not answer from holding up the next round.
	lookupTimeout = 2 * time.Second
	lookupsAtOnce = 8
)

// standing is what a session stands on. A native one has a server alone.
type standing struct {
	principal midas.Principal
	server    midas.Server
	accounts  Accounts
	account   account.Account
}

func (s *session) stand() {
	s.standing.Store(&standing{s.principal, s.server, s.accounts, s.account})
}

// exists tells whether the identity plane still knows who the token is for. Nobody can be
// asked about the principals of other issuers.
func (g *Gateway) exists(ctx context.Context, p midas.Principal) (bool, error) {
	if g.Exists == nil {
		return true, nil
	}
	return g.Exists(ctx, p)
}

// recheck ends the sessions that stand on something that is gone, until ctx ends.
func (g *Gateway) recheck(ctx context.Context) {
	for sleep(ctx, g.Recheck) {
		// What the identity plane knows comes first: the backend may take its time.
		rest := map[string][]stander{}
		for key, those := range g.standings() {
			if gone := g.gone(ctx, those[0].on); gone != nil {
				g.end(those, gone)
			} else if on := those[0].on; on.account.Mapping != "" && !on.account.Admin {
				rest[key] = those
			}
		}
		var lookups errgroup.Group
		lookups.SetLimit(lookupsAtOnce)
		for _, those := range rest {
			lookups.Go(func() error {
				if g.dropped(ctx, those[0].on) {
					g.end(those, errAccountGone)
				}
				return nil
			})
		}
		_ = lookups.Wait() // none fails
	}
}

// stander is a session and what it stands on.
type stander struct {
	session *session
	on      *standing
}

// standings groups the sessions by what they stand on, so that each is asked for once.
func (g *Gateway) standings() map[string][]stander {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[string][]stander{}
	for s := range g.sessions {
		if on := s.standing.Load(); on != nil && s.evicted.Load() == nil {
			key := on.server.UniqueID + " " + on.account.Mapping + " " + on.principal.Issuer + " " + on.principal.ObjectID
			all[key] = append(all[key], stander{s, on})
		}
	}
	return all
}

// end ends those sessions that have not changed their user meanwhile.
func (g *Gateway) end(those []stander, why *answer) {
	for _, one := range those {
		if one.session.standing.Load() == one.on {
			g.Log.Info("session ended", "reason", why.message, "account", one.on.account.String(), "oid", one.on.principal.ObjectID)
			one.session.evict(why)
		}
	}
}

// gone returns why a session is to end, or nil. Who cannot be asked ends none.
func (g *Gateway) gone(ctx context.Context, on *standing) *answer {
	server, err := g.Servers.Server(ctx, on.server.Name)
	switch {
	case midas.CodeOf(err) == midas.NotFound, err == nil && server.UniqueID != on.server.UniqueID:
		return errServerGone
	case on.principal.Issuer == "":
		return nil // signed in with a password
	case err == nil && on.account.Admin && !administers(server, on.principal):
		return errAdminGone
	}
	if exists, err := g.exists(ctx, on.principal); err == nil && !exists {
		return errIdentityGone
	}
	return nil
}

// administers tells whether p is the administrator of server.
func administers(server midas.Server, p midas.Principal) bool {
	if server.Admin == nil {
		return false
	}
	asked := account.Account{User: server.Admin.Login, Host: "%", ID: server.Admin.ObjectID, Admin: true}
	return account.Admit(asked, p) == nil
}

// dropped tells whether the backend no longer has the session's account.
func (g *Gateway) dropped(ctx context.Context, on *standing) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	candidates, err := on.accounts.Lookup(ctx, on.account.User)
	if err != nil {
		return false
	}
	for _, candidate := range candidates {
		if candidate.Mapping == on.account.Mapping {
			return false
		}
	}
	return true
}
