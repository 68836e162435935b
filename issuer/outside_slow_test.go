package issuer_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/issuer"
)

// Those who may name an outside issuer may name one that takes connections and says nothing.
// Requests that wait for it are all that strangers may hold at the port, and keep nobody out.
func TestSilentOutsideIssuerKeepsNobodyOut(t *testing.T) {
	o, roots := newOutside(t, "")
	end := make(chan struct{})
	silent := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end })
	o.change.Store(&silent)
	r := newRealm(t, loopback(roots))
	id := r.federated(t, midas.FederatedCredential{Name: "outside", Issuer: o.url, Subject: "s", Audiences: []string{exchange}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := connections.NewServer(context.Background(), connections.Config{Handler: r.Issuer, Connections: 2000})
	go port.Serve(l)
	defer port.Close()
	defer close(end)
	form := url.Values{
		"client_id": {id.ClientID}, "grant_type": {"client_credentials"}, "scope": {"https://management.azure.com/.default"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {sign(t, jose.RS256, signingKey(), map[string]any{"kid": "rsa"}, map[string]any{"iss": o.url, "sub": "s", "aud": exchange, "exp": r.clock().Unix() + 600})},
		"padding":               {strings.Repeat("x", 56<<10)},
	}.Encode()
	answered := make(chan struct{}, 420)
	for range cap(answered) { // more than the port has room for
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", r.v2(), len(form), form)
		go func() {
			_, _ = c.Read(make([]byte, 1))
			answered <- struct{}{}
		}()
	}
	<-answered // one is refused, or has given way: the port is full
	for range 10 {
		res, err := http.Post("http://"+l.Addr().String()+r.v2(), "application/x-www-form-urlencoded", strings.NewReader("grant_type=client_credentials&padding="+strings.Repeat("x", 56<<10)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("another client: %s", res.Status)
		}
	}
}

// A principal may name any number of issuers that fail: the log has one line for all of them.
func TestFailingOutsideIssuersDoNotFillTheLog(t *testing.T) {
	o, roots := newOutside(t, "")
	cut := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	o.change.Store(&cut)
	var out bytes.Buffer
	r := newRealm(t, loopback(roots), func(c *issuer.Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
	var all []midas.FederatedCredential
	for i := range 15 {
		all = append(all, midas.FederatedCredential{Name: fmt.Sprintf("outside-%d", i), Issuer: fmt.Sprintf("%s/%d", o.url, i), Subject: "s", Audiences: []string{exchange}})
	}
	id := r.federated(t, all...)
	for _, c := range all {
		r.assert(t, id.ClientID, sign(t, jose.RS256, signingKey(), map[string]any{"kid": "rsa"}, map[string]any{"iss": c.Issuer, "sub": "s", "aud": exchange, "exp": r.clock().Unix() + 600}))
	}
	if n := strings.Count(out.String(), "no signing keys yet"); n != 1 {
		t.Errorf("%d lines for %d issuers:\n%s", n, len(all), out.String())
	}
}
