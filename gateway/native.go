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
	"github.com/midas-mysql/midas/wire"
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

// refusalTakes is how long a password is refused for, whatever the reason. The backend
// takes longer for some names than for others, and so do we.
const refusalTakes = 100 * time.Millisecond

// native signs in with a password. Neither the answer nor its time tells a stranger which
// names exist.
func (s *session) native(ctx context.Context, password string) (upstream, error) {
	began := time.Now()
	up, err := s.tryNative(ctx, password)
	if err != nil {
		sleep(ctx, refusalTakes-time.Since(began))
	}
	return up, err
}

// tryNative asks the backend whether or not there is such an account, but for a name that
// may not sign in it asks about nobody: a server that locks accounts after so many wrong
// passwords must not lock an AADUSER, or midas itself, for what a stranger does.
func (s *session) tryNative(ctx context.Context, password string) (upstream, error) {
	user, err := s.chooseServer(ctx)
	if err != nil {
		return upstream{}, errDenied("password of a user of no known server: %v", err)
	}
	if s.server.AADOnly {
		return upstream{}, errDenied("password refused: aad_auth_only is ON for server '%s'", s.server.Name)
	}
	eligible, err := s.nativeEligible(ctx, user)
	if err != nil {
		return upstream{}, s.nativeUnreachable(err)
	}
	as := credentials{user, password}
	if !eligible {
		as = credentials{"midas_" + rand.Text()[:20], rand.Text()}
	}
	up, err := s.dial(ctx, as)
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
var afterPassword = []uint16{wire.CodeDBAccessDenied, 1049, wire.CodeConCount, 1203, wire.CodeUserLimitReached, 1862, 3032}

// nativeUnreachable keeps from a stranger what is behind the gateway, and where.
func (s *session) nativeUnreachable(err error) error {
	s.Log.Error("cannot sign in with a password", "server", s.server.Name, "error", err)
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
