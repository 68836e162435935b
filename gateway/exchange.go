package gateway

import (
	"errors"
	"io"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas/internal/relay"
	"github.com/midas-mysql/midas/internal/wire"
)

// exchange is what a session and its backend say to each other. Commands come through a stream
// that looks at their first bytes; answers are copied unseen.
type exchange struct {
	client *client
	handle *handle
	in     *stream
	conn   *backendConn // COM_CHANGE_USER replaces it
	log    *slog.Logger

	patience     time.Duration // for the answers to what came before a statement of the gateway's own
	writeTimeout time.Duration // as of Config

	toClient *answers
	answered chan struct{} // closed when the copying of answers has ended
	hungUp   *atomic.Bool  // conn was ended by the backend

	multi         bool   // the client may send several statements in one
	answersBefore uint64 // toClient.count when the last command went to the backend
	pipelined     bool   // the client has sent a command before the last was answered
	mayEnded      bool   // a command may have ended the transaction since the backend was last asked
}

// lookAhead is how much of a statement is waited for to tell whether it is the gateway's own.
// A longer comment in front of one makes it the backend's, which answers that it does not
// know such a statement.
const lookAhead = 1 << 10

// noCommandYet is a value of answersBefore that no count of answers reaches.
const noCommandYet = math.MaxUint64

func newExchange(c *client, h *handle, conn *backendConn, patience, writeTimeout time.Duration) *exchange {
	x := &exchange{client: c, handle: h, conn: conn, log: c.log, in: newStream(c.conn, conn), patience: patience, writeTimeout: writeTimeout}
	x.multi = c.caps().Has(wire.ClientMultiStatements)
	c.from = x.in
	return x
}

// moveTo goes on with another connection to the backend. endAnswers has ended the last.
func (x *exchange) moveTo(conn *backendConn) {
	x.conn, x.in.dst = conn, conn
	x.multi = x.client.caps().Has(wire.ClientMultiStatements)
}

// copyAnswers starts carrying what the backend says. When the backend hangs up, so does the
// client's connection, unless the session moved on to another connection to the backend.
func (x *exchange) copyAnswers() {
	ended, hungUp := make(chan struct{}), new(atomic.Bool)
	x.answered, x.hungUp = ended, hungUp
	x.toClient = &answers{client: x.client.conn}
	x.answersBefore = noCommandYet
	to, client, conn := x.toClient, x.client, x.conn
	go func() {
		defer close(ended)
		_, err := relay.Copy(to, conn.Conn)
		hungUp.Store(err == nil)
		if errors.Is(err, relay.ErrStalled) {
			x.log.Warn("session ended: its client reads none of its results", "remote", client.remote(), "user", client.login.User, "for", x.writeTimeout)
		}
		if to.putAside.Load() {
			return
		}
		conn.Close()
		if x.handle.evicted.Load() == nil { // else there is something to say yet
			client.conn.Close()
		}
	}()
}

// endAnswers ends the connection to the backend and the copying of what it says, and leaves
// the client's connection open.
func (x *exchange) endAnswers() {
	x.toClient.putAside.Store(true)
	x.conn.Close()
	<-x.answered
}

// text finds the statement in a command, or in its head.
func (x *exchange) text(c wire.Command, payload []byte) ([]byte, bool) {
	if c == wire.ComStmtPrepare {
		text, err := wire.ParsePrepare(payload)
		return text, err == nil
	}
	query, err := wire.ParseQuery(payload, x.client.caps())
	return query.SQL, err == nil
}

// take removes one packet from the stream and returns its payload.
func (x *exchange) take(length int) ([]byte, error) {
	packet := make([]byte, packetHeader+length)
	if _, err := io.ReadFull(x.in, packet); err != nil {
		return nil, unexpected(err)
	}
	return packet[packetHeader:], nil
}

// sendReplacement sends the backend another command in place of one that was taken, so that
// its own answer, with its own status, is what the client gets.
func (x *exchange) sendReplacement(payload []byte) error {
	x.answersBefore, x.mayEnded = x.toClient.count.Load(), true
	_, err := x.conn.Write(wire.AppendPacket(nil, 0, payload))
	return err
}

// fail answers a command that was taken.
func (x *exchange) fail(err error) error {
	x.client.seq = 1
	return x.client.send(x.client.errorPacket(err, true).Append(nil))
}

// failInTurn is fail after the answers to all that came before.
func (x *exchange) failInTurn(err error) error {
	if err := x.drainAnswers(); err != nil {
		return err
	}
	return x.fail(err)
}

// unanswered tells whether nothing of the answer to the last command has come.
func (x *exchange) unanswered() bool { return x.toClient.count.Load() == x.answersBefore }

// errUnanswered ends a session whose backend did not answer in time. A client that waits for
// its answers before it sends a statement of ours never sees it.
var errUnanswered = errors.New("the backend has not answered what came before a statement of the gateway's own")

// drainAnswers returns when the backend has answered everything that it was sent. It waits no
// longer than a sign-in may take: nobody listens to the client meanwhile, so one that has
// hung up would not be noticed. And to a client that pipelines, the backend may refuse in
// words that are not recognised.
func (x *exchange) drainAnswers() error {
	timer := time.NewTimer(x.patience)
	defer timer.Stop()
	return x.drainAnswersBefore(timer.C)
}

func (x *exchange) drainAnswersBefore(limit <-chan time.Time) error {
	f := newFence(!x.pipelined && !x.unanswered())
	x.toClient.fence.Store(f)
	if err := x.sendReplacement(append([]byte{byte(wire.ComInitDB)}, f.name...)); err != nil {
		return err
	}
	select {
	case <-f.passed:
		return nil
	case <-limit:
		return errUnanswered
	case <-x.answered: // the backend has hung up
		return io.ErrUnexpectedEOF
	}
}

// serverStatus asks the backend for the session's status flags, once everything that was
// asked before has been answered. It waits as long as that takes: evict ends it, by closing
// the backend's connection. An answer other than OK counts as an open transaction.
func (x *exchange) serverStatus() (wire.Status, error) {
	if err := x.in.flush(); err != nil {
		return 0, err
	}
	if err := x.drainAnswersBefore(nil); err != nil {
		return 0, err
	}
	q := &ping{answered: make(chan struct{})}
	x.toClient.ping.Store(q)
	if err := x.sendReplacement([]byte{byte(wire.ComPing)}); err != nil {
		return 0, err
	}
	select {
	case <-q.answered:
	case <-x.answered:
		return 0, io.ErrUnexpectedEOF
	}
	ok, err := wire.ParseOK(q.answer, x.client.caps())
	if err != nil {
		return wire.StatusInTrans, nil
	}
	return ok.Status, nil
}
