package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
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

// noCommandYet is a value of answersBefore that no count of answers reaches.
const noCommandYet = math.MaxUint64

// errDrained ends the relay of a session without a transaction.
var errDrained = errors.New("the gateway is draining, and the session has no open transaction")

// Shutdown refuses new connections and ends each session, with error 1053, as soon as no
// statement of it runs and no transaction is open. When ctx is done the rest ends wherever
// it is.
func (g *Gateway) Shutdown(ctx context.Context) {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	defer g.background.Wait()
	defer g.endOfLife()
	g.each((*session).drain)
	g.beginDrain()
	done := make(chan struct{})
	go func() { g.running.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	var all []*session
	g.each(func(s *session) { all = append(all, s) })
	for _, s := range all {
		s.evict(errShutdown)
	}
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		g.each((*session).cut)
		<-done
	}
}

// drain makes the session end at the next moment without a transaction. It interrupts the
// wait for a command, never a command that the client is in the middle of sending.
func (s *session) drain() {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.draining.Store(true)
	if s.waiting && s.evicted.Load() == nil {
		s.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// beginWait is called before the wait for a command, which is short while draining.
func (s *session) beginWait() {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.waiting = true
	if s.draining.Load() && s.evicted.Load() == nil {
		s.raw.SetReadDeadline(time.Now().Add(drainQuiet))
	}
}

// endWait clears the deadline of drain or beginWait, but never that of evict.
func (s *session) endWait() (draining bool) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.waiting = false
	if s.draining.Load() && s.evicted.Load() == nil {
		s.raw.SetReadDeadline(time.Time{})
	}
	return s.draining.Load()
}

// hurry leaves a sign-in one more second once the gateway drains. stop reports false when
// the drain has begun: the client is then refused, since its session would end at once.
func (s *session) hurry() (stop func() bool) {
	return context.AfterFunc(s.drainBegun, func() { s.raw.SetReadDeadline(time.Now().Add(time.Second)) })
}

// activity is what is known of a draining session's traffic.
type activity struct {
	answers  uint64    // value of answers.count when last looked at
	since    time.Time // no command and no answer since then
	asked    time.Time // when the backend was last asked; at first, when the drain was noticed
	mayEnded bool      // a command since asked may have ended the transaction
}

// awaitCommand returns when the header of the client's next command is here. While draining
// it returns errDrained as soon as no transaction is open.
func (r *relayed) awaitCommand() error {
	for {
		pending := r.in.buffered() >= packetHeader
		if r.draining.Load() && r.timeToAsk(pending) {
			if err := r.askTransaction(); err != nil {
				return err
			}
		}
		if pending {
			return nil
		}
		r.beginWait()
		err := r.in.fill()
		if draining := r.endWait(); err != nil && !(draining && errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
}

// timeToAsk is where the price of a fence is weighed; pending tells whether the client has
// sent another command.
func (r *relayed) timeToAsk(pending bool) bool {
	now, answers := time.Now(), r.toClient.count.Load()
	if r.lately.asked.IsZero() {
		r.lately = activity{answers: answers, since: now, asked: now}
	}
	if pending || answers != r.lately.answers {
		r.lately.answers, r.lately.since = answers, now
	}
	if pending {
		return r.lately.mayEnded || now.Sub(r.lately.asked) >= maxUnasked
	}
	return !r.unanswered() && now.Sub(r.lately.since) >= drainQuiet
}

// askTransaction returns errDrained unless a transaction is open.
func (r *relayed) askTransaction() error {
	status, err := r.serverStatus()
	if err != nil {
		return err
	}
	if !status.Has(wire.StatusInTrans) {
		return errDrained
	}
	r.Log.Debug("the drain waits for the end of a transaction", "remote", r.remote(), "user", r.login.User)
	now := time.Now()
	r.lately = activity{answers: r.toClient.count.Load(), since: now, asked: now}
	return nil
}

// unanswered tells whether nothing of the answer to the last command has come.
func (r *relayed) unanswered() bool { return r.toClient.count.Load() == r.answersBefore }

// noteCommand is called before a command goes to the backend.
func (r *relayed) noteCommand(c wire.Command, length int) error {
	switch c {
	case wire.ComStmtClose, wire.ComStmtSendLongData, wire.ComQuit: // have no answer
		return nil
	case wire.ComResetConnection:
		r.lately.mayEnded = true
	case wire.ComQuery:
		if !r.draining.Load() {
			break
		}
		head, err := r.in.peek(packetHeader + min(length, lookAhead))
		if err != nil {
			return unexpected(err)
		}
		r.lately.mayEnded = r.lately.mayEnded || !r.keepsTransaction(head[packetHeader:])
	}
	r.pipelined = r.pipelined || r.unanswered()
	r.answersBefore = r.toClient.count.Load()
	return nil
}

// keepers begin the statements that end no transaction of their own accord. A failure can
// roll one back all the same, and a text can hold several statements: then the next quiet
// moment, or maxUnasked, finds out.
var keepers = [][]byte{
	[]byte("SELECT"), []byte("INSERT"), []byte("UPDATE"), []byte("DELETE"), []byte("REPLACE"),
	[]byte("WITH"), []byte("SHOW"), []byte("EXPLAIN"), []byte("SAVEPOINT"), []byte("GET"),
}

func (r *relayed) keepsTransaction(head []byte) bool {
	sql, ok := r.sql(wire.ComQuery, head)
	if !ok || r.multi && bytes.ContainsRune(sql, ';') {
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
func (r *relayed) sayShutdown() {
	r.seq = 0
	if header, ok := r.in.peekBuffered(packetHeader); ok {
		r.seq = header[3] + 1
	}
	r.conn.SetDeadline(time.Now().Add(drainLinger))
	if r.send(r.errorPacket(errShutdown).Append(nil)) != nil {
		return
	}
	if half, ok := r.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		io.CopyN(io.Discard, r.conn, maxSignInPacket)
	}
}
