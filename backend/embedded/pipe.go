//go:build gms_pure_go

package embedded

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeRoom is how much one side may be ahead of the other. net.Pipe has no room at all:
// a server that answers before it has read everything would wait for ever for a client
// that writes everything before it reads.
const pipeRoom = 64 << 10

// pipe is one end of a connection inside the process. Unlike an end of net.Pipe it holds
// bytes on their way, can be closed in one direction, and tells when its peer has gone.
type pipe struct {
	in, out *stream
	addr    pipeAddr
	peer    *pipe

	closing sync.Once
	closed  chan struct{} // this end is closed
	ending  sync.Once
	ended   chan struct{} // this end writes no more
}

// pipeAddr names the host that the accounts of the engine see.
type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) + ":0" }

var (
	_ net.Conn                        = (*pipe)(nil)
	_ interface{ CloseWrite() error } = (*pipe)(nil)
)

// newPipe returns both ends. The server sees a client that comes from host.
func newPipe(host string) (client, server *pipe) {
	up, down := newStream(), newStream()
	end := func(in, out *stream) *pipe {
		return &pipe{in: in, out: out, addr: pipeAddr(host), closed: make(chan struct{}), ended: make(chan struct{})}
	}
	client, server = end(down, up), end(up, down)
	client.peer, server.peer = server, client
	return client, server
}

func (p *pipe) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipe) Write(b []byte) (int, error) { return p.out.write(b) }
func (p *pipe) LocalAddr() net.Addr         { return p.addr }
func (p *pipe) RemoteAddr() net.Addr        { return p.addr }

// CloseWrite lets the peer read what is on its way, and then the end.
func (p *pipe) CloseWrite() error {
	p.out.end()
	p.ending.Do(func() { close(p.ended) })
	return nil
}

// Close ends both directions. Closing twice is fine.
func (p *pipe) Close() error {
	p.closing.Do(func() {
		p.CloseWrite()
		p.out.abandon(net.ErrClosed, nil)
		p.in.abandon(io.ErrClosedPipe, net.ErrClosed)
		close(p.closed)
	})
	return nil
}

func (p *pipe) SetDeadline(t time.Time) error {
	p.SetReadDeadline(t)
	return p.SetWriteDeadline(t)
}

func (p *pipe) SetReadDeadline(t time.Time) error {
	p.in.setDeadline(&p.in.readBy, t)
	return nil
}

func (p *pipe) SetWriteDeadline(t time.Time) error {
	p.out.setDeadline(&p.out.writeBy, t)
	return nil
}

// stream is one direction.
type stream struct {
	mu      sync.Mutex
	changed *sync.Cond
	bytes   []byte // on their way, from next on
	next    int

	ended             bool  // nothing more will be written
	writeErr, readErr error // why a side cannot go on, once an end is closed
	readBy, writeBy   deadline
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newStream() *stream {
	s := &stream{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readErr != nil:
			return 0, s.readErr
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case s.next < len(s.bytes) || len(b) == 0:
			n := copy(b, s.bytes[s.next:])
			s.consume(n)
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

// consume gives a large buffer back when it is empty: ten thousand idle connections
// should not hold ten thousand of them.
func (s *stream) consume(n int) {
	s.next += n
	if s.next == len(s.bytes) {
		s.next, s.bytes = 0, s.bytes[:0]
		if cap(s.bytes) > 4<<10 {
			s.bytes = nil
		}
	}
	s.changed.Broadcast()
}

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		room := pipeRoom - (len(s.bytes) - s.next)
		switch {
		case s.writeErr != nil:
			return n, s.writeErr
		case s.ended:
			return n, io.ErrClosedPipe
		case s.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		case n == len(b):
			return n, nil
		case room > 0:
			if s.next > 0 {
				s.bytes = s.bytes[:copy(s.bytes, s.bytes[s.next:])]
				s.next = 0
			}
			part := b[n:min(len(b), n+room)]
			s.bytes = append(s.bytes, part...)
			n += len(part)
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.changed.Broadcast()
}

// abandon fails the writer, and the reader too unless it may still read what has come.
func (s *stream) abandon(writeErr, readErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeErr == nil {
		s.writeErr = writeErr
	}
	if readErr != nil && s.readErr == nil {
		s.readErr, s.bytes, s.next = readErr, nil, 0
	}
	s.changed.Broadcast()
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, s.wake)
	}
	s.changed.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}
