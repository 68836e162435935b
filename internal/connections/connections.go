// Package connections owns how many connections a port that speaks HTTP holds: so many
// that whoever opens them without end leaves the process descriptors for the rest.
//
// It never makes a newcomer wait for others, and knows no product.
package connections

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Share is how many connections each of that many ports may hold: together half of the
// process's descriptors, and none more than 4096.
func Share(ports int) int {
	const most, fewestPorts = 4096, 4
	return int(max(8, min(most, descriptors()/2/uint64(max(ports, fewestPorts)))))
}

// Limit has server hold at most total connections, and a quarter of them from one source.
// When there are more, that which has been idle longest is closed, and when none is idle,
// the newest.
func Limit(server *http.Server, total int) {
	server.ConnState = newLimiter(total).changed
}

// limiter follows the states of one server's connections. Nothing is put around them: the
// server looks at their types.
type limiter struct {
	total, each int

	mu      sync.Mutex
	open    map[net.Conn]*connection
	sources map[netip.Prefix]int
	idle    list.List // of net.Conn, the longest idle first
}

type connection struct {
	source netip.Prefix
	idle   *list.Element // nil while there is a request
}

func newLimiter(total int) *limiter {
	return &limiter{total: total, each: max(1, total/4), open: map[net.Conn]*connection{}, sources: map[netip.Prefix]int{}}
}

// changed is called by the server, for StateNew before it accepts the next.
func (l *limiter) changed(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	var out net.Conn
	switch state {
	case http.StateNew:
		out = l.enter(conn)
	case http.StateActive:
		l.busy(l.open[conn])
	case http.StateIdle:
		if c := l.open[conn]; c != nil {
			l.busy(c)
			c.idle = l.idle.PushBack(conn)
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
	source := sourceOf(conn)
	switch {
	case source.IsValid() && l.sources[source] >= l.each:
		out = l.longestIdle(func(c *connection) bool { return c.source == source })
	case len(l.open) >= l.total:
		out = l.longestIdle(func(*connection) bool { return true })
	default:
		l.count(conn, source)
		return nil
	}
	if out == nil {
		return conn
	}
	l.forget(out)
	l.count(conn, source)
	return out
}

func (l *limiter) count(conn net.Conn, source netip.Prefix) {
	l.open[conn] = &connection{source: source, idle: l.idle.PushBack(conn)}
	l.sources[source]++
}

func (l *limiter) longestIdle(of func(*connection) bool) net.Conn {
	for e := l.idle.Front(); e != nil; e = e.Next() {
		if conn := e.Value.(net.Conn); of(l.open[conn]) {
			return conn
		}
	}
	return nil
}

func (l *limiter) busy(c *connection) {
	if c != nil && c.idle != nil {
		l.idle.Remove(c.idle)
		c.idle = nil
	}
}

func (l *limiter) forget(conn net.Conn) {
	c := l.open[conn]
	if c == nil {
		return
	}
	l.busy(c)
	delete(l.open, conn)
	if l.sources[c.source]--; l.sources[c.source] == 0 {
		delete(l.sources, c.source)
	}
}

// hangUp closes a connection without a farewell: that of TLS would wait for whoever does
// not read. The server notices, and says that it is closed.
func hangUp(conn net.Conn) {
	if under, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = under.NetConn()
	}
	conn.Close()
}

// sourceOf is who opened a connection, as it is counted: an address, or the part of an
// IPv6 network that one subscriber has. It is invalid for this machine, whose programs
// have no part of their own each: they may choose among many addresses.
func sourceOf(conn net.Conn) netip.Prefix {
	remote, local := addressOf(conn.RemoteAddr()), addressOf(conn.LocalAddr())
	if !remote.IsValid() || remote.IsLoopback() || remote == local {
		return netip.Prefix{}
	}
	bits := remote.BitLen()
	if remote.Is6() {
		bits = 64
	}
	source, _ := remote.Prefix(bits) // there are that many
	return source
}

func addressOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}
