package gateway_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/wire"
)

// TestFloodsKeepNobodyOut_slow of the address that they come from, with the limits that are
// built in: neither silent sockets that come again whenever they are closed, nor clients
// that stop in the middle of a sign-in, nor wrong passwords and tokens without end.
func TestFloodsKeepNobodyOut_slow(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.signInTimeout = 30 * time.Second
	w.startGateway()
	user, id := w.user("app")
	token := w.token(id)
	done, stop := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	defer attackers.Wait()
	defer stop()
	for i := range 1100 {
		attackers.Go(func() { w.comeAgain(fmt.Sprintf("127.0.3.%d", i%250+1), done.Done()) })
	}
	for range 100 {
		w.halfway()
	}
	for i := range 16 {
		secret := []string{"wrong", "eyJhbGciOiJSUzI1NiJ9.e30.x"}[i%2]
		attackers.Go(func() {
			for done.Err() == nil {
				db := w.open(user, secret, at("127.0.0.1"))
				db.PingContext(done)
				db.Close()
			}
		})
	}
	w.eventually("all places of this machine are taken", func() bool { return w.gateway.Sessions() >= 1000 })
	for range 5 {
		w.allIn("beside floods", w.together(20, func(int) *sql.DB { return w.open(user, token, at("127.0.0.1")) }))
	}
}

// halfway goes as far in a sign-in as a client can that keeps its secret to itself.
func (w *world) halfway() *rawClient {
	w.Helper()
	c := w.dial()
	c.startTLS(w)
	c.login("nobody", wire.PluginCachingSHA2, wire.CachingSHA2Scramble("x", c.greeting.AuthData))
	c.read()
	return c
}

// comeAgain keeps a silent connection open, and opens another when it is closed.
func (w *world) comeAgain(ip string, done <-chan struct{}) {
	for {
		conn, err := dialerAt(ip).DialContext(w.Context(), "tcp", w.addr)
		if err != nil {
			return
		}
		closed := make(chan struct{})
		go func() {
			select {
			case <-done:
			case <-closed:
			}
			conn.Close()
		}()
		io.Copy(io.Discard, conn)
		close(closed)
		select {
		case <-done:
			return
		default:
		}
	}
}
