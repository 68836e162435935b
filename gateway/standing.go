package gateway

import (
	"context"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/wire"
)

// A token lives on for hours after its identity was deleted, and a session for longer. So
// that deleting an identity or a server, or dropping an account, takes effect at once, all
// are asked for again: at each sign-in, and every few seconds for the sessions there are.

var (
	errIdentityGone = answerf(wire.CodeServerShutdown, "The session was ended: its identity was deleted")
	errServerGone   = answerf(wire.CodeServerShutdown, "The session was ended: its server was deleted")
	errAccountGone  = answerf(wire.CodeServerShutdown, "The session was ended: its AADUSER was dropped or renamed")
)

// standing is what a session that signed in with a token stands on.
type standing struct {
	principal midas.Principal
	server    midas.Server
	accounts  Accounts
	account   account.Account
}

// stand notes it, for the goroutine that asks again. A native session stands on nothing
// that midas knows.
func (s *session) stand() {
	if !s.proved() {
		s.standing.Store(nil)
		return
	}
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
		answers := map[string]*answer{} // of this round, by principal and account
		for s, on := range g.standings() {
			key := on.principal.Issuer + " " + on.principal.ObjectID + " " + on.account.Mapping
			gone, asked := answers[key]
			if !asked {
				gone = g.gone(ctx, on)
				answers[key] = gone
			}
			if gone != nil {
				g.Log.Info("session ended", "reason", gone.message, "account", on.account.String(), "oid", on.principal.ObjectID)
				s.evict(gone)
			}
		}
	}
}

func (g *Gateway) standings() map[*session]*standing {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[*session]*standing, len(g.sessions))
	for s := range g.sessions {
		if on := s.standing.Load(); on != nil {
			all[s] = on
		}
	}
	return all
}

// gone returns why a session is to end, or nil. Who cannot be asked ends none.
func (g *Gateway) gone(ctx context.Context, on *standing) *answer {
	ctx, cancel := context.WithTimeout(ctx, g.SignInTimeout)
	defer cancel()
	if exists, err := g.exists(ctx, on.principal); err == nil && !exists {
		return errIdentityGone
	}
	server, err := g.Servers.Server(ctx, on.server.Name)
	if midas.CodeOf(err) == midas.NotFound || err == nil && server.UniqueID != on.server.UniqueID {
		return errServerGone
	}
	if on.account.Admin {
		return nil // made anew at each sign-in, and never dropped by SQL alone
	}
	candidates, err := on.accounts.Lookup(ctx, on.account.User)
	if err != nil {
		return nil
	}
	for _, candidate := range candidates {
		if candidate.Mapping == on.account.Mapping {
			return nil
		}
	}
	return errAccountGone
}
