package gateway

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/lane"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// signIns signs clients in, with a token or a password, to the backend of the server that
// they name.
type signIns struct {
	verifier  midas.Verifier
	plane     *plane
	choice    serverChoice
	backends  *backends
	tokens    *lane.Lane[netip.Prefix] // the sign-ins by token under way
	passwords *passwords
	shares    *shares // of the sessions that sign-ins come to
	refusals  *throttledlog.Log
	timeout   time.Duration
}

// run signs a client in with what it sent for a password. When it fails, the value says how
// far the sign-in came, for the audit log.
func (s *signIns) run(ctx context.Context, c *client, secret []byte) (in signedIn, err error) {
	if looksLikeToken(secret) {
		in, err = s.withToken(ctx, c, secret)
	} else {
		in, err = s.passwords.run(ctx, c, string(secret))
	}
	if err != nil {
		return in, err
	}
	give, ok := s.shares.take(in.server)
	if !ok {
		in.conn.Close()
		s.refusals.Warn("", "sign-ins are refused at server '"+in.server.Name+"': it has its share of the sessions that midas serves at once", "setting", "--max-sessions")
		return in, answerf(mysqlerr.ConCount, "Too many connections: server '%s' has its share of the sessions that midas serves at once", in.server.Name)
	}
	in.conn.share = give
	return in, nil
}

// withToken signs in with a token when its turn has come: to be proved, and then, among those of the
// same server, to be let in. A backend may not answer, and keeps those of other servers waiting
// for nothing.
func (s *signIns) withToken(ctx context.Context, c *client, token []byte) (signedIn, error) {
	began := time.Now()
	leave, err := s.tokens.Enter(ctx, c.source.Party())
	if err != nil {
		return signedIn{}, errBusy
	}
	defer leave()
	in, who, err := s.prove(ctx, c, token)
	leave()
	switch {
	case err != nil && ctx.Err() != nil && !in.proved():
		return in, errBusy // its turn came too late
	case err != nil:
		return in, err
	}
	give, ok := s.backends.underWay.byToken(c.source.Party(), in.server)
	if !ok {
		return in, errServerBusy
	}
	defer give()
	in, who, late, err := s.admitInTurn(ctx, c, in, who, began)
	switch {
	case err != nil && ctx.Err() != nil && late:
		return in, errBusy
	case err != nil:
		return in, err
	}
	return s.enterInTurn(ctx, c, in, who)
}

// admitInTurn finds the account when the turn of the client's address has come at the server. late
// tells whether that took long.
func (s *signIns) admitInTurn(ctx context.Context, c *client, in signedIn, who applicant, began time.Time) (_ signedIn, _ applicant, late bool, err error) {
	leave, err := s.backends.about(in.server).admitting.Enter(ctx, c.source.Party())
	if err != nil {
		return in, who, true, errBusy
	}
	defer leave()
	late = time.Since(began) > s.timeout/2
	if in.backend, err = s.backends.of(ctx, in.server); err != nil {
		return in, who, late, err
	}
	who.accounts = in.backend.accounts
	in.account, err = who.admit(ctx)
	return in, who, late, err
}

// enterInTurn is enter when the account's turn at its backend has come.
func (s *signIns) enterInTurn(ctx context.Context, c *client, in signedIn, who applicant) (signedIn, error) {
	leave, err := in.backend.learned.entering.Enter(ctx, accountAt{in.account.Mapping, c.source.Party()})
	if errors.Is(err, lane.ErrFull) {
		return in, errAccountBusy
	}
	if err != nil {
		return in, errBusy
	}
	defer leave()
	return s.enter(ctx, c, in, who)
}

// prove finds out which principal the token proves, and to which server it is to be let in.
// Until the token has been verified nothing is looked up: neither the answer nor its time
// tells a stranger which names exist.
func (s *signIns) prove(ctx context.Context, c *client, token []byte) (in signedIn, who applicant, err error) {
	in.principal, err = s.verifier.Verify(ctx, string(token))
	if err != nil {
		return signedIn{}, who, err
	}
	now, exists, err := s.plane.principal(ctx, in.principal)
	in.principal = now
	switch {
	case err != nil:
		return in, who, err
	case !exists:
		return in, who, publicly("the identity that the token is for was deleted (object id %s)", now.ObjectID)
	}
	server, user, err := s.choice.of(ctx, c)
	if err != nil {
		return in, who, err
	}
	in.server = server
	if server.Admin == nil {
		return in, who, publicly("server '%s' has no Microsoft Entra administrator, and without one nobody signs in with a token", server.Name).
			WithHint("az mysql flexible-server ad-admin create")
	}
	return in, applicant{
		principal: now, server: server, user: user, address: c.address(),
		misspelt: func(ctx context.Context) string { return s.choice.misspelt(ctx, c) },
	}, nil
}

// entries is how often the backend is asked to let a session in at most. Each try after the
// second follows a change of the account's password by somebody: one who changes it over and
// over has to be faster than all of them.
const entries = 8

// enter signs in to the backend as the account that was found. When the backend refuses it,
// its secret is set again: a user who changed it, or a master key that did, locks nobody out.
// Then the account is looked up again, since it may have been dropped, or got a secret of
// another generation, since it was remembered.
func (s *signIns) enter(ctx context.Context, c *client, in signedIn, who applicant) (signedIn, error) {
	var refusal error
	for try := range entries {
		var err error
		in.conn, err = dialAccount(ctx, hop{c, in.server, in.backend}, credentials{in.account.User, in.backend.accounts.Secret(in.account)})
		if !refusedAccount(err) && !lockedAccount(err) {
			return in, err
		}
		refusal = err
		changed, err := in.backend.reassert(ctx, in.account, s.timeout)
		if err != nil {
			return in, err
		}
		// After the first refusal another sign-in may have set the secret already.
		if !changed && try > 0 {
			break
		}
		if in.account, err = who.admit(ctx); err != nil {
			return in, err
		}
	}
	if refusedAccount(refusal) {
		return in, answerf(mysqlerr.AccessDenied, "%s: the database refuses account %s from the gateway (its host must match the gateway's address, no account with a more specific host may match before it, such as an anonymous ''@'localhost', and it must need no certificate): %v",
			c.denied(), in.account, refusal)
	}
	return in, refusal
}
