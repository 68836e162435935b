package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
)

func rfcID() string { return uuid.NewString() }

var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var ecKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// unsigned is a token with alg none.
func unsigned(claims any) string {
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none","kid":"k1"}`)) + "." + enc(body) + "." + enc([]byte("x"))
}

// outsideIssuer is an OpenID Connect issuer of its own, with its keys and its TLS.
type outsideIssuer struct {
	url     string // as its tokens name it
	serves  http.ServeMux
	fetches atomic.Int64
	change  atomic.Pointer[http.HandlerFunc] // in place of what it serves
}

func newOutside(t testing.TB, path string) (*outsideIssuer, *x509.CertPool) {
	t.Helper()
	o := &outsideIssuer{}
	server := httptest.NewTLSServer(o)
	t.Cleanup(server.Close)
	o.url = server.URL + path
	at := strings.TrimSuffix(path, "/")
	o.serves.HandleFunc(at+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": o.url, "jwks_uri": server.URL + at + "/openid/v1/jwks", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	o.serves.HandleFunc(at+"/openid/v1/jwks", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{KeyID: "rsa", Key: signingKey().Public(), Use: "sig", Algorithm: "RS256"},
			{KeyID: "svid", Key: ecKey().Public(), Use: "jwt-svid", Algorithm: "ES256"},
			{KeyID: "enc", Key: otherKey().Public(), Use: "enc"},
		}})
	})
	return o, server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
}

func (o *outsideIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.fetches.Add(1)
	if f := o.change.Load(); f != nil {
		(*f)(w, r)
		return
	}
	o.serves.ServeHTTP(w, r)
}

func loopback(roots *x509.CertPool) func(*issuer.Config) {
	return func(c *issuer.Config) {
		c.Federation = issuer.FederationConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots}
	}
}

// federated is a user-assigned identity that trusts one token.
func (r *realm) federated(t testing.TB, credentials ...midas.FederatedCredential) midas.Identity {
	t.Helper()
	if _, _, err := r.directory.PutGroup(t.Context(), nil, "g", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	m, _, err := r.directory.PutIdentity(t.Context(), nil, "g", "app-id", "eastus", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range credentials {
		if _, _, err := r.directory.PutIdentityFederation(t.Context(), nil, "g", "app-id", directory.FederatedCredential{FederatedCredential: c}); err != nil {
			t.Fatal(err)
		}
	}
	return m.Identity
}

const exchange = "api://AzureADTokenExchange"
