package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/wire"
)

// dialAccount is dial for an account that is there: if it was refused because it requires
// TLS, it is signed in to anew, with TLS.
func dialAccount(ctx context.Context, h hop, as credentials) (*backendConn, error) {
	conn, err := dial(ctx, h, as)
	greeting, _ := h.backend.learned.last()
	if !refusedAccount(err) || !h.backend.dialer.Verified() || h.backend.hopTLS(as.user, greeting) != nil || !greeting.Capabilities.Has(wire.ClientSSL) {
		return conn, err
	}
	required, failed := h.backend.accounts.RequiresTLS(ctx, as.user)
	if failed != nil || !required {
		return conn, err
	}
	h.backend.learned.requireTLS.add(as.user)
	return dial(ctx, h, as)
}

// dial connects and signs in with what the client chose: its capabilities, database,
// collation and attributes, so that nothing needs translating afterwards.
func dial(ctx context.Context, h hop, as credentials) (_ *backendConn, err error) {
	conn, err := h.backend.dialer.Dial(ctx)
	if err != nil {
		return nil, h.unreachable(err)
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	l := &login{hop: h, as: as, conn: conn}
	in, err := l.run(ctx)
	if err != nil {
		if ctx.Err() != nil && l.greeting.ConnectionID != 0 {
			h.endGivenUp(l.greeting.ConnectionID)
		}
		return nil, err
	}
	if !stop() {
		return nil, h.unreachable(ctx.Err())
	}
	return in, nil
}

// endGivenUp ends a connection whose sign-in was given up. A server that waits for a lock to let
// it in does not notice that the gateway has left, and they would add up to all it has.
func (h hop) endGivenUp(id uint32) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	if err := h.backend.accounts.EndConnection(ctx, id); err != nil {
		h.client.refusals.Warn(h.client.remote(), "a sign-in that was given up may go on at the database", "server", h.server.Name, "connection", id, "error", err)
	}
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
