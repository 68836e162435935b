package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"

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

// native signs in with a password. Whether or not there is such an account, the backend
// is asked: neither the answer nor its time tells a stranger which names exist.
func (s *session) native(ctx context.Context, password string) (upstream, error) {
	user, err := s.chooseServer(ctx)
	if err != nil {
		return upstream{}, errDenied("password of a user of no known server: %v", err)
	}
	if s.server.AADOnly {
		return upstream{}, errDenied("password refused: aad_auth_only is ON for server '%s'", s.server.Name)
	}
	eligible, err := s.nativeEligible(ctx, user)
	if err != nil {
		return upstream{}, unreachablef("Can't connect to the database")
	}
	if !eligible {
		password = rand.Text()
	}
	up, err := s.dial(ctx, credentials{user, password})
	var refused wire.ERR
	switch {
	case err == nil && !eligible:
		up.conn.Close() // it would have let anybody in
		return upstream{}, errDenied("password refused: '%s' is no account that is proved by a password", user)
	case err == nil:
		s.user, s.account = user, account.Account{User: user}
		return up, nil
	case refusedAccount(err), !eligible && errors.As(err, &refused):
		return upstream{}, errDenied("the database refused the password: %v", err)
	}
	return up, err
}

// nativeEligible tells whether user may sign in with a password from where the client is.
func (s *session) nativeEligible(ctx context.Context, user string) (bool, error) {
	if admin := s.server.Admin; admin != nil && user == admin.Login {
		return false, nil
	}
	var err error
	if s.accounts, err = s.Accounts(ctx, s.server); err != nil {
		return false, err
	}
	hosts, err := s.accounts.Native(ctx, user)
	from := sourceOf(s.conn)
	return len(hosts) > 0 && !slices.ContainsFunc(hosts, func(host string) bool { return !hostMatches(host, from) }), err
}
