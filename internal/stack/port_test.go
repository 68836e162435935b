package stack

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas/internal/ca"
)

// pipes is a listener for clients in the same bubble of time.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours
}

// Clients that send a byte a second, or that never take their answer, are hung up on, and
// what they began to ask for is never done. Others are served meanwhile.
func TestSlowClients(t *testing.T) {
	for name, c := range map[string]struct {
		atOnce, slowly string
		deaf           bool
		most           time.Duration // that the client can keep its connection
	}{
		"silent":            {most: 6 * time.Second},
		"a slow head":       {slowly: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", most: 6 * time.Second},
		"a slow body":       {atOnce: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", slowly: strings.Repeat("x", 100), most: 31 * time.Second},
		"a body unread":     {atOnce: "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", most: 2 * time.Second},
		"an answer untaken": {atOnce: "GET /untaken HTTP/1.1\r\nHost: x\r\n\r\n", deaf: true, most: 31 * time.Second},
		"silent afterwards": {atOnce: "GET /afterwards HTTP/1.1\r\nHost: x\r\n\r\n", most: 2*time.Minute + 3*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, done := serveInBubble(t)
				began := time.Now()
				conn := ln.dial()
				var client sync.WaitGroup
				client.Go(func() {
					_, err := io.WriteString(conn, c.atOnce)
					for i := 0; i < len(c.slowly) && err == nil; i++ {
						time.Sleep(time.Second)
						_, err = io.WriteString(conn, c.slowly[i:i+1])
					}
				})
				time.Sleep(2 * time.Second)
				ask(t, ln.dial())
				if c.deaf {
					time.Sleep(c.most - time.Since(began))
				}
				answer, _ := io.ReadAll(conn)
				conn.Close()
				client.Wait()
				if held := time.Since(began); held > c.most {
					t.Errorf("held its connection for %s", held)
				}
				if c.deaf && len(answer) > 0 {
					t.Errorf("was written to for over %s", c.most)
				}
				if c.slowly != "" && len(done) > 1 {
					t.Errorf("was done: %d", len(done))
				}
			})
		})
	}
}

// serveInBubble serves a handler that reads the whole request, says in done that it has,
// and answers at length.
func serveInBubble(t *testing.T) (ln pipes, done chan string) {
	ln, done = make(pipes), make(chan string, 10)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- httpPort{slog.New(slog.DiscardHandler), 100}.serve(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/unread" {
				http.NotFound(w, r)
			} else if _, err := io.ReadAll(r.Body); err == nil {
				done <- r.URL.Path
				w.Write(make([]byte, 1<<20))
			}
		}))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln, done
}

// ask is another client, which is served at once.
func ask(t *testing.T, conn net.Conn) {
	t.Helper()
	began := time.Now()
	go io.WriteString(conn, "GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if answer, err := io.ReadAll(conn); err != nil || len(answer) < 1<<20 || time.Since(began) > 0 {
		t.Errorf("another client got %d bytes after %s: %v", len(answer), time.Since(began), err)
	}
}

// However many connections wait over TLS, one more is served at once.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	authority, err := ca.Open(ca.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"h2", "http/1.1"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		config := authority.TLSConfig(nil)
		config.NextProtos = []string{protocol}
		go httpPort{slog.New(slog.DiscardHandler), 4}.serve(t.Context(), tls.NewListener(ln, config), http.NotFoundHandler())
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authority.PEM())
		var closed atomic.Int32
		for range 12 {
			client := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: protocol == "h2"}
			defer client.CloseIdleConnections()
			client.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return &untilEnd{conn, &closed}, err
			}
			answer, err := client.RoundTrip(httptest.NewRequest(http.MethodGet, "https://"+ln.Addr().String(), nil))
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		for deadline := time.Now().Add(10 * time.Second); closed.Load() != 8 && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if closed.Load() != 8 {
			t.Errorf("%s: %d of 12 connections were closed, 4 may stay", protocol, closed.Load())
		}
	}
}

// untilEnd counts connections that the other end closes.
type untilEnd struct {
	net.Conn
	ended *atomic.Int32
}

func (c *untilEnd) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.ended.Add(1)
	}
	return n, err
}

// Garbage on a port of TLS is no line of its own on stderr, and none at all unless asked for.
func TestGarbageIsNotLogged(t *testing.T) {
	authority, err := ca.Open(ca.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for level, lines := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 1} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		port := httpPort{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})), 4}
		go func() {
			ended <- port.serve(ctx, tls.NewListener(ln, authority.TLSConfig(nil)), http.NotFoundHandler())
		}()
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "no greeting of TLS\r\n")
		io.Copy(io.Discard, conn)
		conn.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := strings.Count(out.String(), "\n"); n != lines || lines > 0 && !strings.Contains(out.String(), "TLS handshake error") {
			t.Errorf("at %s: %s", level, &out)
		}
	}
}
