package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/midas-mysql/midas"
)

// lingerFor is how long a refused client may take to hang up.
const lingerFor = time.Second

// endTimeout is how long a connection may take to end at the backend, which may be busy with
// many more that end at the same time. What runs there when the gateway goes down may go on.
const (
	endTimeout         = 30 * time.Second
	endTimeoutShutdown = 5 * time.Second
)

// errNoPlace ends a connection whose place was given to another when its secret came.
var errNoPlace = errors.New("its place went to another connection")

// hangUp is an end by a client that is gone: there is nobody to tell.
type hangUp struct{ err error }

func (h *hangUp) Error() string { return "connection lost during sign-in: " + h.err.Error() }
func (h *hangUp) Unwrap() error { return h.err }

// refuse tells the client, in MySQL's words, and lingers until it has hung up: a close with
// unread bytes would reset the connection and take the reason with it. A refused client is
// one of those that the gateway waits for, and gives way to newcomers as they do; where it
// gets no place among them the connection is closed at once.
func (s *session) refuse(err error) {
	var gone *hangUp
	if errors.As(err, &gone) {
		s.Log.Debug("client left during sign-in", "remote", s.conn.RemoteAddr(), "error", gone.err)
		return
	}
	s.conn.SetDeadline(time.Now().Add(lingerFor))
	packet := s.errorPacket(err)
	if s.seq == 0 {
		packet.State = "" // in place of a greeting it has none
	}
	if s.send(packet.Append(nil)) != nil {
		return
	}
	if s.place.awaiting(); s.place == nil && !s.takePlace() {
		return
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		io.CopyN(io.Discard, s.conn, maxSignInPacket)
	}
}

// evict ends a session from another goroutine: it wakes the one that waits for the
// client, which then says why and closes.
func (s *session) evict(why *answer) {
	s.evicted.CompareAndSwap(nil, why)
	s.turn.Lock()
	s.raw.SetReadDeadline(time.Unix(1, 0))
	s.turn.Unlock()
	s.raw.SetWriteDeadline(time.Now().Add(time.Second))
	s.mu.Lock()
	behind := s.behind
	s.mu.Unlock()
	if behind != nil {
		behind.Close()
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
func (s *session) endAtBackend(id uint32) {
	timeout := endTimeout
	if s.evicted.Load() == errShutdown {
		timeout = endTimeoutShutdown
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := s.accounts.EndConnection(ctx, id); err != nil {
		s.refusals.Warn(s.remote(), "what a session was doing may go on at the database until it ends by itself", "server", s.server.Name, "account", s.account.String(), "connection", id, "error", err)
	}
}

// cut ends a session without a word. The caller holds mu.
func (s *session) cut() {
	s.raw.Close()
	if s.behind != nil {
		s.behind.Close()
	}
}

func (s *session) audit(err error) {
	var gone *hangUp
	if errors.As(err, &gone) || s.login.User == "" && err != nil {
		return
	}
	record := midas.SignIn{
		Time: s.Now(), Remote: s.remote(), Server: s.server.Name,
		User: s.login.User, Principal: s.principal, Outcome: outcomeOf(err),
	}
	if err != nil {
		record.Reason = err.Error()
	} else if s.proved() {
		record.Account = s.account.User + "@" + s.account.Host
	} else {
		record.Account = s.account.User // a native one: its host is the backend's to know
	}
	s.Audit(record)
}
