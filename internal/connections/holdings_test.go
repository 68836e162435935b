package connections

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// most is what strangers hold at the port of these tests, and principals too.
const most = 64 << 10

// serveHoldings serves in a bubble: /read reads the content and says how much it was, /work
// takes a while, /elsewhere waits for somebody else's server, /large answers with more than anybody may hold. The query is the name of a
// principal that is vouched for.
func serveHoldings(t *testing.T) listener {
	l := make(listener)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			if err := Authenticated(r.Context(), r.URL.RawQuery); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		switch r.URL.Path {
		case "/work":
			time.Sleep(20 * time.Second)
		case "/elsewhere":
			waiting, over := Yielding(r.Context())
			select {
			case <-waiting.Done():
			case <-time.After(20 * time.Second):
			}
			if err := over(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			}
		case "/large":
			w.Write(make([]byte, 2*most))
		default:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, len(body))
		}
	})
	server := &http.Server{
		Handler: newHoldings(most, most).admit(handler), ReadTimeout: wholeTimeout, WriteTimeout: wholeTimeout,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	go server.Serve(l)
	t.Cleanup(func() {
		server.Close()
		time.Sleep(2 * time.Minute)
	})
	return l
}

// begin sends a request of size bytes of content, of which sent come now.
func (l listener) begin(address, target string, size, sent int) *client {
	c := l.dial(address)
	go io.WriteString(c, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", target, size, strings.Repeat("x", sent)))
	synctest.Wait()
	return c
}

// status is what the client is answered with, without waiting; 0 for nothing so far.
func (c *client) status() int {
	got := 0
	go func() {
		if res, err := http.ReadResponse(c.read, nil); err == nil {
			got = res.StatusCode
		} else {
			got = -1
		}
	}()
	synctest.Wait()
	return got
}

// Clients that never send the rest of what they announced fill the port. Each newcomer takes
// the place of the one that has waited longest, and is served at once.
func TestSlowContentGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHoldings(t)
		var slow []*client
		for range 20 {
			slow = append(slow, l.begin("127.0.0.1", "/read", 4<<20, 10<<10))
		}
		if got := l.begin("127.0.0.1", "/read", 20<<10, 20<<10).status(); got != http.StatusOK {
			t.Errorf("a whole request: %d", got)
		}
		if got := slow[0].status(); got != http.StatusServiceUnavailable {
			t.Errorf("the oldest slow one: %d", got)
		}
		if got := slow[19].status(); got != 0 {
			t.Errorf("the newest slow one: %d", got)
		}
		for _, c := range slow {
			c.Close()
		}
	})
}

// Clients that take no answer fill the port as well, and give way as well.
func TestUntakenAnswersGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHoldings(t)
		for range 2 * most / requestCost {
			defer l.begin("127.0.0.1", "/large", 0, 0).Close()
		}
		if got := l.begin("127.0.0.1", "/read", 10, 10).status(); got != http.StatusOK {
			t.Errorf("a whole request: %d", got)
		}
	})
}

// What the port works on never gives way: then the newcomer is told to come again.
func TestWorkDoesNotGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHoldings(t)
		var working []*client
		for range most/requestCost - 1 { // their headers take the rest
			working = append(working, l.begin("127.0.0.1", "/work", 0, 0))
		}
		if got := l.begin("127.0.0.1", "/read", 10, 10).status(); got != http.StatusServiceUnavailable {
			t.Errorf("a request too many: %d", got)
		}
		if got := l.begin("127.0.0.1", "/read?alice", 10, 10).status(); got != http.StatusServiceUnavailable {
			t.Errorf("a request too many that would show a token: %d", got)
		}
		time.Sleep(20 * time.Second)
		for i, c := range working {
			if got := c.status(); got != http.StatusOK {
				t.Errorf("request %d: %d", i, got)
			}
		}
		if got := l.begin("127.0.0.1", "/read", 10, 10).status(); got != http.StatusOK {
			t.Errorf("afterwards: %d", got)
		}
	})
}

// Requests that wait for somebody else's server give way, the oldest first.
func TestWaitingElsewhereGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHoldings(t)
		var waiting []*client
		for range most/requestCost - 1 { // their headers take the rest
			waiting = append(waiting, l.begin("127.0.0.1", "/elsewhere", 0, 0))
		}
		if got := l.begin("127.0.0.1", "/read", 10, 10).status(); got != http.StatusOK {
			t.Errorf("a newcomer: %d", got)
		}
		if got := waiting[0].status(); got != http.StatusServiceUnavailable {
			t.Errorf("the oldest: %d", got)
		}
		time.Sleep(20 * time.Second)
		for i, c := range waiting[1:] {
			if got := c.status(); got != http.StatusOK {
				t.Errorf("request %d: %d", i+1, got)
			}
		}
	})
}

// One subscriber has a quarter of the port, and takes nothing from those who hold less.
func TestOneSourceHoldsAQuarter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHoldings(t)
		modest := l.begin("198.51.100.1", "/read", 9<<10, 8<<10)
		local := l.begin("127.0.0.1", "/read", 9<<10, 8<<10)
		for range 50 {
			defer l.begin("203.0.113.1", "/read", 4<<20, 8<<10).Close()
		}
		for range 50 {
			defer l.begin("203.0.113.2", "/large", 0, 0).Close()
		}
		for name, c := range map[string]*client{"another source": modest, "this machine": local} {
			io.WriteString(c, strings.Repeat("x", 1<<10))
			if got := c.status(); got != http.StatusOK {
				t.Errorf("%s: %d", name, got)
			}
		}
	})
}

// The requests of principals take no room from strangers, nor strangers from them, nor one
// principal all from others.
func TestPrincipalsAreCountedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHoldings(t)
		alice := l.begin("127.0.0.1", "/read?alice", 9<<10, 8<<10)
		for range 50 {
			defer l.begin("127.0.0.1", "/read", 4<<20, 8<<10).Close()
		}
		for range 50 {
			defer l.begin("127.0.0.1", "/read?mallory", 4<<20, 8<<10).Close()
		}
		io.WriteString(alice, strings.Repeat("x", 1<<10))
		if got := alice.status(); got != http.StatusOK {
			t.Errorf("another principal: %d", got)
		}
		if got := l.begin("127.0.0.1", "/read", 20<<10, 20<<10).status(); got != http.StatusOK {
			t.Errorf("a stranger: %d", got)
		}
		if got := l.begin("127.0.0.1", "/read?bob", 14<<10, 14<<10).status(); got != http.StatusServiceUnavailable {
			t.Errorf("more than a quarter for one principal: %d", got)
		}
	})
}

// Nothing is counted for ever: after any number of requests, all of the port is free.
func TestHoldingsAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHoldings(t)
		for i := range 200 {
			target := []string{"/read", "/read?alice", "/large", "/read?bob"}[i%4]
			l.begin("127.0.0.1", target, 1<<10, i).Close()
		}
		synctest.Wait()
		if got := l.begin("127.0.0.1", "/read", most-2*requestCost, most-2*requestCost).status(); got != http.StatusOK {
			t.Errorf("nearly all of the port: %d", got)
		}
	})
}
