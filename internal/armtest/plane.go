package armtest

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

// Plane starts the real directory, issuer and ARM API on one TLS address and
// returns a state directory in which they are the running midas.
func Plane(t *testing.T) string {
	t.Helper()
	state := t.TempDir()
	fatal := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	server := httptest.NewUnstartedServer(nil)
	baseURL := func() string { return server.URL }
	d, err := directory.Open(t.Context(), directory.Config{Path: filepath.Join(state, "directory.db")})
	fatal(err)
	t.Cleanup(func() { _ = d.Close() })
	tenant, subscription := d.Tenant()
	minter, err := issuer.New(issuer.Config{
		Dir: filepath.Join(state, "issuer"), TenantID: tenant, BaseURL: baseURL,
		Applications: d, People: d, Principals: d, Members: d, Grants: d, Resources: d,
	})
	fatal(err)

	var api, people http.Handler
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case slices.Contains([]string{"subscriptions", "providers"}, strings.Split(r.URL.Path, "/")[1]):
			api.ServeHTTP(w, r)
		case graph.Serves(r.URL.Path):
			people.ServeHTTP(w, r)
		default:
			minter.ServeHTTP(w, r)
		}
	})
	server.StartTLS()
	t.Cleanup(server.Close)
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: minter.IssuerURLs(), TenantID: tenant, Keys: minter.Keys()}},
		Audiences: []string{armclient.Audience, armclient.GraphAudience},
	})
	fatal(err)
	people, err = graph.New(graph.Config{Directory: d, Verifier: verifier, BaseURL: baseURL})
	fatal(err)
	app, secret, err := d.CreateApplication(t.Context(), "operator")
	fatal(err)
	fatal(d.AssignOwner(t.Context(), app.ObjectID))
	api, err = arm.New(arm.Config{
		Directory: d, Verifier: verifier, BaseURL: baseURL,
		DefaultAdmin: &midas.Administrator{Login: "operator", ObjectID: app.ObjectID, TenantID: tenant},
	})
	fatal(err)

	ca := statedir.CAPath(state)
	fatal(os.MkdirAll(filepath.Dir(ca), 0o700))
	fatal(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	fatal(statedir.WriteOperator(state, statedir.Operator{ClientID: app.ClientID, ClientSecret: secret, TenantID: tenant, SubscriptionID: subscription}))
	fatal(statedir.WriteRunning(state, statedir.Running{Control: server.URL, CA: ca, PID: os.Getpid()}))
	return state
}
