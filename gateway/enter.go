package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/wire"
)

// upstream is a connection to the backend, signed in.
type upstream struct {
	conn   net.Conn
	id     uint32      // the backend's connection id
	ok     []byte      // the payload of its OK, for the client
	status wire.Status // of that OK
}

// credentials are what the gateway signs in to the backend with. They never leave it.
type credentials struct{ user, secret string }

// entries is how often the backend is asked to let a session in at most. Each try after the
// second follows a change of the account's password by somebody: one who changes it over and
// over has to be faster than all of them.
const entries = 8

// enter signs in to the backend as the session's account. When the backend refuses it, its
// secret is set again: a user who changed it, or a master key that did, locks nobody out.
// Then the account is looked up again, since it may have been dropped, or got a secret of
// another generation, since it was remembered.
func (s *session) enter(ctx context.Context) (up upstream, err error) {
	for try := range entries {
		up, err = s.dialAccount(ctx, credentials{s.account.User, s.accounts.Secret(s.account)})
		if !refusedAccount(err) && !lockedAccount(err) {
			return up, err
		}
		changed, failed := s.reassert(ctx)
		if failed != nil {
			return upstream{}, failed
		}
		// After the first refusal another sign-in may have set the secret already.
		if !changed && try > 0 {
			break
		}
		if err := s.admitAs(ctx); err != nil {
			return upstream{}, err
		}
	}
	if refusedAccount(err) {
		err = s.refusedByDatabase(err)
	}
	return up, err
}

// reassert sets the account's secret anew, once for all who find it wrong at the same time:
// after a change many sign-ins do, and each new secret would undo the last.
func (s *session) reassert(ctx context.Context) (changed bool, err error) {
	done, err, _ := s.reasserting.Do(s.account.Mapping, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.SignInTimeout)
		defer cancel()
		changed, err := s.accounts.Reassert(ctx, s.account)
		if midas.CodeOf(err) == midas.Forbidden {
			err = nil // it may not be mended; looking it up again says so
		}
		return changed, err
	})
	changed, _ = done.(bool)
	return changed, err
}

func (s *session) refusedByDatabase(err error) error {
	return answerf(mysqlerr.AccessDenied, "%s: the database refuses account %s from the gateway (its host must match the gateway's address, no account with a more specific host may match before it, such as an anonymous ''@'localhost', and it must need no certificate): %v",
		s.denied(), s.account, err)
}

// refusedAccount tells whether the backend refused the account, and not the database
// that was asked for or anything else. MariaDB has a number of its own for an account
// whose plugin takes no password.
func refusedAccount(err error) bool {
	var refused wire.ERR
	return errors.As(err, &refused) && (refused.Code == mysqlerr.AccessDenied || refused.Code == mysqlerr.AccessDeniedNoPassword) ||
		errors.As(err, new(*otherPlugin))
}

// lockedAccount tells whether the backend refused an account for its ACCOUNT LOCK. MariaDB's
// number is its own.
func lockedAccount(err error) bool {
	var refused wire.ERR
	return errors.As(err, &refused) && (refused.Code == mysqlerr.AccountLocked || refused.Code == mysqlerr.MariaDBAccountLocked)
}

// pluginSHA256 is not signed in with: caching_sha2_password took its place.
const pluginSHA256 = "sha256_password"

// otherPlugin says that the account is to prove itself by a plugin that none of midas's
// accounts has.
type otherPlugin struct{ user, plugin string }

func (o *otherPlugin) Error() string {
	return fmt.Sprintf("the database asks user '%s' for plugin '%s', which midas does not sign in with", o.user, o.plugin)
}

// dial connects and signs in with what the client chose: its capabilities, database,
// collation and attributes, so that nothing needs translating afterwards.
func (s *session) dial(ctx context.Context, c credentials) (_ upstream, err error) {
	conn, err := s.Backend.Dial(ctx)
	if err != nil {
		return upstream{}, s.unreachable(err)
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	l := &login{conn: conn, credentials: c, session: s}
	up, err := l.run(ctx)
	if err != nil {
		return upstream{}, err
	}
	if !stop() {
		return upstream{}, s.unreachable(ctx.Err())
	}
	return up, nil
}

func (s *session) unreachable(err error) error {
	s.refusals.Error("", "the database behind server '"+s.server.Name+"' cannot be reached", "error", err)
	return unreachablef("Can't connect to the database behind server '%s' (%v)", s.server.Name, err)
}
