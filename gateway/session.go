package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/relay"
	"github.com/midas-mysql/midas/internal/wire"
)

const (
	// endTimeout is how long a connection may take to end at the backend, which may be busy
	// with many more that end at the same time. What runs there when the gateway goes down
	// may go on.
	endTimeout         = 30 * time.Second
	endTimeoutShutdown = 5 * time.Second
)

// session is the life of a connection after sign-in.
type session struct {
	client *client
	handle *handle
	as     signedIn // COM_CHANGE_USER replaces it whole
	x      *exchange

	statements *statements
	follower   *follower
	lull       *lull
	changer    changer
	ids        *connectionIDs
	id         uint32 // what the greeting said, and KILL may name

	continues bool // the client's last packet goes on in the next
	lastSeq   byte // the number of that packet
}

// open begins the session: the client gets the backend's OK, and its place among those that
// sign in is another's.
func (s *session) open(ctx context.Context) {
	defer func() { s.as.conn.Close() }()
	s.enter(s.as)
	s.changer.log.add(s.client, s.as, nil)
	s.client.place.leave()
	s.client.place = nil
	s.client.raw.SetDeadline(time.Time{})
	s.client.raw.Guard(s.x.writeTimeout)
	if err := s.client.send(s.as.conn.ok); err != nil {
		return
	}
	s.relay(ctx)
}

// enter makes a sign-in the session's.
func (s *session) enter(as signedIn) {
	s.as = as
	s.ids.set(s.id, as)
	s.handle.attach(as)
	// What was there to sign in with is a secret, and may be long.
	s.client.login.AuthData, s.client.login.Attributes = nil, nil
	s.resetSession()
}

// relay carries commands and answers until one side ends.
func (s *session) relay(ctx context.Context) {
	s.x.copyAnswers()
	err := s.commands(ctx)
	evicted := s.handle.evicted.Load() != nil
	switch {
	case errors.Is(err, errDrained):
		s.x.toClient.putAside.Store(true) // before the backend hangs up
		s.x.sendReplacement([]byte{byte(wire.ComQuit)})
		s.x.endAnswers()
		s.lull.sayShutdown()
		return
	case evicted:
		s.client.conn.SetWriteDeadline(time.Now().Add(time.Second))
		s.x.endAnswers()
	case clientLeft(err):
		s.x.in.flush()
		relay.CloseWrite(s.as.conn.Conn) // the backend may still be answering
	default:
		s.as.conn.Close()
		// A client that reads nothing would hold up the copying of answers for ever.
		s.client.conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	<-s.x.answered
	if reason := s.handle.evicted.Load(); reason != nil {
		s.client.seq = 0
		s.client.send(s.client.errorPacket(reason, true).Append(nil))
	}
	if !s.x.hungUp.Load() {
		s.endAtBackend()
	}
}

// clientLeft tells whether commands ended since the client is gone. What it had asked for is
// completed, as by a server, and the session goes on being checked meanwhile.
func clientLeft(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.As(err, &network) && network.Op == "read"
}

// endAtBackend ends what the session may still be doing there: a backend does not notice that
// its connection was closed before it has something to say, which a stored program need
// never have. A principal that lost its rights would go on using them in it.
func (s *session) endAtBackend() {
	timeout := endTimeout
	if s.handle.evicted.Load() == errShutdown {
		timeout = endTimeoutShutdown
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := s.as.backend.accounts.EndConnection(ctx, s.as.conn.id); err != nil {
		s.client.refusals.Warn(s.client.remote(), "what a session was doing may go on at the database until it ends by itself", "server", s.as.server.Name, "account", s.as.account.String(), "connection", s.as.conn.id, "error", err)
	}
}

// changeUser signs the client in anew and moves the session to the new connection to the
// backend, because the old one is signed in as another account. As on a server, a refusal
// ends the connection.
func (s *session) changeUser(ctx context.Context) error {
	payload, err := s.client.read()
	if err != nil {
		return err
	}
	if err := s.x.drainAnswers(); err != nil {
		return err
	}
	s.client.conn.SetDeadline(time.Now().Add(s.changer.timeout))
	defer s.client.conn.SetDeadline(time.Time{})
	next, err := s.changer.signIn(ctx, s.client, payload)
	if err != nil {
		return err
	}
	s.x.endAnswers()
	s.x.moveTo(next.conn)
	s.enter(next)
	if err := s.client.send(next.conn.ok); err != nil {
		return err
	}
	s.x.copyAnswers()
	return nil
}

// commands passes the client's packets on, one command after the other.
func (s *session) commands(ctx context.Context) error {
	for s.handle.evicted.Load() == nil {
		if !s.continues {
			if err := s.lull.awaitCommand(); err != nil {
				return err
			}
		}
		header, err := s.x.in.peek(packetHeader)
		if err != nil {
			return err
		}
		length := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
		starts, err := s.startsCommand(length, header[3])
		if err != nil {
			s.client.seq = header[3] + 1
			s.client.refuse(err, true)
			return err
		}
		if starts && length > 0 {
			first, err := s.x.in.peek(packetHeader + 1)
			if err != nil {
				return err
			}
			c := wire.Command(first[packetHeader])
			handled, err := s.command(ctx, c, length)
			if err != nil {
				return err
			}
			if handled {
				continue
			}
			if err := s.lull.noteCommand(c, length); err != nil {
				return err
			}
		}
		if err := s.x.in.forward(packetHeader + length); err != nil {
			return err
		}
	}
	return s.handle.evicted.Load()
}

// startsCommand tells a command from what merely looks like one, the rest of a packet of
// 16 MiB. A packet out of sequence ends the session: the backend would read its payload
// as packets of their own, with commands in them that nobody here has seen.
func (s *session) startsCommand(length int, seq byte) (bool, error) {
	starts, want := !s.continues, byte(0)
	if s.continues {
		want = s.lastSeq + 1
	}
	if seq != want {
		return false, answerf(mysqlerr.NetPacketsOutOfOrder, "Got packets out of order")
	}
	s.continues, s.lastSeq = length == fullPacket, seq
	return starts, nil
}

// command deals with the commands that are not simply passed on. handled means that
// the packet has been taken out of the stream.
func (s *session) command(ctx context.Context, c wire.Command, length int) (handled bool, err error) {
	switch c {
	case wire.ComQuery, wire.ComStmtPrepare:
		return s.statement(ctx, c, length)
	case wire.ComStmtExecute, wire.ComStmtBulkExecute, wire.ComStmtClose, wire.ComStmtReset, wire.ComStmtSendLongData, wire.ComStmtFetch:
		if c == wire.ComStmtExecute || c == wire.ComStmtBulkExecute {
			s.follower.execute(s.as)
		}
		return s.statements.preparedCommand(ctx, s.as, c, length)
	case wire.ComChangeUser:
		return true, s.changeUser(ctx)
	case wire.ComProcessKill:
		return processKill(s.x, s.ids, s.as.server, length)
	case wire.ComSetOption:
		return false, s.setOption(length)
	case wire.ComResetConnection:
		s.resetSession()
	}
	return false, nil
}

// setOption notes whether the client may send several statements in one: PHP's
// multi_query says so as late as this.
//
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_set_option.html
func (s *session) setOption(length int) error {
	if length != 3 {
		return nil // the backend knows how to answer a broken packet
	}
	packet, err := s.x.in.peek(packetHeader + length)
	if err != nil {
		return unexpected(err)
	}
	switch packet[packetHeader+1] | packet[packetHeader+2] {
	case 0: // MYSQL_OPTION_MULTI_STATEMENTS_ON
		s.x.multi = true
	case 1: // MYSQL_OPTION_MULTI_STATEMENTS_OFF
		s.x.multi = false
	}
	return nil
}

// resetSession forgets what belongs to the session in the sense of SQL.
func (s *session) resetSession() {
	s.statements.reset()
	s.follower.preparedChange = false
}

// statement looks at the head of a statement, and takes it when it is ours.
func (s *session) statement(ctx context.Context, c wire.Command, length int) (bool, error) {
	head, err := s.x.in.peek(packetHeader + min(length, lookAhead))
	if err != nil {
		return false, unexpected(err)
	}
	if c == wire.ComStmtPrepare {
		s.statements.oursLast = 0
	}
	sql, ok := s.x.text(c, head[packetHeader:])
	if !ok || length > maxStatementPacket {
		return false, nil
	}
	if truth := sslStatus(s.client.conn, sql); truth != "" && length <= lookAhead { // else there is more text
		return true, answerSSLStatus(s.x, c, length, truth)
	}
	ours, kills := account.Ours(sql), c == wire.ComQuery && looksLikeKill(sql)
	// Others than the administrator get the backend's own refusal.
	kept := !kills && s.as.isAdmin() && account.ChangesSchema(sql) // also behind one of ours
	own := !ours && !kills && s.as.proved() && account.SetsOwnPassword(sql, s.as.account.User)
	if !ours && !kills && !kept && !own {
		s.follower.note(s.as, c, sql)
		return false, nil
	}
	if c == wire.ComStmtPrepare {
		s.statements.oursLast = notPrepared
	}
	payload, err := s.x.take(length)
	if err != nil {
		return true, err
	}
	switch {
	case kills:
		return true, kill(s.x, s.ids, s.as.server, payload)
	case kept:
		return true, s.x.failInTurn(errKeptSchema)
	case own:
		return true, s.x.failInTurn(errNoPassword)
	}
	return true, s.statements.run(ctx, s.as, c, payload)
}
