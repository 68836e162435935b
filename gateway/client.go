package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/clientkey"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/relay"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/midas-mysql/midas/internal/wire"
)

const (
	// maxSignInPacket bounds what a client that has proved nothing can make the gateway
	// hold. A token with two hundred groups is about 12 KiB.
	maxSignInPacket = 64 << 10
	// lingerFor is how long a refused client may take to hang up.
	lingerFor = time.Second
	// countedAnswers is how many answers to one client bring its place behind the others'. A
	// sign-in has fewer. Without a bound a client could ask for more, by key updates of TLS for
	// one.
	countedAnswers = 6
)

// client is the client's end of a connection, and what its last sign-in asks for.
type client struct {
	raw  *relay.Guarded // as accepted
	conn net.Conn       // raw, or TLS over it once secure has run
	from io.Reader      // of the client's packets: conn, or the session's stream
	seq  byte           // of the next packet to the client

	source   clientkey.Key
	limits   *limits
	place    *place      // while signing in, or refused; else nil
	listens  atomic.Bool // for what the client sends, while signing in
	log      *slog.Logger
	refusals *throttledlog.Log

	listener string        // the one server that it reaches here; "": all that share the listener
	greeting wire.Greeting // as it was sent
	login    wire.HandshakeResponse
	plugin   string // by which the client sent its token, and can again
}

func newClient(conn net.Conn, listener string, l *limits, log *slog.Logger, told *throttledlog.Log) *client {
	c := &client{raw: relay.NewGuarded(conn), source: clientkey.OfConn(conn), listener: listener, limits: l, log: log, refusals: told}
	heard := &listening{Guarded: c.raw, client: c}
	c.conn, c.from = heard, heard
	return c
}

func (c *client) drop() { c.raw.Close() }

func (c *client) moved() bool { return !c.listens.Load() || c.raw.Unread() }

// listening is the raw connection, which knows when the gateway waits for the client: under a
// flood it comes late to what was sent, and a client must not lose its place for that. The wait
// begins with what the gateway has written, in a TLS handshake, too. Reads do not count: a client
// that sends a packet byte by byte would come behind the others with each of them.
type listening struct {
	*relay.Guarded
	client   *client
	answered int // writes so far, while signing in
}

// Read implements net.Conn.
func (c *listening) Read(p []byte) (int, error) {
	c.client.listens.Store(true)
	defer c.client.listens.Store(false)
	return c.Guarded.Read(p)
}

// Write implements net.Conn.
func (c *listening) Write(p []byte) (int, error) {
	if place := c.client.place; place != nil && c.answered < countedAnswers {
		c.answered++
		place.awaiting()
	}
	return c.Guarded.Write(p)
}

// takePlace gets a place among the connections that sign in, if need be that of one which
// waits for its client.
func (c *client) takePlace() bool {
	taken, dropped := c.limits.enter(c.source, c)
	if dropped != nil {
		c.refusals.Warn(dropped.from.String(), "connection closed to make room: it had not sent its token or password", "source", dropped.from)
	}
	c.place = taken
	return taken != nil
}

// read returns the client's next packet.
func (c *client) read() ([]byte, error) {
	payload, seq, err := wire.ReadPacket(c.from, nil, maxSignInPacket)
	if err != nil {
		if errors.Is(err, wire.ErrTooLarge) {
			return nil, errBadHandshake
		}
		return nil, &connLost{err}
	}
	c.seq = seq + 1
	c.place.awaiting()
	return payload, nil
}

func (c *client) send(payload []byte) error {
	_, err := c.conn.Write(wire.AppendPacket(nil, c.seq, payload))
	c.seq++
	if err != nil {
		return &connLost{err}
	}
	return nil
}

func (c *client) ask(question []byte) (answer []byte, err error) {
	if err := c.send(question); err != nil {
		return nil, err
	}
	return c.read()
}

// startTLS makes conn the TLS connection over raw.
func (c *client) startTLS(ctx context.Context, config *tls.Config) error {
	secured := tls.Server(c.conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return &connLost{err}
	}
	c.conn, c.from = secured, secured
	return nil
}

// refuse tells the client, in MySQL's words, and lingers until it has hung up: a close with
// unread bytes would reset the connection and take the reason with it. A refused client is
// one of those that the gateway waits for, and gives way to newcomers as they do; where it
// gets no place among them the connection is closed at once.
func (c *client) refuse(err error, proved bool) {
	var lost *connLost
	if errors.As(err, &lost) {
		c.log.Debug("client left during sign-in", "remote", c.remote(), "error", lost.err)
		return
	}
	c.conn.SetDeadline(time.Now().Add(lingerFor))
	packet := c.errorPacket(err, proved)
	if c.seq == 0 {
		packet.State = "" // in place of a greeting it has none
	}
	if c.send(packet.Append(nil)) != nil {
		return
	}
	if c.place.awaiting(); c.place == nil && !c.takePlace() {
		return
	}
	c.linger()
}

// linger ends what is sent to the client, and reads until it hangs up or the deadline passes.
func (c *client) linger() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		io.CopyN(io.Discard, c.conn, maxSignInPacket)
	}
}

// errorPacket is the one place where an error becomes what a MySQL client reads. A reason
// that is not public becomes a plain 1045: a stranger learns nothing by trying. proved is
// true for a client whose token held.
func (c *client) errorPacket(err error, proved bool) wire.ERR {
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
		e := wire.NewERR(mapped.Number, "%s", c.worded(mapped.Number, mapped.Reason))
		e.State = mapped.SQLState
		return e
	case errors.As(err, &reason) && reason.Public:
		return wire.NewERR(mysqlerr.AccessDenied, "%s", c.worded(mysqlerr.AccessDenied, reason))
	case errors.Is(err, ErrStopped) && proved: // on purpose: another try does not help, and nothing failed
		return wire.NewERR(mysqlerr.Unknown, "%s", withHint(err))
	case midas.CodeOf(err) == midas.Unavailable && proved:
		c.refusals.Error(c.remote(), "sign-in could not be decided", "user", c.login.User, "error", err, midas.HintAttr(err))
		return wire.NewERR(mysqlerr.Unknown, "midas could not decide this sign-in, try again (%s)", withHint(err))
	case proved:
		c.refusals.Error(c.remote(), "sign-in failed", "user", c.login.User, "error", err, midas.HintAttr(err))
		return wire.NewERR(mysqlerr.Unknown, "midas failed: %s", withHint(err))
	}
	return wire.NewERR(mysqlerr.AccessDenied, "%s (using password: YES)", c.denied())
}

// withHint is a failure with the next step that it carries: the user of the client is often
// the operator, and sees no log.
func withHint(err error) string {
	if hint := midas.HintOf(err); hint != "" {
		return err.Error() + "; " + hint
	}
	return err.Error()
}

func (c *client) worded(number uint16, reason *midas.Error) string {
	text := reason.Message
	if number == mysqlerr.AccessDenied {
		text = c.denied() + ": " + text
	}
	if reason.Hint != "" {
		text += " (" + reason.Hint + ")"
	}
	return text
}

func (c *client) denied() string {
	return "Access denied for user '" + c.login.User + "'@'" + c.address().String() + "'"
}

// serverName is the name that the client gave to TLS, or "".
func (c *client) serverName() string {
	if secured, ok := c.conn.(*tls.Conn); ok {
		return secured.ConnectionState().ServerName
	}
	return ""
}

func (c *client) caps() wire.Capability { return c.login.Capabilities }

func (c *client) remote() string { return c.conn.RemoteAddr().String() }

// address is where the client is, invalid for a Unix socket.
func (c *client) address() netip.Addr {
	if at, err := netip.ParseAddrPort(c.remote()); err == nil {
		return at.Addr().Unmap()
	}
	return netip.Addr{}
}
