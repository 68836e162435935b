package relay

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// guarded returns a guarded connection and its peer, in the time of a synctest bubble.
func guarded(t *testing.T) (*Guarded, net.Conn) {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	c := NewGuarded(a)
	c.Guard(time.Minute)
	return c, b
}

func inBubble(t *testing.T, test func(t *testing.T, c *Guarded, peer net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, peer := guarded(t)
		test(t, c, peer)
	})
}

func TestPeerThatTakesNothingIsGivenUp(t *testing.T) {
	for what, before := range map[string]time.Duration{"at once": 0, "after an idle hour": time.Hour} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *Guarded, _ net.Conn) {
				time.Sleep(before)
				began := time.Now()
				_, err := c.Write(make([]byte, 1000))
				if took := time.Since(began); !errors.Is(err, ErrStalled) || took < time.Minute || took > 76*time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// A consumer that pauses for less than the limit, again and again, gets everything.
func TestSlowPeerStays(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Guarded, peer net.Conn) {
		time.Sleep(time.Hour) // the guard's own deadline is long past
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range 60 {
				time.Sleep(59 * time.Second)
				if _, err := peer.Read(make([]byte, 1)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		for range 3 {
			if n, err := c.Write(make([]byte, 20)); n != 20 || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		<-ended
	})
}

// Deadlines of the caller come first: by one the gateway ends a session in a second.
func TestDeadlineOfTheCallerComesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Guarded, peer net.Conn) {
		began := time.Now()
		go func() {
			time.Sleep(10 * time.Second)
			c.SetWriteDeadline(time.Now().Add(time.Second))
		}()
		_, err := c.Write([]byte("x"))
		if took := time.Since(began); errors.Is(err, ErrStalled) || !errors.Is(err, os.ErrDeadlineExceeded) || took != 11*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after the deadline: %v", err)
		}
		c.SetDeadline(time.Time{})
		go io.ReadFull(peer, make([]byte, 1))
		if _, err := c.Write([]byte("x")); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, ErrStalled) {
			t.Errorf("guarded again: %v", err)
		}
	})
}

func TestUnguardedWritesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer a.Close()
		go func() {
			time.Sleep(24 * time.Hour)
			io.Copy(io.Discard, b)
		}()
		if _, err := NewGuarded(a).Write([]byte("x")); err != nil {
			t.Error(err)
		}
	})
}
