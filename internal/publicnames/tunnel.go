package publicnames

import (
	"bufio"
	"context"
	"net"
	"sync"
)

// tunnel is a connection whose CONNECT has been answered.
type tunnel struct {
	net.Conn
	early *bufio.Reader // may hold what the client sent with its request
	free  chan struct{}
	once  sync.Once
}

func (t *tunnel) Read(b []byte) (int, error) {
	if t.early.Buffered() > 0 {
		return t.early.Read(b)
	}
	return t.Conn.Read(b)
}

func (t *tunnel) Close() error {
	t.once.Do(func() { <-t.free })
	return t.Conn.Close()
}

// tunnelListener makes a listener of the proxy's tunnels, for an http.Server.
type tunnelListener struct {
	ctx     context.Context
	tunnels chan net.Conn
	address net.Addr
}

func (l *tunnelListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.tunnels:
		return conn, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close does nothing: the listener ends with its context.
func (l *tunnelListener) Close() error   { return nil }
func (l *tunnelListener) Addr() net.Addr { return l.address }
