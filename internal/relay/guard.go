package relay

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// ErrStalled is the error of a write whose peer took nothing for as long as it may.
var ErrStalled = errors.New("the peer takes nothing of what it is sent")

// looks is how often a write that waits is looked at within the time that it may wait.
const looks = 4

// Guarded is a connection whose peer must go on reading what it is sent. A peer that reads
// slowly stays; one that takes no byte for as long as Guard said, or up to a quarter longer,
// fails the write: it would hold its connection, and the one that the bytes come from, for
// ever.
//
// Writes that do not wait cost nothing: the deadline is renewed only after it has passed.
type Guarded struct {
	net.Conn

	mu      sync.Mutex
	limit   time.Duration // 0: not guarded
	foreign bool          // the write deadline is the caller's own
}

// NewGuarded returns conn, not guarded yet.
func NewGuarded(conn net.Conn) *Guarded { return &Guarded{Conn: conn} }

// Guard begins to guard writes. A deadline that the caller sets comes first, until the
// caller takes it back.
func (c *Guarded) Guard(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
	// The kernel ends the connection with an error that the reader may get in place of the
	// writer, so it comes second: for peers that have vanished.
	userTimeout(c.Conn, 2*limit)
	if !c.foreign {
		_ = c.renew()
	}
}

// Write implements net.Conn.
func (c *Guarded) Write(p []byte) (n int, err error) {
	for idle := 0; ; {
		w, err := c.Conn.Write(p[n:])
		n += w
		if errors.Is(err, syscall.ETIMEDOUT) {
			return n, ErrStalled // the kernel's words for it
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		// The first deadline may have passed while there was nothing to write.
		if idle++; w > 0 {
			idle = 0
		}
		switch guarded, err := c.goOn(); {
		case !guarded || err != nil:
			return n, os.ErrDeadlineExceeded
		case idle > looks:
			return n, ErrStalled
		}
	}
}

// goOn gives a write more time, unless the time was the caller's to give.
func (c *Guarded) goOn() (guarded bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit == 0 || c.foreign {
		return false, nil
	}
	return true, c.renew()
}

// renew sets the guard's own deadline. The caller holds mu.
func (c *Guarded) renew() error { return c.Conn.SetWriteDeadline(time.Now().Add(c.limit / looks)) }

// SetDeadline implements net.Conn.
func (c *Guarded) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetWriteDeadline implements net.Conn. The zero time goes back to the guard's own.
func (c *Guarded) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.foreign = !t.IsZero(); !c.foreign && c.limit != 0 {
		return c.renew()
	}
	return c.Conn.SetWriteDeadline(t)
}

// CloseWrite tells the peer that nothing more will come.
func (c *Guarded) CloseWrite() error { return CloseWrite(c.Conn) }
