//go:build gms_pure_go

package embedded

import (
	"context"
	"net"
	"sync"
)

// listener hands the server ends of new pipes to the engine's accept loop.
type listener struct {
	waiting chan net.Conn
	done    chan struct{}

	statements context.Context // what every statement runs under
	interrupt  context.CancelFunc

	mu     sync.Mutex
	closed bool
	open   map[*pipe]struct{} // server ends
	served sync.WaitGroup     // those that the engine has not finished with
}

var _ net.Listener = (*listener)(nil)

func newListener() *listener {
	l := &listener{waiting: make(chan net.Conn), done: make(chan struct{}), open: map[*pipe]struct{}{}}
	l.statements, l.interrupt = context.WithCancel(context.Background())
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.waiting:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() net.Addr { return pipeAddr(gatewayHost) }

// dial connects as a client from host. The error is net.ErrClosed or the context's.
func (l *listener) dial(ctx context.Context, host string) (*pipe, error) {
	client, server := newPipe(host)
	if !l.add(server) {
		return nil, net.ErrClosed
	}
	select {
	case l.waiting <- server:
		return client, nil
	case <-l.done:
		l.remove(server)
		return nil, net.ErrClosed
	case <-ctx.Done():
		l.remove(server)
		return nil, ctx.Err()
	}
}

func (l *listener) add(server *pipe) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open[server] = struct{}{}
	l.served.Add(1)
	return true
}

// remove is called once for each server end, by the goroutine that has finished with it.
func (l *listener) remove(server *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.open[server]; ok {
		delete(l.open, server)
		l.served.Done()
	}
}

// Close stops accepting. Connections stay.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.done)
	}
	return nil
}

// hangUp closes every connection and returns a channel that closes when the engine has
// finished with all of them.
func (l *listener) hangUp() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	for server := range l.open {
		server.Close()
	}
	finished := make(chan struct{})
	go func() {
		l.served.Wait()
		close(finished)
	}()
	return finished
}
