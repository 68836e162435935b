package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/wire"
)

// Accounts are changed by ordinary statements, which the backend runs. The gateway sees
// most of them pass, and lets the account store follow before the client has the answer:
// anyone who drops an AADUSER and makes an account of that name with the next statement must
// not meet the row of the first.

// errNoPassword is for an AADUSER who sets a password. MySQL refuses that as well; MariaDB
// cannot.
var errNoPassword = answerf(wire.CodeSpecificAccessDenied,
	"Access denied; an AADUSER has no password of its own: it signs in with access tokens")

// follow notes that c may change accounts, or run what the client has prepared to do so.
func (r *relayed) follow(c wire.Command, sql []byte) {
	if !account.ChangesAccounts(sql, r.multi) {
		return
	}
	if c == wire.ComStmtPrepare {
		r.preparedChange = true
		return
	}
	r.sweepBeforeAnswer()
}

// sweepBeforeAnswer has the store look at its accounts when the backend answers. An answer
// to what a client sent before may come first: then the store's own next look finds it.
func (r *relayed) sweepBeforeAnswer() {
	accounts, server := r.accounts, r.server
	sweep := func(answer []byte) {
		if refusedPrivilege(answer) {
			return // nothing was changed
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		defer cancel()
		if err := r.sweep(ctx, server, accounts); err != nil {
			r.Log.Warn("accounts cannot be checked for now", "server", server.Name, "error", err)
		}
	}
	r.toClient.before.Store(&sweep)
}

// sweep has all servers follow that have something to: an administrator of one may drop and
// rename the accounts of others on the same backend. The sweep ends what is left at the backend
// of a dropped account: sessions here end first, since they can tell their clients why.
func (g *Gateway) sweep(ctx context.Context, server midas.Server, accounts Accounts) error {
	g.checkBackend(ctx, g.sessionsOf(server), 0)
	failed := accounts.Sweep(ctx)
	servers, err := g.plane.Servers(ctx)
	if err != nil || len(servers) < 2 {
		return errors.Join(failed, err)
	}
	bereft, err := accounts.Bereft(ctx)
	failed = errors.Join(failed, err)
	for _, server := range servers {
		if !slices.ContainsFunc(bereft, func(id string) bool { return strings.EqualFold(id, server.UniqueID) }) {
			continue
		}
		others, err := g.Accounts(ctx, server)
		if err == nil {
			err = others.Sweep(ctx)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// refusedPrivilege tells whether an answer begins with the refusal of somebody who may not
// change accounts: they must not keep the store busy.
func refusedPrivilege(answer []byte) bool {
	if len(answer) < packetHeader || !wire.IsERR(answer[packetHeader:]) {
		return false
	}
	refused, err := wire.ParseERR(answer[packetHeader:])
	return err == nil && refused.Code == wire.CodeSpecificAccessDenied
}
