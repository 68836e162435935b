package gateway

import (
	"bytes"
	"errors"
	"os"
	"time"

	"github.com/midas-mysql/midas/internal/wire"
)

// While the gateway drains, a session ends as soon as no transaction of it is open. The
// status flags in the backend's answers tell, but answers are copied unread: so between two
// commands of the client the gateway sends a COM_PING of its own behind a fence, and reads
// the flags of its OK.
//
// The fence's error replaces the warnings and ROW_COUNT() of the client's last statement. A
// client that wants those asks for them at once. The ping therefore waits until the session
// is quiet, or a command may have ended the transaction, or maxUnasked has passed.
//
// No flag tells of LOCK TABLES, GET_LOCK, temporary tables, session variables, prepared
// statements or open cursors: a session with those alone counts as idle.

const (
	// drainQuiet is how long a session must have been quiet before the backend is asked.
	drainQuiet = 100 * time.Millisecond
	// maxUnasked is the longest time between two questions about a session that is never
	// quiet.
	maxUnasked = time.Second
	// drainLinger is how long the connection of an ended session stays open. Closing it with
	// a command unread would reset it, and the reset could overtake the error.
	drainLinger = 500 * time.Millisecond
)

// errDrained ends the relay of a session without a transaction.
var errDrained = errors.New("the gateway is draining, and the session has no open transaction")

// lull finds the moments between commands in which the session may end.
type lull struct {
	x      *exchange
	lately activity
}

// activity is what is known of a draining session's traffic.
type activity struct {
	answers uint64    // value of answers.count when last looked at
	since   time.Time // no command and no answer since then
	asked   time.Time // when the backend was last asked; at first, when the drain was noticed
}

// awaitCommand returns when the header of the client's next command is here. While draining
// it returns errDrained as soon as no transaction is open.
func (l *lull) awaitCommand() error {
	for {
		pending := l.x.in.buffered() >= packetHeader
		if l.x.handle.draining.Load() && l.timeToAsk(pending) {
			if err := l.askTransaction(); err != nil {
				return err
			}
		}
		if pending {
			return nil
		}
		l.x.handle.beginWait(drainQuiet)
		err := l.x.in.fill()
		if draining := l.x.handle.endWait(); err != nil && !(draining && errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
}

// timeToAsk is where the price of a fence is weighed; pending tells whether the client has
// sent another command.
func (l *lull) timeToAsk(pending bool) bool {
	now, answers := time.Now(), l.x.toClient.count.Load()
	if l.lately.asked.IsZero() {
		l.lately, l.x.mayEnded = activity{answers: answers, since: now, asked: now}, false
	}
	if pending || answers != l.lately.answers {
		l.lately.answers, l.lately.since = answers, now
	}
	if pending {
		return l.x.mayEnded || now.Sub(l.lately.asked) >= maxUnasked
	}
	return !l.x.unanswered() && now.Sub(l.lately.since) >= drainQuiet
}

// askTransaction returns errDrained unless a transaction is open.
func (l *lull) askTransaction() error {
	status, err := l.x.serverStatus()
	if err != nil {
		return err
	}
	if !status.Has(wire.StatusInTrans) {
		return errDrained
	}
	l.x.log.Debug("the drain waits for the end of a transaction", "remote", l.x.client.remote(), "user", l.x.client.login.User)
	now := time.Now()
	l.lately, l.x.mayEnded = activity{answers: l.x.toClient.count.Load(), since: now, asked: now}, false
	return nil
}

// noteCommand is called before a command goes to the backend.
func (l *lull) noteCommand(c wire.Command, length int) error {
	switch c {
	case wire.ComStmtClose, wire.ComStmtSendLongData, wire.ComQuit: // have no answer
		return nil
	case wire.ComResetConnection:
		l.x.mayEnded = true
	case wire.ComQuery:
		if !l.x.handle.draining.Load() {
			break
		}
		head, err := l.x.in.peek(packetHeader + min(length, lookAhead))
		if err != nil {
			return unexpected(err)
		}
		l.x.mayEnded = l.x.mayEnded || !l.keepsTransaction(head[packetHeader:])
	}
	l.x.pipelined = l.x.pipelined || l.x.unanswered()
	l.x.answersBefore = l.x.toClient.count.Load()
	return nil
}

// keepers begin the statements that end no transaction of their own accord. A failure can
// roll one back all the same, and a text can hold several statements: then the next quiet
// moment, or maxUnasked, finds out.
var keepers = [][]byte{
	[]byte("SELECT"), []byte("INSERT"), []byte("UPDATE"), []byte("DELETE"), []byte("REPLACE"),
	[]byte("WITH"), []byte("SHOW"), []byte("EXPLAIN"), []byte("SAVEPOINT"), []byte("GET"),
}

func (l *lull) keepsTransaction(head []byte) bool {
	sql, ok := l.x.text(wire.ComQuery, head)
	if !ok || l.x.multi && bytes.ContainsRune(sql, ';') {
		return false
	}
	sql = bytes.TrimLeft(sql, " \t\r\n(")
	for _, word := range keepers {
		if len(sql) > len(word) && bytes.EqualFold(sql[:len(word)], word) {
			return true
		}
	}
	return false
}

// sayShutdown tells the client 1053: as the answer to the command that it has sent, which
// the backend never sees, or else unasked, as servers tell it to idle clients.
func (l *lull) sayShutdown() {
	client := l.x.client
	client.seq = 0
	if header, ok := l.x.in.peekBuffered(packetHeader); ok {
		client.seq = header[3] + 1
	}
	client.conn.SetDeadline(time.Now().Add(drainLinger))
	if client.send(client.errorPacket(errShutdown, true).Append(nil)) == nil {
		client.linger()
	}
}
