package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/relay"
	"github.com/midas-mysql/midas/internal/sender"
	"github.com/midas-mysql/midas/wire"
)

// session is the life of one client connection.
type session struct {
	*Gateway
	raw  *relay.Guarded // as accepted
	conn net.Conn       // raw, or TLS over it once secure has run
	from io.Reader      // where the client's packets come from: conn, or the relay's stream
	id   uint32         // what the greeting said, and KILL may name
	seq  byte           // of the next packet to the client

	source  sender.Sender
	place   *place      // while signing in, or refused; else nil
	listens atomic.Bool // for what the client sends, while signing in

	login     wire.HandshakeResponse
	plugin    string // by which the client sent its token, and can again
	principal midas.Principal
	server    midas.Server
	user      string // asked for, without the server
	accounts  Accounts
	account   account.Account
	isAdmin   bool // signed in as the server's Entra administrator

	validateIDs   bool // aad_auth_validate_oids_in_tenant of this session
	prepared      map[uint32]*preparedStatement
	countPrepared uint32
	oursLast      uint32   // id of the statement prepared last, 0 when it is the backend's
	behind        net.Conn // to the backend, under mu
	basis         atomic.Pointer[sessionBasis]
	evicted       atomic.Pointer[answer] // why the session is to end

	turn     sync.Mutex // who may set the read deadline of raw, after sign-in
	waiting  bool       // for the client's next command
	draining atomic.Bool
}

// run takes the session through its states. It owns conn and closes it.
func (s *session) run(ctx context.Context) {
	defer s.raw.Close()
	defer func() { s.place.leave() }()
	if !s.takePlace() {
		s.refusals.Warn(s.remote(), "connection refused: all places are taken by sign-ins under way", "source", s.source)
		s.refuse(errTooManyConnections)
		return
	}
	s.raw.SetDeadline(time.Now().Add(s.SignInTimeout))
	undrained := s.hurry()
	signing, cancel := context.WithTimeout(ctx, s.SignInTimeout)
	up, err := s.signIn(signing)
	cancel()
	if err != nil {
		undrained()
		s.audit(err)
		s.refuse(err)
		return
	}
	defer func() { up.conn.Close() }()
	if !undrained() {
		s.audit(errShutdown)
		s.refuse(errShutdown)
		return
	}
	s.attach(up)
	s.noteBasis()
	s.audit(nil)
	s.place.leave()
	s.place = nil
	// What was there to sign in with is a secret, and may be long.
	s.login.AuthData, s.login.Attributes = nil, nil
	s.raw.SetDeadline(time.Time{})
	s.raw.Guard(s.WriteTimeout)
	if err := s.send(up.ok); err != nil {
		return
	}
	s.relay(ctx, &up)
}

// takePlace gets a place among the connections that sign in, if need be that of one which
// waits for its client.
func (s *session) takePlace() bool {
	taken, dropped := s.limits.enter(s.source, s)
	if dropped != nil {
		s.refusals.Warn(dropped.from.String(), "connection closed to make room: it had not sent its token or password", "source", dropped.from)
	}
	s.place = taken
	return taken != nil
}

// signIn is everything up to the backend's OK, which is left for the caller to send.
func (s *session) signIn(ctx context.Context) (upstream, error) {
	nonce, err := s.greet()
	if err != nil {
		return upstream{}, err
	}
	if err := s.secure(ctx); err != nil {
		return upstream{}, err
	}
	secret, err := s.receive(nonce)
	if err != nil {
		return upstream{}, err
	}
	if !s.place.working() {
		return upstream{}, &hangUp{errNoPlace}
	}
	return s.signInWith(ctx, secret)
}

// signInWith takes what the client sent for a password.
func (s *session) signInWith(ctx context.Context, secret []byte) (upstream, error) {
	if !looksLikeToken(secret) {
		return s.native(ctx, string(secret))
	}
	return s.withToken(ctx, secret)
}

// withToken signs in with a token when its turn has come.
func (s *session) withToken(ctx context.Context, token []byte) (upstream, error) {
	began := time.Now()
	leave, err := s.tokens.enter(ctx, s.source)
	if err != nil {
		return upstream{}, errBusy
	}
	defer leave()
	late := time.Since(began) > s.SignInTimeout/2
	err = s.admit(ctx, token)
	switch {
	case err != nil && ctx.Err() != nil && (late || !s.proved()):
		return upstream{}, errBusy // its turn came too late
	case err != nil:
		return upstream{}, err
	}
	return s.enter(ctx)
}

// greet sends the greeting of an ordinary server.
//
// It never names mysql_clear_password: several clients would then put the token
// into their very first packet, before a connection without TLS can be refused.
func (s *session) greet() (nonce []byte, err error) {
	nonce = newNonce()
	return nonce, s.send(s.hello.toClient(s.id, nonce).Append(nil))
}

// secure refuses a client that does not start TLS, and reads its login packet
// from inside TLS when it does.
func (s *session) secure(ctx context.Context) error {
	first, err := s.read()
	if err != nil {
		return err
	}
	if !wire.IsSSLRequest(first) {
		// Remembered for the audit log only. Whatever the packet carries beside the
		// name is not looked at: it came in the clear.
		if login, err := wire.ParseHandshakeResponse(first); err == nil {
			s.login.User = clip(login.User)
		}
		return errInsecureTransport
	}
	secured := tls.Server(s.conn, s.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		return &hangUp{err}
	}
	s.conn, s.from = secured, secured
	login, err := s.read()
	if err != nil {
		return err
	}
	s.login, err = wire.ParseHandshakeResponse(login)
	if err != nil || len(s.login.User) > maxName {
		s.login.User = clip(s.login.User)
		return errBadHandshake
	}
	s.login.Capabilities &= s.hello.offered() | wire.ClientLongPassword
	return nil
}

// maxSignInPacket bounds what a client that has proved nothing can make us hold. A
// token with two hundred groups is about 12 KiB.
const maxSignInPacket = 64 << 10

// maxName is more than any account and server have for a name together.
const maxName = 512

// clip keeps a stranger's name short in errors and in the audit log.
func clip(name string) string {
	if len(name) > maxName {
		return name[:maxName] + "…"
	}
	return name
}

// read returns the next packet of the client during sign-in.
func (s *session) read() ([]byte, error) {
	payload, seq, err := wire.ReadPacket(s.from, nil, maxSignInPacket)
	if err != nil {
		if errors.Is(err, wire.ErrTooLarge) {
			return nil, errBadHandshake
		}
		return nil, &hangUp{err}
	}
	s.seq = seq + 1
	s.place.awaiting()
	return payload, nil
}

func (s *session) send(payload []byte) error {
	_, err := s.conn.Write(wire.AppendPacket(nil, s.seq, payload))
	s.seq++
	if err != nil {
		return &hangUp{err}
	}
	return nil
}

// attach makes up the session's connection to the backend.
func (s *session) attach(up upstream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = up.conn
	s.upstreamIDs[s.id] = up.id
}

func (s *session) remote() string { return s.conn.RemoteAddr().String() }
