package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
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

// errDenied is a refusal with its reason for the log alone.
func errDenied(format string, args ...any) error {
	return midas.Errorf(midas.Unauthenticated, format, args...)
}

// minRefusalTime is how long a refusal of a password takes at least, whatever the reason.
// The backend takes longer for some names than for others, and so do we.
const minRefusalTime = 100 * time.Millisecond

// native signs in with a password. Neither the answer nor its time tells a stranger which
// names exist, or whether the password was checked at all.
func (s *session) native(ctx context.Context, password string) (upstream, error) {
	began := time.Now()
	up, err := s.tryNative(ctx, password)
	if err != nil {
		s.place.awaiting() // there is nothing left to do, so it may give way
		sleep(ctx, minRefusalTime-time.Since(began))
	}
	return up, err
}

// tryNative checks the password, unless too many were wrong. That is looked at again when
// the turn has come: many guesses may have come at once.
func (s *session) tryNative(ctx context.Context, password string) (upstream, error) {
	user, unknown := s.chooseServer(ctx)
	if unknown != nil && outcomeOf(unknown) == midas.Undecided {
		return upstream{}, s.nativeUnreachable(unknown)
	}
	guess := s.guesses.by(s.source, s.server.UniqueID, user)
	if guess.throttled(s.Now()) {
		return upstream{}, s.throttled()
	}
	leave, err := s.passwords.enter(ctx, s.source)
	if err != nil {
		return upstream{}, errBusy
	}
	defer leave()
	if guess.throttled(s.Now()) {
		return upstream{}, s.throttled()
	}
	if unknown != nil {
		err = errDenied("password of a user of no known server: %v", unknown)
	}
	var up upstream
	if err == nil {
		up, err = s.checkPassword(ctx, user, password)
	}
	var accepted wire.ERR
	switch {
	case midas.CodeOf(err) == midas.Unauthenticated:
		guess.failed(s.Now())
	case err == nil, errors.As(err, &accepted) && accepted.Code != mysqlerr.ConCount:
		guess.succeeded(s.Now())
	}
	return up, err
}

// throttled refuses a password unchecked.
func (s *session) throttled() error {
	s.refusals.Warn(s.remote(), "passwords are refused unchecked: too many before were wrong", "source", s.source, "user", s.login.User, "server", s.server.Name)
	return errDenied("password refused unchecked: too many wrong ones from this source, or for this user from many sources")
}

// checkPassword asks the backend whether or not there is such an account, but for a name
// that may not sign in it asks about nobody: a server that locks accounts after so many
// wrong passwords must not lock an AADUSER, or midas itself, for what a stranger does.
func (s *session) checkPassword(ctx context.Context, user, password string) (upstream, error) {
	if s.server.AADOnly {
		return upstream{}, errDenied("password refused: aad_auth_only is ON for server '%s'", s.server.Name)
	}
	eligible, err := s.nativeEligible(ctx, user)
	if err != nil {
		return upstream{}, s.nativeUnreachable(err)
	}
	var up upstream
	if eligible {
		up, err = s.dialAccount(ctx, credentials{user, password})
	} else {
		up, err = s.dial(ctx, credentials{"midas_" + rand.Text()[:20], rand.Text()})
	}
	if err == nil && eligible {
		s.user, s.account = user, account.Account{User: user}
		return up, nil
	}
	if err == nil {
		up.conn.Close() // an anonymous account, which lets anybody in
	}
	return upstream{}, s.nativeRefusal(user, eligible, err)
}

// nativeRefusal is what the client is told; the backend's own words only where its
// password must have been right.
func (s *session) nativeRefusal(user string, eligible bool, err error) error {
	var refused wire.ERR
	switch {
	case !eligible && (err == nil || refusedAccount(err) || errors.As(err, &refused)):
		return errDenied("password refused: '%s' is no account that is proved by a password", user)
	case errors.As(err, &refused) && slices.Contains(afterPassword, refused.Code):
		return refused
	case errors.As(err, &refused), refusedAccount(err):
		return errDenied("the database refused the password: %v", err)
	}
	return s.nativeUnreachable(err)
}

// afterPassword are refusals of a client whose password was right: no right to the database,
// no such database, too many connections, in all or of this account, an expired password,
// a server that takes no sessions now.
var afterPassword = []uint16{mysqlerr.DBAccessDenied, mysqlerr.BadDB, mysqlerr.ConCount, mysqlerr.TooManyUserConnections, mysqlerr.UserLimitReached, mysqlerr.MustChangePasswordLogin, mysqlerr.ServerOfflineMode}

// nativeUnreachable keeps from a stranger what is behind the gateway, and where.
func (s *session) nativeUnreachable(err error) error {
	s.refusals.Error("", "passwords cannot be checked at server '"+s.server.Name+"'", "error", err)
	return unreachablef("Can't connect to the database")
}

// nativeEligible tells whether user may sign in with a password from where the client is.
func (s *session) nativeEligible(ctx context.Context, user string) (bool, error) {
	var err error
	if s.accounts, err = s.Accounts(ctx, s.server); err != nil {
		return false, err
	}
	hosts, err := s.accounts.Native(ctx, user)
	admin, from := s.server.Admin, sourceOf(s.conn)
	return len(hosts) > 0 && (admin == nil || user != admin.Login) && !slices.ContainsFunc(hosts, func(host string) bool { return !hostMatches(host, from) }), err
}
