package metadata_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/injection"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/metadata"
	"github.com/midas-mysql/midas/token"
)

var keyDir string // signing keys take long to make: the worlds share them

func TestMain(m *testing.M) {
	if addr := os.Getenv(loadAddr); addr != "" {
		generateLoad(addr)
		return
	}
	dir, err := os.MkdirTemp("", "midas-metadata-test-")
	if err != nil {
		panic(err)
	}
	keyDir = filepath.Join(dir, "keys")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// world is a directory and an issuer with an endpoint in front, and one machine.
type world struct {
	testing.TB
	directory *directory.Directory
	verifier  *token.Verifier
	endpoint  *metadata.Endpoint
	config    metadata.Config
	faults    *injection.Orders
	now       time.Time
	vm        directory.VM
}

const group = "myResourceGroup"

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	var err error
	w.directory, err = directory.Open(t.Context(), directory.Config{Path: filepath.Join(t.TempDir(), "directory.db"), Alone: true, Now: clock})
	w.must(err)
	t.Cleanup(func() { w.directory.Close() })
	tenant, _ := w.directory.Tenant()
	minter, err := issuer.New(issuer.Config{
		Dir: keyDir, TenantID: tenant, Applications: w.directory, Members: w.directory, Resources: w.directory, Now: clock,
		BaseURL: func() string { return "https://127.0.0.1:7443" },
	})
	w.must(err)
	w.verifier, err = token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: minter.IssuerURLs(), TenantID: tenant, Keys: minter.Keys()}},
		Audiences: []string{midas.Resource}, Now: clock,
	})
	w.must(err)
	w.faults = injection.New(clock)
	w.config = metadata.Config{Faults: w.faults, Workloads: w.directory, Minter: minter, Keys: minter.Keys(), Secret: secretUntil, Now: clock, Limits: &metadata.Limits{}}
	w.remake(func(*metadata.Config) {})
	_, _, err = w.directory.PutGroup(t.Context(), nil, group, "eastus", nil)
	w.must(err)
	w.vm, _, err = w.directory.PutVM(t.Context(), nil, group, "myVM", directory.Change{Location: "eastus"})
	w.must(err)
	return w
}

// remake makes the endpoint again, with another configuration.
func (w *world) remake(change func(*metadata.Config)) {
	w.Helper()
	change(&w.config)
	var err error
	w.endpoint, err = metadata.New(w.config)
	w.must(err)
}

// secretOf is a secret that outlasts every test.
func secretOf(vmID string) string { return secretUntil(vmID, time.Unix(4e9, 0)) }

// secretUntil has what a real one has, too: the machine's id, its end, a proof of both.
func secretUntil(vmID string, until time.Time) string {
	return fmt.Sprintf("%s.%d.proof-of-%s-until-%d", vmID, until.Unix(), vmID, until.Unix())
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// identity makes a user-assigned identity and gives it to the machine.
func (w *world) identity(name string) midas.Identity {
	w.Helper()
	made, _, err := w.directory.PutIdentity(w.Context(), nil, group, name, "eastus", nil)
	w.must(err)
	w.vm, err = w.directory.UpdateVMIdentity(w.Context(), w.vm.ID, directory.IdentityPatch{UserAssigned: map[string]bool{made.ID: true}})
	w.must(err)
	return made.Identity
}

// system gives the machine an identity of its own.
func (w *world) system() midas.Identity {
	w.Helper()
	kinds := "SystemAssigned"
	if len(w.vm.UserAssigned) > 0 {
		kinds = "SystemAssigned, UserAssigned"
	}
	var err error
	w.vm, err = w.directory.UpdateVMIdentity(w.Context(), w.vm.ID, directory.IdentityPatch{Type: kinds})
	w.must(err)
	return *w.vm.System
}

// request is what a client sends.
type request struct {
	method, path, query string
	header              http.Header
	body, remote        string
	tls                 bool
}

// imds is a right request for a token; its parameters follow, as name and value.
func (w *world) imds(parameters ...string) request {
	return request{
		http.MethodGet, "/metadata/identity/oauth2/token",
		encode(append([]string{"api-version", "2018-02-01", "resource", midas.Resource}, parameters...)),
		http.Header{"Metadata": {"true"}, "X-Identity-Header": {secretOf(w.vm.VMID)}},
		"", "", false,
	}
}

// appService is the same in App Service's protocol.
func (w *world) appService(parameters ...string) request {
	return request{
		http.MethodGet, "/msi/token",
		encode(append([]string{"api-version", "2019-08-01", "resource", midas.Resource}, parameters...)),
		http.Header{"X-Identity-Header": {secretOf(w.vm.VMID)}},
		"", "", false,
	}
}

func encode(pairs []string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

func (w *world) send(r request) *httptest.ResponseRecorder {
	w.Helper()
	in := httptest.NewRequest(r.method, "http://169.254.169.254/", strings.NewReader(r.body))
	if r.remote != "" {
		in.RemoteAddr = r.remote
	}
	if r.tls {
		in.TLS = &tls.ConnectionState{}
	}
	u, err := url.ParseRequestURI("http://169.254.169.254" + r.path)
	w.must(err)
	u.RawQuery = r.query
	in.URL, in.Header = u, r.header.Clone()
	out := httptest.NewRecorder()
	w.endpoint.ServeHTTP(out, in)
	return out
}

// token sends r and wants a token, which it returns as Microsoft's sample reads it: a
// map of strings.
func (w *world) token(r request) map[string]string {
	w.Helper()
	out := w.send(r)
	var answer map[string]string
	if err := json.Unmarshal(out.Body.Bytes(), &answer); err != nil || out.Code != http.StatusOK {
		w.Fatalf("status %d, %s: %v", out.Code, out.Body, err)
	}
	return answer
}

// principal is whose token an answer holds, as the gateway's verifier sees it.
func (w *world) principal(answer map[string]string) midas.Principal {
	w.Helper()
	p, err := w.verifier.Verify(w.Context(), answer["access_token"])
	w.must(err)
	return p
}

// change makes a machine with those kinds of identity.
func (w *world) change(kinds string) directory.Change {
	return directory.Change{Location: "eastus", Identity: &directory.IdentityPatch{Type: kinds}}
}
