package connections

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
)

// Requests that have each other give way all the time end with an answer or with their
// connection or stream, over either protocol: no handler panics, and nothing stays counted.
func TestManyGiveWayAtOnce(t *testing.T) {
	held := newHoldings(most, most)
	var said bytes.Buffer
	server := httptest.NewUnstartedServer(nil)
	server.Config = &http.Server{
		ErrorLog: log.New(&said, "", 0),
		Handler: held.admit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				refuseBusy(w)
				return
			}
			w.Write(make([]byte, 100<<10))
		})),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	server.EnableHTTP2 = true
	server.StartTLS()
	newer := server.Client().Transport.(*http.Transport)
	older := &http.Transport{TLSClientConfig: newer.TLSClientConfig.Clone(), MaxIdleConnsPerHost: 32}
	older.TLSClientConfig.NextProtos = []string{"http/1.1"}
	var clients sync.WaitGroup
	var served, refused atomic.Int64
	for i := range 64 {
		clients.Go(func() {
			transport := []*http.Transport{newer, older}[i%2]
			for range 20 {
				if isServed(t, transport, server.URL, i%4 < 2) {
					served.Add(1)
				} else {
					refused.Add(1)
				}
			}
		})
	}
	clients.Wait()
	newer.CloseIdleConnections()
	older.CloseIdleConnections()
	server.Close()
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d served and %d refused: nothing was shown", served.Load(), refused.Load())
	}
	if strings.Contains(said.String(), "panic") {
		t.Errorf("a handler panicked:\n%.2000s", said.String())
	}
	if p := &held.strangers; p.used != 0 || len(p.held) != 0 || p.all.Len() != 0 {
		t.Errorf("%d bytes of %d parties are still counted", p.used, len(p.held))
	}
}

// isServed sends content, whole or in pieces and cut short, and tells whether it is answered.
func isServed(t *testing.T, transport http.RoundTripper, url string, pieces bool) bool {
	body := io.Reader(strings.NewReader(strings.Repeat("x", 20<<10)))
	if pieces {
		body = iotest.HalfReader(io.LimitReader(body, 15<<10))
	}
	r, err := http.NewRequest("POST", url, body)
	if err != nil {
		t.Error(err)
		return false
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	return err == nil && answer.StatusCode == http.StatusOK
}
