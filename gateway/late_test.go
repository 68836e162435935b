package gateway_test

import (
	"net"
	"sync"
	"testing"

	"github.com/midas-mysql/midas/internal/relay"
)

// late is a listener whose first connection the gateway comes to late, as under a flood: what its
// client sent is there, unread.
type late struct {
	net.Listener
	first chan *lateConn
	read  chan struct{} // closed when the gateway comes to it
	once  sync.Once
}

type lateConn struct {
	*net.TCPConn
	read <-chan struct{}
}

func (c *lateConn) Read(p []byte) (int, error) {
	<-c.read
	return c.TCPConn.Read(p)
}

func (l *late) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.once.Do(func() {
		first := &lateConn{conn.(*net.TCPConn), l.read}
		l.first <- first
		conn = first
	})
	return conn, nil
}

// TestClientsThatTheGatewayComesToLateKeepTheirPlace: it is silent sockets that give way.
func TestClientsThatTheGatewayComesToLateKeepTheirPlace(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	token := w.token(id)
	w.stop()
	l := &late{first: make(chan *lateConn, 1), read: make(chan struct{})}
	w.maxSigningInPerSource = 4
	w.wrapListener = func(ln net.Listener) net.Listener { l.Listener = ln; return l }
	w.startGateway()
	db := w.open(user, token)
	signedIn := make(chan error, 1)
	go func() { signedIn <- db.PingContext(w.Context()) }()
	first := relay.NewGuarded(<-l.first)
	w.eventually("the client has moved", first.Unread)
	w.silent("127.0.0.1", 12)
	close(l.read)
	if err := <-signedIn; err != nil {
		t.Errorf("a client that the gateway came to late: %v", err)
	}
}
