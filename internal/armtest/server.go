// Package armtest is control endpoints for tests of what speaks to them: one whose API
// misbehaves as a test says, and the real identity plane.
//
// It runs no gateway and no metadata endpoint.
package armtest

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/statedir"
)

// What the server and its operator are called.
const (
	Tenant       = "11111111-1111-1111-1111-111111111111"
	Subscription = "22222222-2222-2222-2222-222222222222"
	Secret       = "the-operators-secret"
)

// Server answers as a control endpoint whose API does what the test says. It
// stands in for a server that misbehaves; the happy paths run against the real one.
type Server struct {
	*httptest.Server
	answer http.HandlerFunc // the API
	Token  http.HandlerFunc // the token endpoint; nil for one that says yes

	mu       sync.Mutex
	requests []string // method, path with query, body
}

// Serve starts one, and fails the test at a request that is not signed in.
func Serve(t *testing.T, answer http.HandlerFunc) *Server {
	t.Helper()
	s := &Server{answer: answer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		base := s.URL + "/" + Tenant
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		if s.Token != nil {
			s.Token(w, r)
			return
		}
		if scope, secret := r.FormValue("scope"), r.FormValue("client_secret"); secret != Secret || !strings.Contains(scope, armclient.Audience+"/.default") {
			t.Errorf("token asked for with scope %q", scope)
		}
		_, _ = io.WriteString(w, `{"access_token": "the-token", "token_type": "Bearer", "expires_in": 3599}`)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" {
			t.Errorf("%s %s without the token", r.Method, r.URL)
		}
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		s.mu.Unlock()
		s.answer(w, r)
	})
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, statedir.MachinePath+"/") { // whose proof is another, and whose paths stay as they are
			s.answer(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// State writes a state directory in which this server is the running midas.
func (s *Server) State(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := statedir.WriteRunning(dir, statedir.Running{Control: s.URL, CA: ca, PID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	operator := statedir.Operator{
		ClientID: "33333333-3333-3333-3333-333333333333", ClientSecret: Secret,
		TenantID: Tenant, SubscriptionID: Subscription,
	}
	if err := statedir.WriteOperator(dir, operator); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Answering answers every request alike.
func Answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Requests are those to the API so far: method, path with query, body.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}
