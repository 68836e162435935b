package gateway

import (
	"errors"
	"fmt"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/midas-mysql/midas/internal/wire"
)

// A database that cannot be reached is ER_CONNECT_TO_FOREIGN_DATA_SOURCE, with the
// SQLSTATE of a failed link, by which pools know that another try may do.
//
// It is not 2003, which MySQL Router sends: numbers from 2000 on are the client's own,
// and MariaDB's clients take an ERR packet with one of them for malformed.
const errUnreachable = mysqlerr.ConnectToForeignDataSource

// answer is an error with the number that a client gets for it. Its text is written for the
// client's user.
type answer struct {
	number  uint16
	state   string // "" for the one that belongs to number
	message string
}

func (a *answer) Error() string { return a.message }

func answerf(number uint16, format string, args ...any) *answer {
	return &answer{number: number, message: fmt.Sprintf(format, args...)}
}

func unreachablef(format string, args ...any) *answer {
	return &answer{errUnreachable, mysqlerr.LinkFailure, fmt.Sprintf(format, args...)}
}

// unreachable is the error of a backend that failed before it let a session in.
func unreachable(log *throttledlog.Log, server string, err error) error {
	log.Error("", "the database behind server '"+server+"' cannot be reached", "error", err, midas.HintAttr(err))
	return unreachablef("Can't connect to the database behind server '%s' (%v)", server, err)
}

// publicly is a refusal of a client whose token held: it learns the reason.
func publicly(format string, args ...any) *midas.Error {
	e := midas.Errorf(midas.Forbidden, format, args...)
	e.Public = true
	return e
}

// errDenied is a refusal with its reason for the log alone.
func errDenied(format string, args ...any) error {
	return midas.Errorf(midas.Unauthenticated, format, args...)
}

// connLost is the error of a sign-in whose client is gone: there is nothing to send.
type connLost struct{ err error }

func (c *connLost) Error() string { return "connection lost during sign-in: " + c.err.Error() }
func (c *connLost) Unwrap() error { return c.err }

// errNoPlace ends a connection whose place was given to another when its secret came.
var errNoPlace = errors.New("its place went to another connection")

// maxName is more than any account and server have for a name together.
const maxName = 512

// Errors of the protocol, and those that a client gets before it is authenticated.
var (
	errTooManyConnections = answerf(mysqlerr.ConCount, "Too many connections are signing in")
	errBusy               = answerf(mysqlerr.ConCount, "Too many connections are signing in: this one did not get its turn in time")
	errAccountBusy        = answerf(mysqlerr.ConCount, "Too many connections are signing in: many of this account wait for the database already")
	errBadHandshake       = answerf(mysqlerr.Handshake, "Bad handshake")
	errInsecureTransport  = answerf(mysqlerr.SecureTransportRequired,
		"Connections using insecure transport are prohibited while --require_secure_transport=ON. (use TLS: --ssl-mode=REQUIRED for mysql, --ssl for mariadb)")
	errNoPluginAuth = answerf(mysqlerr.NotSupportedAuthMode,
		"Client does not support authentication protocol requested by server; it must be able to send a token (CLIENT_PLUGIN_AUTH)")
	errNoToken = answerf(mysqlerr.AccessDenied,
		"no token received: the client sent an empty password; send an access token as the password")
	errServerBusy = answerf(mysqlerr.ConCount, "Too many connections are signing in: many wait for the database of this server already")
	errShutdown   = answerf(mysqlerr.ServerShutdown, "Server shutdown in progress")
	errKeptSchema = answerf(mysqlerr.DBAccessDenied,
		"Access denied to schema 'midas': it says which identity each account of this server is for, and without it nobody could sign in (to remove an account: DROP USER)")
	errNotAdmin = answerf(mysqlerr.SpecificAccessDenied,
		"Access denied; you need (at least one of) the MICROSOFT ENTRA ADMINISTRATOR privilege(s) for this operation (sign in as the server's Entra administrator)")
)

// outcomeOf tells refusals of the client from failures of midas or of the database behind.
func outcomeOf(err error) midas.Outcome {
	var (
		own     *answer
		backend wire.ERR
	)
	number, code := uint16(0), midas.CodeOf(err)
	switch {
	case err == nil:
		return midas.Admitted
	case errors.As(err, &own):
		number, code = own.number, midas.Forbidden
	case errors.As(err, &backend):
		number, code = backend.Code, midas.Forbidden
	}
	switch {
	case code == midas.Unavailable, code == midas.Internal,
		number == errUnreachable, number == mysqlerr.ConCount, number == mysqlerr.ServerShutdown, number == mysqlerr.ServerOfflineMode:
		return midas.Undecided
	}
	return midas.Refused
}
