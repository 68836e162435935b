package gateway

import (
	"errors"
	"fmt"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/wire"
)

// A database that cannot be reached is ER_CONNECT_TO_FOREIGN_DATA_SOURCE, with the
// SQLSTATE of a failed link, by which pools know that another try may do.
//
// It is not 2003, which MySQL Router sends: numbers from 2000 on are the client's own,
// and MariaDB's clients take an ERR packet with one of them for malformed.
const errUnreachable = mysqlerr.ConnectToForeignDataSource

// answer is an error with the number that a client gets for it. Its text is meant
// for whoever reads it there.
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

// What a client is told before it has proved anything, or about the protocol.
var (
	errTooManyConnections = answerf(mysqlerr.ConCount, "Too many connections are signing in")
	errBusy               = answerf(mysqlerr.ConCount, "Too many connections are signing in: this one did not get its turn in time")
	errBadHandshake       = answerf(mysqlerr.Handshake, "Bad handshake")
	errInsecureTransport  = answerf(mysqlerr.SecureTransportRequired,
		"Connections using insecure transport are prohibited while --require_secure_transport=ON. (use TLS: --ssl-mode=REQUIRED for mysql, --ssl for mariadb)")
	errNoPluginAuth = answerf(mysqlerr.NotSupportedAuthMode,
		"Client does not support authentication protocol requested by server; it must be able to send a token (CLIENT_PLUGIN_AUTH)")
	errNoToken = answerf(mysqlerr.AccessDenied,
		"no token received: the client sent an empty password; send an access token as the password")
	errShutdown   = answerf(mysqlerr.ServerShutdown, "Server shutdown in progress")
	errKeptSchema = answerf(mysqlerr.DBAccessDenied,
		"Access denied to schema 'midas': it says which identity each account of this server is for, and without it nobody could sign in (to remove an account: DROP USER)")
	errNotAdmin = answerf(mysqlerr.SpecificAccessDenied,
		"Access denied; you need (at least one of) the MICROSOFT ENTRA ADMINISTRATOR privilege(s) for this operation (sign in as the server's Entra administrator)")
)

// errorPacket is the one place where an error becomes what a MySQL client reads. A
// reason that is not public becomes a plain 1045: a stranger learns nothing by trying.
func (s *session) errorPacket(err error) wire.ERR {
	var (
		own     *answer
		backend wire.ERR
		mapped  *account.Error
		reason  *midas.Error
	)
	switch {
	case errors.As(err, &own):
		e := wire.NewERR(own.number, "%s", own.message)
		if own.state != "" {
			e.State = own.state
		}
		return e
	case errors.As(err, &backend):
		return backend
	case errors.As(err, &mapped) && mapped.Reason.Public:
		e := wire.NewERR(mapped.Number, "%s", s.worded(mapped.Number, mapped.Reason))
		e.State = mapped.SQLState
		return e
	case errors.As(err, &reason) && reason.Public:
		return wire.NewERR(mysqlerr.AccessDenied, "%s", s.worded(mysqlerr.AccessDenied, reason))
	case midas.CodeOf(err) == midas.Unavailable && s.proved():
		s.refusals.Error(s.remote(), "sign-in could not be decided", "user", s.login.User, "error", err)
		return wire.NewERR(mysqlerr.Unknown, "midas could not decide this sign-in, try again (%v)", err)
	case s.proved():
		s.refusals.Error(s.remote(), "sign-in failed", "user", s.login.User, "error", err)
		return wire.NewERR(mysqlerr.Unknown, "midas failed: %v", err)
	}
	return wire.NewERR(mysqlerr.AccessDenied, "%s (using password: YES)", s.denied())
}

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

// proved tells whether the client's token held.
func (s *session) proved() bool { return s.principal.Issuer != "" }

func (s *session) denied() string {
	return fmt.Sprintf("Access denied for user '%s'@'%s'", s.login.User, sourceOf(s.conn))
}

func (s *session) worded(number uint16, reason *midas.Error) string {
	text := reason.Message
	if number == mysqlerr.AccessDenied {
		text = s.denied() + ": " + text
	}
	if reason.Hint != "" {
		text += " (" + reason.Hint + ")"
	}
	return text
}
