// Package connections owns what a port that speaks HTTP may hold: connections, the time that
// each takes, and the memory of the requests on them. A client that opens connections or
// requests without end leaves the process descriptors and memory for the rest, and the port
// places for others.
//
// It never makes a newcomer wait for others, never judges a token, and knows no product.
package connections

import (
	"container/list"
	"context"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// Share is how many connections each of that many ports may hold: together half of the
// process's descriptors, and none more than 4096.
func Share(ports int) int {
	const most, fewestPorts = 4096, 4
	return int(max(8, min(most, descriptors()/2/uint64(max(ports, fewestPorts)))))
}

// Pairs is how many pairs of descriptors are half of the process's: what the HTTP ports leave,
// where they have all of theirs.
func Pairs() int { return int(max(8, min(descriptors()/4, math.MaxInt32))) }

type (
	connKey  struct{}
	worksKey struct{}
)

// limiter follows the states of one server's connections. Nothing is put around them: the
// server looks at their types.
type limiter struct {
	total, ofSubscriber, ofNetwork int

	mu    sync.Mutex
	opens uint64 // how many there were
	open  map[net.Conn]*connection
	held  map[netip.Prefix]int // by subscriber and by network; the zero prefix is this machine
	// silent is those, of net.Conn, whose next move is the client's, the longest waited for first.
	silent list.List
}

type connection struct {
	number uint64 // the order of opening
	from   clientkey.Key
	silent *list.Element // nil while the port works on a request
	asks   bool          // there is a request, if not all of it
	works  int           // on so many requests
}

func newLimiter(total int) *limiter {
	return &limiter{
		total: total, ofSubscriber: max(1, total/4), ofNetwork: max(1, total/2),
		open: map[net.Conn]*connection{}, held: map[netip.Prefix]int{},
	}
}

// admit aborts a request whose connection was closed for another's after the request had
// been read: it would be done, and its answer told to nobody.
func (l *limiter) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		l.mu.Lock()
		c, open := l.open[conn]
		l.mu.Unlock()
		if !open {
			panic(http.ErrAbortHandler)
		}
		works := func(more int) { l.work(conn, c, more) }
		works(1)
		defer works(-1)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), worksKey{}, works)))
	})
}

// work notes that the port works on more requests of a connection, or on fewer. On none of them it
// waits for the client.
func (l *limiter) work(conn net.Conn, c *connection, more int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.works += more
	if l.open[conn] == c {
		l.order(conn, c)
	}
}

// order puts a connection behind those whose clients are waited for, or takes it from among them.
func (l *limiter) order(conn net.Conn, c *connection) {
	l.busy(c)
	if c.works == 0 {
		c.silent = l.silent.PushBack(conn)
	}
}

// changed is called by the server, for StateNew before it accepts the next.
func (l *limiter) changed(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	var out net.Conn
	switch state {
	case http.StateNew:
		out = l.enter(conn)
	case http.StateActive, http.StateIdle:
		if c := l.open[conn]; c != nil {
			c.asks = state == http.StateActive
			l.order(conn, c)
		}
	case http.StateClosed, http.StateHijacked:
		l.forget(conn)
	}
	l.mu.Unlock()
	if out != nil {
		hangUp(out)
	}
}

// enter counts a new connection, as idle until it has asked for something, and returns the
// one that is to go for it: nil for none, itself when there is no room.
func (l *limiter) enter(conn net.Conn) (out net.Conn) {
	from := clientkey.OfConn(conn)
	switch {
	case !from.Local() && l.held[from.Subscriber] >= l.ofSubscriber:
		out = l.longestSilent(func(c *connection) bool { return c.from.Subscriber == from.Subscriber })
	case from.Network.IsValid() && l.held[from.Network] >= l.ofNetwork:
		out = l.longestSilent(func(c *connection) bool { return c.from.Network == from.Network })
	case len(l.open) >= l.total:
		out = l.longestSilent(func(c *connection) bool { return !c.asks || c.from.Party() == from.Party() })
		if out == nil {
			out = l.oldestOfMost(from)
		}
	default:
		l.count(conn, from)
		return nil
	}
	if out == nil {
		return conn
	}
	l.forget(out)
	l.count(conn, from)
	return out
}

func (l *limiter) count(conn net.Conn, from clientkey.Key) {
	l.opens++
	l.open[conn] = &connection{number: l.opens, from: from, silent: l.silent.PushBack(conn)}
	l.add(from, 1)
}

func (l *limiter) add(from clientkey.Key, n int) {
	counted := []netip.Prefix{from.Subscriber}
	if from.Network.IsValid() { // an invalid prefix is the loopback key
		counted = append(counted, from.Network)
	}
	for _, one := range counted {
		if l.held[one] += n; l.held[one] == 0 {
			delete(l.held, one)
		}
	}
}

func (l *limiter) longestSilent(of func(*connection) bool) net.Conn {
	for e := l.silent.Front(); e != nil; e = e.Next() {
		if conn := e.Value.(net.Conn); of(l.open[conn]) {
			return conn
		}
	}
	return nil
}

// oldestOfMost returns the oldest connection of the client that has most, if that client would
// still have as many as the newcomer, else nil.
func (l *limiter) oldestOfMost(newcomer clientkey.Key) (out net.Conn) {
	most, oldest := l.held[newcomer.Party()]+2, uint64(0)
	for conn, c := range l.open {
		if n := l.held[c.from.Party()]; n > most || n == most && (out == nil || c.number < oldest) {
			out, most, oldest = conn, n, c.number
		}
	}
	return out
}

// busy takes a connection from among those whose clients are waited for.
func (l *limiter) busy(c *connection) {
	if c.silent != nil {
		l.silent.Remove(c.silent)
		c.silent = nil
	}
}

func (l *limiter) forget(conn net.Conn) {
	c := l.open[conn]
	if c == nil {
		return
	}
	l.busy(c)
	delete(l.open, conn)
	l.add(c.from, -1)
}

// hangUp closes a connection without a farewell: that of TLS would wait for a client that
// does not read. The server notices, and says that it is closed.
func hangUp(conn net.Conn) {
	if under, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = under.NetConn()
	}
	conn.Close()
}
