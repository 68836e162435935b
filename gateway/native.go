package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/passwordthrottle"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/midas-mysql/midas/internal/wire"
)

// A name that is no AADUSER signs in with its own password, as on Azure, unless the
// server's parameter aad_auth_only is ON.
//
// Such a client has proved nothing until the backend takes its password, so it learns
// only that it was refused. And the backend sees the gateway, not the client: an account
// that it would let in for where it comes from (localhost), or as which user of the
// system (unix_socket), must not be let in for that. Store.Native tells which may.

// looksLikeToken tells a token, also one that a prompt has cut, from a password.
func looksLikeToken(secret []byte) bool { return bytes.HasPrefix(secret, []byte("eyJ")) }

// minRefusalTime is how long a refusal of a password takes at least, whatever the reason.
// The backend takes longer for some names than for others, and so do we.
const minRefusalTime = 100 * time.Millisecond

// passwordLimits are those of native accounts: an account takes its own password from everywhere,
// and is seldom a person's alone.
var passwordLimits = passwordthrottle.Limits{
	Pair:      passwordthrottle.Allowance{Burst: 10, Every: 10 * time.Second},
	LocalPair: passwordthrottle.Allowance{Burst: 20, Every: 2 * time.Second},
	Source:    passwordthrottle.PerSource,
	Account:   passwordthrottle.Allowance{Burst: 100, Every: 30 * time.Second},
	NewSource: 1,
}

// passwords signs in clients that send a password. Neither the answer nor its time tells a
// stranger which names exist, or whether the password was checked at all.
type passwords struct {
	choice   serverChoice
	backends *backends
	throttle *passwordthrottle.Throttle
	refusals *throttledlog.Log
	now      func() time.Time
}

func (p *passwords) run(ctx context.Context, c *client, password string) (signedIn, error) {
	began := time.Now()
	in, err := p.try(ctx, c, password)
	if err != nil {
		c.place.awaiting() // there is nothing left to do, so it may give way
		sleep(ctx, minRefusalTime-time.Since(began))
	}
	return in, err
}

// try checks the password, unless too many were wrong. That is looked at again when the turn
// has come: many guesses may have come at once.
func (p *passwords) try(ctx context.Context, c *client, password string) (signedIn, error) {
	server, user, unknown := p.choice.of(ctx, c)
	in := signedIn{server: server}
	if unknown != nil && outcomeOf(unknown) == midas.Undecided {
		return in, p.unreachable(server, unknown)
	}
	guess := p.throttle.Guess(c.source, server.UniqueID+"\x00"+user)
	if guess.Wait(p.now()) > 0 {
		return in, p.throttled(c, server)
	}
	give, ok := p.backends.underWay.byPassword(c.source.Party(), server)
	if !ok {
		return in, errBusy
	}
	defer give()
	leave, err := p.backends.about(server).checking.Enter(ctx, c.source.Party())
	if err != nil {
		return in, errBusy
	}
	defer leave()
	if guess.Wait(p.now()) > 0 {
		return in, p.throttled(c, server)
	}
	if unknown != nil {
		err = errDenied("password of a user of no known server: %v", unknown)
	}
	if err == nil {
		in, err = p.check(ctx, c, in, credentials{user, password})
	}
	var accepted wire.ERR
	switch {
	case midas.CodeOf(err) == midas.Unauthenticated:
		guess.Failed(p.now())
	case err == nil, errors.As(err, &accepted) && accepted.Code != mysqlerr.ConCount:
		guess.Succeeded(p.now())
	}
	return in, err
}

// throttled refuses a password unchecked.
func (p *passwords) throttled(c *client, server midas.Server) error {
	p.refusals.Warn(c.remote(), "passwords are refused unchecked: too many before were wrong", "source", c.source, "user", c.login.User, "server", server.Name)
	return errDenied("password refused unchecked: too many wrong ones from this source, or for this user from many sources")
}

// check asks the backend whether or not there is such an account, but for a name that may not
// sign in it asks about nobody: a server that locks accounts after so many wrong passwords
// must not lock an AADUSER, or midas itself, for what a stranger does.
func (p *passwords) check(ctx context.Context, c *client, in signedIn, as credentials) (signedIn, error) {
	if in.server.AADOnly {
		return in, errDenied("password refused: aad_auth_only is ON for server '%s'", in.server.Name)
	}
	var err error
	if in.backend, err = p.backends.of(ctx, in.server); err != nil {
		return in, p.unreachable(in.server, err)
	}
	eligible, err := nativeEligible(ctx, in, as.user, c.address())
	if err != nil {
		return in, p.unreachable(in.server, err)
	}
	h := hop{c, in.server, in.backend}
	var conn *backendConn
	if eligible {
		conn, err = dialAccount(ctx, h, as)
	} else {
		conn, err = dial(ctx, h, credentials{"midas_" + rand.Text()[:20], rand.Text()})
	}
	if err == nil && eligible {
		in.account, in.conn = account.Account{User: as.user}, conn
		return in, nil
	}
	if err == nil {
		conn.Close() // an anonymous account, which lets anybody in
	}
	return in, p.refusal(in.server, as.user, eligible, err)
}

// refusal is what the client is told; the backend's own words only where its password must
// have been right.
func (p *passwords) refusal(server midas.Server, user string, eligible bool, err error) error {
	var refused wire.ERR
	switch {
	case !eligible && (err == nil || refusedAccount(err) || errors.As(err, &refused)):
		return errDenied("password refused: '%s' is no account that is proved by a password", user)
	case errors.As(err, &refused) && slices.Contains(afterPassword, refused.Code):
		return refused
	case errors.As(err, &refused), refusedAccount(err):
		return errDenied("the database refused the password: %v", err)
	}
	return p.unreachable(server, err)
}

// afterPassword are refusals of a client whose password was right: no right to the database,
// no such database, too many connections, in all or of this account, an expired password,
// a server that takes no sessions now.
var afterPassword = []uint16{mysqlerr.DBAccessDenied, mysqlerr.BadDB, mysqlerr.ConCount, mysqlerr.TooManyUserConnections, mysqlerr.UserLimitReached, mysqlerr.MustChangePasswordLogin, mysqlerr.ServerOfflineMode}

// unreachable keeps from a stranger what is behind the gateway, and where.
func (p *passwords) unreachable(server midas.Server, err error) error {
	p.refusals.Error("", "passwords cannot be checked at server '"+server.Name+"'", "error", err, midas.HintAttr(err))
	return unreachablef("Can't connect to the database")
}

// nativeEligible tells whether user may sign in with a password from an address.
func nativeEligible(ctx context.Context, in signedIn, user string, from netip.Addr) (bool, error) {
	hosts, err := in.backend.accounts.Native(ctx, user)
	admin := in.server.Admin
	return len(hosts) > 0 && (admin == nil || user != admin.Login) && !slices.ContainsFunc(hosts, func(host string) bool { return !hostMatches(host, from) }), err
}
