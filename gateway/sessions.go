package gateway

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas/internal/relay"
)

// sessions are the open connections.
type sessions struct {
	mu      sync.Mutex
	all     map[*handle]struct{}
	closing bool
	running sync.WaitGroup
}

func newSessions() *sessions { return &sessions{all: map[*handle]struct{}{}} }

// run runs a connection, unless the gateway takes no more.
func (s *sessions) run(h *handle, connection func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.all[h] = struct{}{}
	s.running.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.all, h)
			s.mu.Unlock()
		}()
		connection()
	})
	return true
}

func (s *sessions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

func (s *sessions) each(do func(*handle)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.all {
		do(h)
	}
}

// close takes no more connections, and begins to drain the open ones.
func (s *sessions) close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.each((*handle).drain)
}

// end waits for all connections until stop is closed, and then ends them wherever they are.
func (s *sessions) end(stop <-chan struct{}) {
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-stop:
	}
	var all []*handle
	s.each(func(h *handle) { all = append(all, h) })
	for _, h := range all {
		h.evict(errShutdown)
	}
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		s.each((*handle).cut)
		<-done
	}
}

// handle is a connection as recheck and Shutdown see it: what admitted its session, and how
// it is ended from another goroutine.
type handle struct {
	client   *relay.Guarded
	basis    atomic.Pointer[sessionBasis] // nil while signing in
	evicted  atomic.Pointer[answer]       // why the session is to end
	draining atomic.Bool

	turn    sync.Mutex // to set the client's read deadline, after sign-in
	waiting bool       // for the client's next command

	mu   sync.Mutex
	conn net.Conn // to the backend
}

// sessionBasis is what admitted a session, which ends when any of it is gone. A session by
// password has a server alone.
type sessionBasis struct {
	signedIn
	since    time.Time
	asMember bool // see signedIn.byGroup

	// What follows is used by recheck alone.

	// confirmed is true once all of it was found to be still there. Until then the session
	// is checked whatever the feed says: a change may have come between its sign-in's
	// questions and its registration.
	confirmed bool
	groups    []string // of the principal, when last checked
}

// attach makes a sign-in the session's, for recheck to check and evict to end.
func (h *handle) attach(in signedIn) {
	h.mu.Lock()
	h.conn = in.conn
	h.mu.Unlock()
	h.basis.Store(&sessionBasis{signedIn: in, since: time.Now(), asMember: in.byGroup()})
}

// evict ends a session: it wakes the goroutine that waits for the client, which then says
// why and closes.
func (h *handle) evict(why *answer) {
	h.evicted.CompareAndSwap(nil, why)
	h.turn.Lock()
	h.client.SetReadDeadline(time.Unix(1, 0))
	h.turn.Unlock()
	h.client.SetWriteDeadline(time.Now().Add(time.Second))
	h.closeBackend()
}

// cut ends a session without a word.
func (h *handle) cut() {
	h.client.Close()
	h.closeBackend()
}

func (h *handle) closeBackend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn != nil {
		h.conn.Close()
	}
}

// drain makes the session end at the next moment without a transaction. It interrupts the
// wait for a command, never a command that the client is in the middle of sending.
func (h *handle) drain() {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.draining.Store(true)
	if h.waiting && h.evicted.Load() == nil {
		h.client.SetReadDeadline(time.Unix(1, 0))
	}
}

// beginWait is called before the wait for a command, which lasts quiet at most while draining.
func (h *handle) beginWait(quiet time.Duration) {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.waiting = true
	if h.draining.Load() && h.evicted.Load() == nil {
		h.client.SetReadDeadline(time.Now().Add(quiet))
	}
}

// endWait clears the deadline of drain or beginWait, but never that of evict.
func (h *handle) endWait() (draining bool) {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.waiting = false
	if h.draining.Load() && h.evicted.Load() == nil {
		h.client.SetReadDeadline(time.Time{})
	}
	return h.draining.Load()
}
