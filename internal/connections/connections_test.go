package connections

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// from is a connection of somebody.
type from struct {
	net.Conn
	remote, local net.Addr
}

func (f *from) RemoteAddr() net.Addr { return f.remote }
func (f *from) LocalAddr() net.Addr  { return f.local }

func tcp(address string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 999))
}

type listener chan net.Conn

func (l listener) Accept() (net.Conn, error) {
	conn, open := <-l
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (l listener) Close() error { close(l); return nil }
func (listener) Addr() net.Addr { return &net.TCPAddr{} }

func (l listener) dial(address string) *client {
	ours, theirs := net.Pipe()
	l <- &from{theirs, tcp(address), tcp("192.0.2.1")}
	synctest.Wait()
	return &client{Conn: ours, read: bufio.NewReader(ours)}
}

// slow is a client whose request takes a minute.
func (l listener) slow(address string) *client {
	c := l.dial(address)
	go io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	synctest.Wait()
	return c
}

type client struct {
	net.Conn
	read *bufio.Reader
}

// ask is whether a request is answered at once; the connection stays open.
func (c *client) ask(path string) bool {
	began := time.Now()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	res, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, res.Body)
	synctest.Wait()
	return err == nil && time.Since(began) == 0
}

// serve serves at most 8 in a bubble: /slow takes a minute.
func serve(t *testing.T) listener {
	l := make(listener)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(time.Minute)
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	limit(server, 8)
	go server.Serve(l)
	t.Cleanup(func() {
		server.Close()
		time.Sleep(2 * time.Minute) // for the slow ones
	})
	return l
}

func TestLongestIdleMakesRoom(t *testing.T) {
	for name, address := range map[string]string{"loopback": "127.0.0.1", "this machine by another address": "192.0.2.1"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serve(t)
				silent := l.dial(address) // idle as well
				var all []*client
				for range 7 {
					all = append(all, l.dial(address))
				}
				for _, c := range all {
					if !c.ask("/") {
						t.Fatal("not served")
					}
				}
				if !all[0].ask("/") { // so that another is the longest idle
					t.Fatal("not served again")
				}
				if !l.dial(address).ask("/") || silent.ask("/") {
					t.Error("the one that never asked should make room")
				}
				if !l.dial(address).ask("/") || all[1].ask("/") || !all[0].ask("/") || !all[2].ask("/") {
					t.Error("the longest idle should make room, and no other")
				}
				all[3].Close()
				synctest.Wait()
				if !l.dial(address).ask("/") || !all[4].ask("/") {
					t.Error("the room of one that has gone was not used")
				}
			})
		})
	}
}

// Programs of one machine leave each other's requests alone; when they have all, another
// sender takes the place of the oldest.
func TestBusyOnesMakeRoomForOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t)
		var busy []*client
		for range 8 {
			busy = append(busy, l.slow("127.0.0.1"))
		}
		if l.dial("127.0.0.1").ask("/") {
			t.Error("a newcomer was served beyond the limit")
		}
		stranger := l.dial("198.51.100.7")
		if !stranger.ask("/") || !l.dial("198.51.100.7").ask("/") || stranger.ask("/") {
			t.Error("another sender was not served, or has two of its own kept")
		}
		for i, c := range busy {
			if res, err := http.ReadResponse(c.read, nil); (err == nil && res.StatusCode == http.StatusOK) != (i > 0) {
				t.Errorf("request %d: %v", i, err)
			}
		}
		if synctest.Wait(); !l.dial("127.0.0.1").ask("/") {
			t.Error("afterwards nobody is served")
		}
	})
}

// Strangers that come and go do not change what is counted of this machine.
func TestThoseWhoHaveGoneCountNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t)
		for range 7 {
			l.slow("127.0.0.1")
		}
		for _, address := range []string{"198.51.100.7", "203.0.113.7", "2001:db8::1"} {
			for range 8 {
				if c := l.dial(address); !c.ask("/") {
					t.Errorf("%s is refused though there is room", address)
				} else {
					c.Close()
					synctest.Wait()
				}
			}
		}
		l.slow("127.0.0.1")
		if !l.dial("198.51.100.7").ask("/") {
			t.Error("this machine has all, and makes no room")
		}
	})
}

// A customer with many networks gets one party's part of what is left.
func TestNoCustomerHasAll(t *testing.T) {
	for name, addresses := range map[string][]string{
		"a /48":          {"2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:4::1"},
		"four addresses": {"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serve(t)
				for i := range 12 {
					l.slow(addresses[i%4])
				}
				for _, address := range []string{"198.51.100.7", "127.0.0.1"} {
					if !l.dial(address).ask("/") {
						t.Errorf("%s is refused", address)
					}
				}
			})
		})
	}
}

// A source that has its share pushes out its own, and is refused when these are busy.
func TestNoSourceHasAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t)
		victim := l.dial("198.51.100.7")
		for i := range 20 {
			if !l.dial([]string{"2001:db8::1", "2001:db8::2:1", "2001:db8:0:0:ffff::"}[i%3]).ask("/") {
				t.Error("refused, though it has idle ones")
			}
		}
		if !victim.ask("/") {
			t.Error("one source's flood pushed out another's")
		}
		for _, address := range []string{"2001:db8::1", "2001:db8::2:1"} {
			l.slow(address)
		}
		if l.dial("2001:db8:0:0:ffff::").ask("/") {
			t.Error("one source has more than its share, by another address of its network")
		}
		if !l.dial("2001:db8:0:1::1").ask("/") || !victim.ask("/") {
			t.Error("another source was refused")
		}
	})
}

// This machine is itself by any of its addresses, and to a listener of both families, which
// sees those of IPv4 as of IPv6.
func TestThisMachineIsOneSender(t *testing.T) {
	for remote, local := range map[string]bool{"192.0.2.1": true, "::ffff:192.0.2.1": true, "127.0.0.9": true, "192.0.2.2": false, "::ffff:192.0.2.2": false} {
		if from := clientkey.OfConn(&from{nil, tcp(remote), tcp("192.0.2.1")}); from.Local() != local {
			t.Errorf("%s is %s", remote, from)
		}
	}
}

// A request that was read before its connection went for another's is not done.
func TestWhatGoesForOthersIsNotDone(t *testing.T) {
	l, done := newLimiter(1), false
	h := l.admit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { done = true }))
	ours, theirs := net.Pipe()
	defer ours.Close()
	ask := func() (aborted any) {
		defer func() { aborted = recover() }()
		h.ServeHTTP(nil, (&http.Request{}).WithContext(context.WithValue(t.Context(), connKey{}, net.Conn(theirs))))
		return nil
	}
	l.changed(theirs, http.StateNew)
	if err := ask(); err != nil || !done {
		t.Fatal("not done", err)
	}
	done = false
	other, another := net.Pipe()
	defer other.Close()
	l.changed(another, http.StateNew)
	if err := ask(); err != http.ErrAbortHandler || done {
		t.Errorf("done: %v, %v", done, err)
	}
}

func TestShareLeavesAReserve(t *testing.T) {
	for _, ports := range []int{0, 3, 8, 100} {
		if n := uint64(Share(ports)); n < 8 || n > 4096 || n > 8 && n*uint64(ports) > descriptors()/2 {
			t.Errorf("%d ports: %d connections each of %d descriptors", ports, n, descriptors())
		}
	}
}
