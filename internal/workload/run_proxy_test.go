package workload

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/ca"
	"github.com/midas-mysql/midas/internal/statedir"
)

// lent is a secret that needs no renewal.
func lent(secret string) *secretLease { return &secretLease{secret: secret, now: time.Now} }

// controlAt is a running midas whose control address is a server's.
func controlAt(t *testing.T, s *httptest.Server) statedir.Running {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return statedir.Running{Control: s.URL, CA: path}
}

func TestMetadataProxyWithoutAnEndpoint(t *testing.T) {
	proxy, err := metadataProxy(statedir.Running{Control: "https://127.0.0.1:1"}, lent("id.secret"))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	proxy.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://169.254.169.254/metadata/identity/oauth2/token", nil))
	if body := w.Body.String(); w.Code != http.StatusServiceUnavailable || !strings.Contains(body, "midas does not answer at 127.0.0.1:1") ||
		strings.Contains(body, "secret") {
		t.Errorf("%d %s", w.Code, body)
	}
}

// While midas is down, another process may take its ports. It is not sent the secret.
func TestVMRunSendsNoSecretToWhoTookThePort(t *testing.T) {
	thief := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the thief was sent %s %v", r.URL, r.Header)
	})
	midas := httptest.NewTLSServer(thief)
	running := controlAt(t, midas)
	midas.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", certificateOfItsOwn(t))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: thief, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(ln)
	defer server.Close()
	plain := httptest.NewServer(thief)
	defer plain.Close()
	running.Control, running.Metadata = "https://"+ln.Addr().String(), plain.URL
	proxy, err := metadataProxy(running, lent("id.secret"))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	proxy.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://169.254.169.254/metadata/identity/oauth2/token", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The forwarder proves the caller below /metadata/ alone, and elsewhere says that it is a
// forwarder: the endpoint recognises no machine by the address or process of one.
func TestVMRunLendsNoSecretOutsideIMDS(t *testing.T) {
	var seen []http.Header
	upstream := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header)
		if r.Host != "169.254.169.254" || !strings.HasPrefix(r.RequestURI, statedir.MachinePath+"/") {
			t.Errorf("Host %q, %s", r.Host, r.RequestURI)
		}
	}))
	defer upstream.Close()
	proxy, err := metadataProxy(controlAt(t, upstream), lent("id.secret"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/metadata/versions": "id.secret", "//METADATA/versions": "id.secret",
		"/msi/token": "", "/arc/metadata/identity/oauth2/token": "", "/cloudshell/oauth2/token": "", "/": "", "/metadatax": "", "/as/x.y/metadata/versions": "",
		"/%6detadata/versions": "",
	} {
		seen = nil
		proxy.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://169.254.169.254"+path, nil))
		if len(seen) != 1 || seen[0].Get("X-Identity-Header") != want || seen[0].Get("Via") == "" {
			t.Errorf("%s: %v", path, seen)
		}
	}
}

func TestSecretsOfVMRunAreRenewed(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	var next string
	var fails error
	asked := 0
	l := &secretLease{
		secret: "id.1", since: now, until: now.Add(time.Hour), now: func() time.Time { return now },
		renew: func(context.Context) (string, time.Time, error) { asked++; return next, now.Add(time.Hour), fails },
	}
	step := func(after time.Duration, want string, calls int) {
		t.Helper()
		now, asked = now.Add(after), 0
		if got := l.get(t.Context()); got != want || asked != calls {
			t.Errorf("at %s: %q after %d renewals, want %q after %d", now.Format(time.TimeOnly), got, asked, want, calls)
		}
	}
	next = "id.2"
	step(29*time.Minute, "id.1", 0)
	step(time.Minute, "id.2", 1)
	step(29*time.Minute, "id.2", 0)
	next, fails = "id.3", errors.New("midas is down")
	step(time.Minute, "id.2", 1)
	step(time.Second, "id.2", 0) // not again at once
	step(time.Minute, "id.2", 1)
	step(time.Hour, "id.2", 1)
	fails = nil
	step(time.Minute, "id.3", 1)
	// The machine was made again: the command does not run on the new one.
	next = "other.4"
	step(time.Hour, "id.3", 1)
}

// certificateOfItsOwn is what another process can make: one that no authority of midas knows.
func certificateOfItsOwn(t *testing.T) *tls.Config {
	t.Helper()
	other, err := ca.Open(ca.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return other.TLSConfig(nil)
}
