package gateway

import (
	"io"
	"sync"
)

const (
	restingBuffer = 4 << 10   // kept while a session waits for its client
	largeBuffer   = 64 << 10  // borrowed while a large packet passes
	packetHeader  = 4         // length (3 bytes, little endian), sequence number
	fullPacket    = 1<<24 - 1 // a payload of this length goes on in the next packet
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// stream reads what a client sends and passes it on to the backend untouched, except
// where its user stops it: at the first byte of a command.
//
// Bytes between start and parsed have been looked at and wait to be passed on; bytes
// between parsed and end have only arrived. Nothing is copied twice, and what is
// ready goes to the backend in one write before the next read waits.
type stream struct {
	src io.Reader
	dst io.Writer

	buf                []byte
	start, parsed, end int
}

func newStream(src io.Reader, dst io.Writer) *stream {
	return &stream{src: src, dst: dst, buf: make([]byte, restingBuffer)}
}

// buffered is how many bytes have arrived and were not looked at.
func (s *stream) buffered() int { return s.end - s.parsed }

// peek returns the next n bytes without consuming them, waiting for them if it must.
// n may not exceed restingBuffer.
func (s *stream) peek(n int) ([]byte, error) {
	for s.buffered() < n {
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	return s.buf[s.parsed : s.parsed+n], nil
}

// peekBuffered returns the next n bytes, if they have arrived.
func (s *stream) peekBuffered(n int) ([]byte, bool) {
	if s.buffered() < n {
		return nil, false
	}
	return s.buf[s.parsed : s.parsed+n], true
}

// fill passes on what is ready, and reads once.
func (s *stream) fill() error {
	if err := s.flush(); err != nil {
		return err
	}
	copy(s.buf, s.buf[s.parsed:s.end])
	s.start, s.parsed, s.end = 0, 0, s.buffered()
	n, err := s.src.Read(s.buf[s.end:])
	s.end += n
	if n > 0 {
		return nil
	}
	return err
}

// flush writes what is ready to the backend.
func (s *stream) flush() error {
	if s.start == s.parsed {
		return nil
	}
	_, err := s.dst.Write(s.buf[s.start:s.parsed])
	s.start = s.parsed
	return err
}

// forward marks the next n bytes as ready for the backend, waiting for those that
// have not arrived and passing large payloads on as they come.
func (s *stream) forward(n int) error {
	for n > s.buffered() {
		have := s.buffered()
		s.parsed += have
		n -= have
		if n >= largeBuffer {
			rest, err := s.forwardLarge(n)
			if err != nil {
				return err
			}
			n = rest
			continue
		}
		if err := s.fill(); err != nil {
			return unexpected(err)
		}
	}
	s.parsed += n
	return nil
}

// forwardLarge moves most of n bytes with a borrowed buffer and returns how many
// are left. Everything that had arrived is passed on first.
func (s *stream) forwardLarge(n int) (left int, err error) {
	if err := s.flush(); err != nil {
		return n, err
	}
	large := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(large)
	for n >= largeBuffer {
		r, err := s.src.Read(large[:])
		if r > 0 {
			if _, err := s.dst.Write(large[:r]); err != nil {
				return n, err
			}
			n -= r
		}
		if err != nil && r == 0 {
			return n, unexpected(err)
		}
	}
	return n, nil
}

// Read takes bytes out of the stream instead of passing them on. Whatever was
// ready before them reaches the backend first, so order is kept.
func (s *stream) Read(p []byte) (int, error) {
	if err := s.flush(); err != nil {
		return 0, err
	}
	if s.buffered() == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buf[s.parsed:s.end])
	s.parsed += n
	s.start = s.parsed
	return n, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
