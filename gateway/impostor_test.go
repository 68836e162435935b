package gateway_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/wire"
)

// takenBackend is one whose address an impostor has taken, and nothing tells them apart.
type takenBackend struct {
	testBackend
	by string // "": not yet
}

func (b *takenBackend) TLS() *tls.Config {
	if b.by == "" {
		return b.testBackend.TLS()
	}
	return nil
}
func (b *takenBackend) Verified() bool { return b.by == "" }
func (b *takenBackend) Dial(ctx context.Context) (net.Conn, error) {
	if b.by == "" {
		return b.testBackend.Dial(ctx)
	}
	return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", b.by)
}

// TestNoSecretUnderAKeyThatNobodyVerified: anyone who took the backend's address may see
// scrambles, and neither a secret nor a password in the clear or under a key of its own.
func TestNoSecretUnderAKeyThatNobodyVerified(t *testing.T) {
	b := &takenBackend{testBackend: backends["MariaDB"](t)}
	w := newWorld(t, b)
	user, id := w.user("app")
	for trick, first := range map[string][]byte{
		"rsa":   wire.AuthMoreData{Data: []byte{wire.CachingSHA2FullAuth}}.Append(nil),
		"clear": wire.AuthSwitchRequest{Plugin: wire.PluginClear}.Append(nil),
	} {
		greeting := w.backendGreeting()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		w.must(err)
		heard := make(chan []byte, 64)
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				go func() { heard <- askFor(conn, greeting, first) }()
			}
		}()
		b.by = ln.Addr().String()
		for name, password := range map[string]string{user: w.token(id), "root": "a password of somebody's"} {
			if err := w.open(name, password).Ping(); err == nil {
				t.Errorf("%s: %s signed in to an impostor", trick, name)
			}
			select {
			case got := <-heard:
				if len(got) > 0 {
					t.Errorf("%s: for %s it got %q", trick, name, got)
				}
			case <-time.After(10 * time.Second):
				t.Errorf("%s: nobody came, which proves nothing", trick)
			}
		}
		ln.Close()
		b.by = ""
	}
}

// backendGreeting is what the database says first, but for another plugin.
func (w *world) backendGreeting() []byte {
	w.Helper()
	conn, err := w.backend.Dial(w.Context())
	w.must(err)
	defer conn.Close()
	payload, _, err := wire.ReadPacket(conn, nil, 1<<20)
	w.must(err)
	greeting, err := wire.ParseGreeting(payload)
	w.must(err)
	greeting.Plugin = wire.PluginCachingSHA2
	return greeting.Append(nil)
}

// askFor greets, takes the scramble, asks, and returns what came then.
func askFor(conn net.Conn, greeting, ask []byte) []byte {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	conn.Write(wire.AppendPacket(nil, 0, greeting))
	_, seq, err := wire.ReadPacket(conn, nil, 1<<20)
	if err != nil {
		return []byte("no sign-in: " + err.Error())
	}
	conn.Write(wire.AppendPacket(nil, seq+1, ask))
	got, _ := io.ReadAll(conn)
	return got
}
