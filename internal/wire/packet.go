package wire

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	// HeaderSize is the size of the header before each piece of a packet: three
	// bytes of length, little endian, and one of sequence number.
	HeaderSize = 4
	// MaxPiece is the most that one header can announce. A payload that is as long
	// or longer continues in a further piece, which may be empty.
	MaxPiece = 1<<24 - 1
	// readStep bounds what is allocated on the strength of an announcement alone;
	// beyond it the buffer grows with what has really come.
	readStep = 64 << 10
)

// ReadPacket reads one whole packet from r, joining its pieces, and returns the
// payload and the sequence number of the last piece; the answer carries the next
// one. The payload lives in buf when its capacity is enough.
//
// A payload of more than limit bytes is refused with *TooLargeError before anything
// is allocated for it. The connection is of no use afterwards, as the rest of the
// packet stays unread. The error is io.EOF when r ends before the first byte,
// io.ErrUnexpectedEOF when it ends later, else that of r.
func ReadPacket(r io.Reader, buf []byte, limit int) (payload []byte, seq byte, err error) {
	if cap(buf) < HeaderSize {
		buf = make([]byte, 0, 256)
	}
	payload = buf[:0]
	for first := true; ; first = false {
		payload = slices.Grow(payload, HeaderSize)
		size, s, err := readHeader(r, payload)
		switch {
		case err == io.EOF && !first:
			return nil, 0, io.ErrUnexpectedEOF
		case err != nil:
			return nil, 0, err
		case size > limit-len(payload):
			return nil, 0, &TooLargeError{Size: len(payload) + size, Max: limit}
		case !first && s != seq+1:
			return nil, 0, &MalformedError{Packet: "packet", What: "its pieces are out of sequence", Offset: len(payload)}
		}
		seq = s
		if payload, err = readPiece(r, payload, size); err != nil {
			return nil, 0, err
		}
		if size < MaxPiece {
			return payload, seq, nil
		}
	}
}

// readHeader uses the room behind payload, so that nothing escapes to the heap.
func readHeader(r io.Reader, payload []byte) (size int, seq byte, err error) {
	h := payload[len(payload) : len(payload)+HeaderSize]
	if _, err := io.ReadFull(r, h); err != nil {
		return 0, 0, err
	}
	return int(h[0]) | int(h[1])<<8 | int(h[2])<<16, h[3], nil
}

func readPiece(r io.Reader, payload []byte, size int) ([]byte, error) {
	for size > 0 {
		n := min(size, max(readStep, len(payload)))
		payload = slices.Grow(payload, n)
		end := len(payload) + n
		if _, err := io.ReadFull(r, payload[len(payload):end]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		payload = payload[:end]
		size -= n
	}
	return payload, nil
}

// AppendPacket appends payload with its header to dst, in as many pieces as its
// length takes, numbered from seq.
func AppendPacket(dst []byte, seq byte, payload []byte) []byte {
	for {
		n := min(len(payload), MaxPiece)
		dst = append(dst, byte(n), byte(n>>8), byte(n>>16), seq)
		dst = append(dst, payload[:n]...)
		if n < MaxPiece {
			return dst
		}
		payload = payload[n:]
		seq++
	}
}

// ErrMalformed and ErrTooLarge classify the errors of this package for errors.Is;
// *MalformedError and *TooLargeError carry the particulars for errors.As.
var (
	ErrMalformed = errors.New("malformed packet")
	ErrTooLarge  = errors.New("packet too large")
)

// MalformedError says where a packet stopped making sense. It never holds bytes of
// the packet, which may be a password.
type MalformedError struct {
	Packet string // "handshake response"
	What   string // "user name has no end"
	Offset int    // byte in the payload where the field begins
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("malformed %s at byte %d: %s", e.Packet, e.Offset, e.What)
}

// Is reports whether target is ErrMalformed.
func (e *MalformedError) Is(target error) bool { return target == ErrMalformed }

// TooLargeError says that the peer announced more than it may send.
type TooLargeError struct {
	Size int // bytes announced so far
	Max  int // bytes allowed
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("packet of at least %d bytes exceeds the limit of %d", e.Size, e.Max)
}

// Is reports whether target is ErrTooLarge.
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }
