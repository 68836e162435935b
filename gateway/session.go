package gateway

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/relay"
	"github.com/midas-mysql/midas/internal/wire"
)

// lookAhead is how much of a statement is waited for to tell whether it is ours. A
// longer comment in front of one makes it the backend's, which answers that it does
// not know such a statement.
const lookAhead = 1 << 10

// relayed is the session's life after sign-in. Commands come through a stream that
// looks at their first bytes; answers are copied unseen.
type relayed struct {
	*session
	in *stream
	up upstream

	toClient *answers
	answered chan struct{} // closed when the copying of answers has ended
	hungUp   *atomic.Bool  // the upstream of that copying was ended by the backend

	continues bool // the client's last packet goes on in the next
	lastSeq   byte // the number of that packet
	multi     bool // the client may send several statements in one

	answersBefore uint64   // toClient.count when the last command went to the backend
	pipelined     bool     // the client has sent a command before the last was answered
	lately        activity // while draining

	preparedChange bool // a statement that may change accounts was prepared
}

// relay carries commands and answers until one side ends.
func (s *session) relay(ctx context.Context, up *upstream) {
	r := &relayed{session: s, up: *up, in: newStream(s.conn, up.conn), multi: s.caps().Has(wire.ClientMultiStatements)}
	r.from = r.in
	r.copyAnswers()
	err := r.commands(ctx)
	*up = r.up
	switch {
	case errors.Is(err, errDrained):
		r.toClient.putAside.Store(true) // before the backend hangs up
		r.instead([]byte{byte(wire.ComQuit)})
		r.endAnswers()
		r.sayShutdown()
		return
	case s.evicted.Load() != nil:
		s.conn.SetWriteDeadline(time.Now().Add(time.Second))
		r.endAnswers()
	case clientLeft(err):
		r.in.flush()
		relay.CloseWrite(r.up.conn) // the backend may still be answering
	default:
		r.up.conn.Close()
		// A client that reads nothing would hold up the copying of answers for ever.
		s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	<-r.answered
	if reason := s.evicted.Load(); reason != nil {
		s.seq = 0
		s.send(s.errorPacket(reason).Append(nil))
	}
	if !r.hungUp.Load() {
		s.endAtBackend(r.up.id)
	}
}

// endAnswers ends the upstream and the copying of what it says, and leaves the client's
// connection open.
func (r *relayed) endAnswers() {
	r.toClient.putAside.Store(true)
	r.up.conn.Close()
	<-r.answered
}

// copyAnswers starts carrying what the backend says. When the backend hangs up, so
// does the client's connection, unless the session moved on to another upstream.
func (r *relayed) copyAnswers() {
	ended, hungUp := make(chan struct{}), new(atomic.Bool)
	r.answered, r.hungUp = ended, hungUp
	r.toClient = &answers{client: r.conn}
	r.answersBefore = noCommandYet
	to, client, backend := r.toClient, r.conn, r.up.conn
	go func() {
		defer close(ended)
		_, err := relay.Copy(to, backend)
		hungUp.Store(err == nil)
		if errors.Is(err, relay.ErrStalled) {
			r.Log.Warn("session ended: its client reads none of its results", "remote", r.remote(), "user", r.login.User, "for", r.WriteTimeout)
		}
		if to.putAside.Load() {
			return
		}
		backend.Close()
		if r.evicted.Load() == nil { // else there is something to say yet
			client.Close()
		}
	}()
}

// commands passes the client's packets on, one command after the other.
func (r *relayed) commands(ctx context.Context) error {
	for r.evicted.Load() == nil {
		if !r.continues {
			if err := r.awaitCommand(); err != nil {
				return err
			}
		}
		header, err := r.in.peek(packetHeader)
		if err != nil {
			return err
		}
		length := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
		starts, err := r.startsCommand(length, header[3])
		if err != nil {
			r.seq = header[3] + 1
			r.refuse(err)
			return err
		}
		if starts && length > 0 {
			first, err := r.in.peek(packetHeader + 1)
			if err != nil {
				return err
			}
			c := wire.Command(first[packetHeader])
			handled, err := r.command(ctx, c, length)
			if err != nil {
				return err
			}
			if handled {
				continue
			}
			if err := r.noteCommand(c, length); err != nil {
				return err
			}
		}
		if err := r.in.forward(packetHeader + length); err != nil {
			return err
		}
	}
	return r.evicted.Load()
}

// startsCommand tells a command from what merely looks like one, the rest of a packet of
// 16 MiB. A packet out of sequence ends the session: the backend would read its payload
// as packets of their own, with commands in them that nobody here has seen.
func (r *relayed) startsCommand(length int, seq byte) (bool, error) {
	starts, want := !r.continues, byte(0)
	if r.continues {
		want = r.lastSeq + 1
	}
	if seq != want {
		return false, answerf(mysqlerr.NetPacketsOutOfOrder, "Got packets out of order")
	}
	r.continues, r.lastSeq = length == fullPacket, seq
	return starts, nil
}

// command deals with the commands that are not simply passed on. handled means that
// the packet has been taken out of the stream.
func (r *relayed) command(ctx context.Context, c wire.Command, length int) (handled bool, err error) {
	switch c {
	case wire.ComQuery, wire.ComStmtPrepare:
		return r.statement(ctx, c, length)
	case wire.ComStmtExecute, wire.ComStmtBulkExecute, wire.ComStmtClose, wire.ComStmtReset, wire.ComStmtSendLongData, wire.ComStmtFetch:
		if r.preparedChange && (c == wire.ComStmtExecute || c == wire.ComStmtBulkExecute) {
			r.sweepBeforeAnswer()
		}
		return r.preparedCommand(ctx, c, length)
	case wire.ComChangeUser:
		return true, r.changeUser(ctx)
	case wire.ComProcessKill:
		return r.processKill(length)
	case wire.ComSetOption:
		return false, r.setOption(length)
	case wire.ComResetConnection:
		r.resetSession()
	}
	return false, nil
}

// setOption notes whether the client may send several statements in one: PHP's
// multi_query says so as late as this.
//
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_set_option.html
func (r *relayed) setOption(length int) error {
	if length != 3 {
		return nil // the backend knows how to answer a broken packet
	}
	packet, err := r.in.peek(packetHeader + length)
	if err != nil {
		return unexpected(err)
	}
	switch packet[packetHeader+1] | packet[packetHeader+2] {
	case 0: // MYSQL_OPTION_MULTI_STATEMENTS_ON
		r.multi = true
	case 1: // MYSQL_OPTION_MULTI_STATEMENTS_OFF
		r.multi = false
	}
	return nil
}

// resetSession forgets what belongs to the session in the sense of SQL.
func (r *relayed) resetSession() {
	r.validateIDs = true
	r.prepared = nil
	r.preparedChange = false
}

// statement looks at the head of a statement, and takes it when it is ours.
func (r *relayed) statement(ctx context.Context, c wire.Command, length int) (bool, error) {
	head, err := r.in.peek(packetHeader + min(length, lookAhead))
	if err != nil {
		return false, unexpected(err)
	}
	if c == wire.ComStmtPrepare {
		r.oursLast = 0
	}
	sql, ok := r.sql(c, head[packetHeader:])
	if !ok || length > maxStatementPacket {
		return false, nil
	}
	if instead := r.sslStatus(sql); instead != "" && length <= lookAhead { // else there is more text
		return true, r.answerSSLStatus(c, length, instead)
	}
	ours, kill := account.Ours(sql), c == wire.ComQuery && looksLikeKill(sql)
	// Others than the administrator get the backend's own refusal.
	kept := !ours && !kill && r.isAdmin && account.ChangesSchema(sql)
	own := !ours && !kill && r.proved() && account.SetsOwnPassword(sql, r.account.User)
	if !ours && !kill && !kept && !own {
		r.follow(c, sql)
		return false, nil
	}
	if c == wire.ComStmtPrepare {
		r.oursLast = notPrepared
	}
	payload, err := r.take(length)
	if err != nil {
		return true, err
	}
	switch {
	case kill:
		return true, r.kill(payload)
	case kept:
		return true, r.failInTurn(errKeptSchema)
	case own:
		return true, r.failInTurn(errNoPassword)
	}
	return true, r.accountStatement(ctx, c, payload)
}

// sql finds the text in a command, or in its head.
func (r *relayed) sql(c wire.Command, payload []byte) ([]byte, bool) {
	if c == wire.ComStmtPrepare {
		text, err := wire.ParsePrepare(payload)
		return text, err == nil
	}
	query, err := wire.ParseQuery(payload, r.caps())
	return query.SQL, err == nil
}

// take removes one packet from the stream and returns its payload.
func (r *relayed) take(length int) ([]byte, error) {
	packet := make([]byte, packetHeader+length)
	if _, err := io.ReadFull(r.in, packet); err != nil {
		return nil, unexpected(err)
	}
	return packet[packetHeader:], nil
}

// instead sends the backend another command in place of one that was taken, so that
// its own answer, with its own status, is what the client gets.
func (r *relayed) instead(payload []byte) error {
	r.answersBefore, r.lately.mayEnded = r.toClient.count.Load(), true
	_, err := r.up.conn.Write(wire.AppendPacket(nil, 0, payload))
	return err
}

// failInTurn is fail after the answers to all that came before.
func (r *relayed) failInTurn(err error) error {
	if err := r.settled(); err != nil {
		return err
	}
	return r.fail(err)
}

// fail answers a command that was taken.
func (r *relayed) fail(err error) error {
	r.seq = 1
	return r.send(r.errorPacket(err).Append(nil))
}

func (s *session) caps() wire.Capability { return s.login.Capabilities }
