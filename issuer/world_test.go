package issuer_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

const (
	tenant = "9f6d3a52-6b0e-4a7f-a2d4-2d1c8d3c4e5f"
	app    = "0e8f6d4a-1111-4c3e-9a55-b2f8d7c6a510"
	object = "5b9d2c1e-2222-4f6a-8c77-0d9e8f7a6b5c"
	secret = "s3cret~value+with%specials"
)

type applications struct{}

func (applications) CheckSecret(_ context.Context, clientID, given string) (midas.Identity, error) {
	if clientID != app || given != secret {
		return midas.Identity{}, midas.Errorf(midas.Unauthenticated, "wrong secret")
	}
	return midas.Identity{TenantID: tenant, ClientID: app, PrincipalID: object}, nil
}

func (applications) Certificates(_ context.Context, clientID string) (midas.Identity, [][]byte, error) {
	return midas.Identity{}, nil, midas.Errorf(midas.NotFound, "no certificates for %s", clientID)
}

func (applications) FederatedCredentials(_ context.Context, clientID string) (midas.Identity, []midas.FederatedCredential, error) {
	return midas.Identity{}, nil, midas.Errorf(midas.NotFound, "no credentials for %s", clientID)
}

// began is when tests begin.
var began = time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.UTC)

// keyDir makes keys once and copies them for each test: making them takes long.
var madeKeys = sync.OnceValue(func() map[string][]byte {
	dir, err := os.MkdirTemp("", "issuer")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	_, err = issuer.New(issuer.Config{
		Dir: dir, TenantID: tenant, BaseURL: func() string { return "" }, Applications: applications{},
		Now: func() time.Time { return began.Add(-72 * time.Hour) }, // so that the next key may sign
	})
	if err != nil {
		panic(err)
	}
	files := map[string][]byte{}
	names, err := os.ReadDir(dir)
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		if files[name.Name()], err = os.ReadFile(filepath.Join(dir, name.Name())); err != nil {
			panic(err)
		}
	}
	return files
})

func keyDir(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, data := range madeKeys() {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// serve starts an issuer on a port of its own.
func serve(tb testing.TB, change ...func(*issuer.Config)) (*issuer.Issuer, string) {
	tb.Helper()
	server := httptest.NewUnstartedServer(nil)
	cfg := issuer.Config{
		Dir: keyDir(tb), TenantID: tenant, Applications: applications{},
		BaseURL: func() string { return "http://" + server.Listener.Addr().String() },
		Now:     func() time.Time { return began },
	}
	for _, c := range change {
		c(&cfg)
	}
	i, err := issuer.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	server.Config.Handler = i
	server.Start()
	tb.Cleanup(server.Close)
	return i, server.URL
}

func getJSON(tb testing.TB, url string) (int, http.Header, map[string]any) {
	tb.Helper()
	res, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	return readJSON(tb, res)
}

func readJSON(tb testing.TB, res *http.Response) (int, http.Header, map[string]any) {
	tb.Helper()
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	var doc map[string]any
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(data, &doc); err != nil {
			tb.Fatalf("%s: %v in %s", res.Request.URL, err, data)
		}
	}
	return res.StatusCode, res.Header, doc
}

var request = midas.TokenRequest{
	Identity: midas.Identity{ResourceID: uami, TenantID: tenant, ClientID: app, PrincipalID: object},
	Resource: midas.Resource,
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t testing.TB, dir string, c *clock, change ...func(*issuer.Config)) (*issuer.Issuer, error) {
	t.Helper()
	cfg := issuer.Config{
		Dir: dir, TenantID: tenant, Applications: applications{}, BaseURL: func() string { return "https://h" }, Now: c.read,
	}
	for _, f := range change {
		f(&cfg)
	}
	return issuer.New(cfg)
}

func mustOpen(t testing.TB, dir string, c *clock, change ...func(*issuer.Config)) *issuer.Issuer {
	t.Helper()
	i, err := open(t, dir, c, change...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// states lists the keys by what they are for.
func states(i *issuer.Issuer) map[string][]string {
	out := map[string][]string{}
	for _, k := range i.PublishedKeys() {
		out[k.State] = append(out[k.State], k.ID)
	}
	return out
}

func mint(t testing.TB, i *issuer.Issuer) string {
	t.Helper()
	minted, err := i.Mint(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return minted.Raw
}

func verifier(t testing.TB, i *issuer.Issuer, c *clock) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: i.IssuerURLs(), TenantID: tenant, Keys: i.Keys()}},
		Audiences: []string{midas.Resource}, Now: c.read,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
