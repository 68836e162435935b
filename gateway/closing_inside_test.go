package gateway

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"
	"time"
)

// Ending a session waits for no backend, also not for one that reads nothing of what TLS has to
// say at the end: recheck ends those of all servers, one after the other.
func TestEvictWaitsForNoBackend(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	shaken := make(chan error, 1)
	go func() {
		shaken <- tls.Server(there, &tls.Config{Certificates: server.TLS.Certificates, SessionTicketsDisabled: true}).Handshake()
	}()
	secured := tls.Client(here, &tls.Config{InsecureSkipVerify: true})
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	h := &handle{conn: &backendConn{Conn: secured}}
	began := time.Now()
	h.closeBackend()
	if took := time.Since(began); took > time.Second {
		t.Errorf("ending the session took %v", took)
	}
}
