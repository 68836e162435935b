package gateway

import (
	"context"
	"log/slog"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/wire"
)

// Accounts are changed by ordinary statements, which the backend runs. The gateway sees
// most of them pass, and lets the account store follow before the client has the answer:
// a client that drops an AADUSER and makes an account of that name with its next statement
// must not meet the row of the first.

// errNoPassword is for an AADUSER who sets a password. MySQL refuses that as well; MariaDB
// cannot.
var errNoPassword = answerf(mysqlerr.SpecificAccessDenied,
	"Access denied; an AADUSER has no password of its own: it signs in with access tokens")

// follower has account stores follow what a session changes about accounts.
type follower struct {
	x       *exchange
	recheck *recheck
	log     *slog.Logger

	preparedChange bool // a statement that may change accounts was prepared
}

// note sees a statement that goes to the backend, to run or to be prepared.
func (f *follower) note(as signedIn, c wire.Command, sql []byte) {
	if !account.ChangesAccounts(sql, f.x.multi) {
		return
	}
	if c == wire.ComStmtPrepare {
		f.preparedChange = true
		return
	}
	f.sweepBeforeAnswer(as)
}

// execute sees that a prepared statement is run.
func (f *follower) execute(as signedIn) {
	if f.preparedChange {
		f.sweepBeforeAnswer(as)
	}
}

// sweepBeforeAnswer has the store look at its accounts when the backend answers. An answer
// to what a client sent before may come first: then the store's own next look finds it.
func (f *follower) sweepBeforeAnswer(as signedIn) {
	sweep := func(answer []byte) {
		if refusedPrivilege(answer) {
			return // nothing was changed
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		defer cancel()
		if err := f.sweep(ctx, as); err != nil {
			f.log.Warn("accounts cannot be checked for now", "server", as.server.Name, "error", err, midas.HintAttr(err))
		}
	}
	f.x.toClient.before.Store(&sweep)
}

// sweep has the server's store follow. It ends what is left at the backend of a dropped account:
// sessions here end first, since they can tell their clients why.
func (f *follower) sweep(ctx context.Context, as signedIn) error {
	f.recheck.checkBackend(ctx, f.recheck.of(as.server), 0)
	return as.backend.accounts.Sweep(ctx)
}

// refusedPrivilege tells whether an answer begins with the refusal of a client that may
// not change accounts: it must not keep the store busy.
func refusedPrivilege(answer []byte) bool {
	if len(answer) < packetHeader || !wire.IsERR(answer[packetHeader:]) {
		return false
	}
	refused, err := wire.ParseERR(answer[packetHeader:])
	return err == nil && refused.Code == mysqlerr.SpecificAccessDenied
}
