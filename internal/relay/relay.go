// Package relay copies bytes between connections: the gateway's answers, and both
// ways of a plain forward.
//
// It owns buffers and half-close, and never looks at what it copies. An idle copy
// holds a small buffer only; a large one is borrowed while a stream keeps filling
// it, so that ten thousand idle sessions do not hold ten thousand large buffers.
package relay

import (
	"errors"
	"io"
	"net"
	"sync"
)

const (
	idleSize = 2 << 10  // held while waiting: most answers of a database fit
	busySize = 64 << 10 // borrowed while reads come back full
)

var busy = sync.Pool{New: func() any { return new([busySize]byte) }}

// Copy copies from src to dst until src ends or either fails, and returns how many
// bytes it wrote. The end of src is not an error.
//
// It does not use io.Copy: splice holds a pipe, two descriptors, for each direction
// of a session that is doing nothing.
func Copy(dst io.Writer, src io.Reader) (int64, error) {
	var total int64
	small := make([]byte, idleSize)
	for {
		n, full, err := step(dst, src, small)
		total += n
		if err == nil && full {
			n, err = copyBusy(dst, src)
			total += n
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// copyBusy copies with a borrowed buffer until a read leaves most of it empty.
func copyBusy(dst io.Writer, src io.Reader) (int64, error) {
	large := busy.Get().(*[busySize]byte)
	defer busy.Put(large)
	var total int64
	for {
		n, _, err := step(dst, src, large[:])
		total += n
		if err != nil || n < idleSize {
			return total, err
		}
	}
}

// step reads once and writes what came. full tells that there may be more at once.
func step(dst io.Writer, src io.Reader, buf []byte) (n int64, full bool, err error) {
	r, readErr := src.Read(buf)
	if r > 0 {
		w, err := dst.Write(buf[:r])
		if err != nil {
			return int64(w), false, err
		}
	}
	return int64(r), r == len(buf), readErr
}

// Join copies both ways until both sides have ended, passing each half-close on,
// and then closes both. It returns the first failure, nil for an orderly end.
func Join(a, b net.Conn) error {
	defer a.Close()
	defer b.Close()
	results := make(chan error, 2)
	go func() { results <- oneWay(a, b) }()
	go func() { results <- oneWay(b, a) }()
	first := <-results
	if first != nil {
		// The other direction may wait for ever on a peer that will not speak again.
		a.Close()
		b.Close()
	}
	if second := <-results; first == nil {
		first = second
	}
	return first
}

func oneWay(dst, src net.Conn) error {
	_, err := Copy(dst, src)
	if err != nil {
		return err
	}
	return CloseWrite(dst)
}

// CloseWrite tells the peer that nothing more will come, keeping the other
// direction open where the connection can: TCP, unix sockets and TLS. Any other
// connection is closed whole.
func CloseWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
