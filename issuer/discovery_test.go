package issuer_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

func sorted(s []string) []string { slices.Sort(s); return s }

func rsaSecrets(key any) [][]byte {
	k := key.(*rsa.PrivateKey)
	out := [][]byte{k.D.Bytes()}
	for _, p := range k.Primes {
		out = append(out, p.Bytes())
	}
	return append(out, k.Precomputed.Dp.Bytes(), k.Precomputed.Dq.Bytes(), k.Precomputed.Qinv.Bytes())
}

func TestDiscovery(t *testing.T) {
	i, base := serve(t)
	v1, v2 := i.IssuerURLs()[0], i.IssuerURLs()[1]
	if v1 != base+"/"+tenant+"/" || v2 != base+"/"+tenant+"/v2.0" {
		t.Fatalf("issuers %s and %s: the first with a final slash, the second without", v1, v2)
	}
	for _, c := range []struct{ path, issuer, token, keys string }{
		{"/" + tenant + "/.well-known/openid-configuration", v1, "/" + tenant + "/oauth2/token", "/common/discovery/keys"},
		{"/" + tenant + "/v2.0/.well-known/openid-configuration", v2, "/" + tenant + "/oauth2/v2.0/token", "/" + tenant + "/discovery/v2.0/keys"},
		{"/" + strings.ToUpper(tenant) + "/v2.0/.well-known/openid-configuration?", v2, "/" + strings.ToUpper(tenant) + "/oauth2/v2.0/token", "/" + strings.ToUpper(tenant) + "/discovery/v2.0/keys"},
		{"/common/v2.0/.well-known/openid-configuration", v2, "/common/oauth2/v2.0/token", "/common/discovery/v2.0/keys"},
		{"/organizations/.well-known/openid-configuration", v1, "/organizations/oauth2/token", "/common/discovery/keys"},
		{"/adfs/.well-known/openid-configuration", v1, "/adfs/oauth2/token", "/adfs/discovery/v2.0/keys"},
		{"//adfs//.well-known/openid-configuration/", v1, "/adfs/oauth2/token", "/adfs/discovery/v2.0/keys"},
	} {
		status, header, doc := getJSON(t, base+c.path)
		if status != http.StatusOK || !strings.Contains(header.Get("Cache-Control"), "max-age=86400") {
			t.Errorf("%s: %d, %v", c.path, status, header)
		}
		if doc["issuer"] != c.issuer || doc["token_endpoint"] != base+c.token || doc["jwks_uri"] != base+c.keys {
			t.Errorf("%s: issuer %v, token endpoint %v, keys %v", c.path, doc["issuer"], doc["token_endpoint"], doc["jwks_uri"])
		}
		if doc["authorization_endpoint"] == nil {
			t.Errorf("%s: client libraries refuse a document without authorization_endpoint", c.path)
		}
		keyStatus, _, keys := getJSON(t, doc["jwks_uri"].(string))
		if list, _ := keys["keys"].([]any); keyStatus != http.StatusOK || len(list) < 2 {
			t.Errorf("%s: key set %d with %d keys, at least 2 expected", c.path, keyStatus, len(list))
		}
	}
}

func TestUnknownTenantAndPaths(t *testing.T) {
	_, base := serve(t)
	status, _, doc := getJSON(t, base+"/11111111-1111-1111-1111-111111111111/v2.0/.well-known/openid-configuration")
	if text, _ := doc["error_description"].(string); status != http.StatusBadRequest || !strings.HasPrefix(text, "AADSTS90002: ") {
		t.Errorf("unknown tenant: %d, %v", status, doc)
	}
	for path, want := range map[string]int{
		"/":                          http.StatusNotFound,
		"/" + tenant:                 http.StatusNotFound,
		"/adfs/oauth2/token":         http.StatusMethodNotAllowed,
		"/common/discovery/instance": http.StatusBadRequest,
	} {
		if status, _, _ := getJSON(t, base+path); status != want {
			t.Errorf("%s: %d, not %d", path, status, want)
		}
	}
}

func TestInstanceDiscovery(t *testing.T) {
	_, base := serve(t)
	host := strings.TrimPrefix(base, "http://")
	status, _, doc := getJSON(t, base+"/common/discovery/instance?api-version=1.1&authorization_endpoint=https%3A%2F%2F"+host+"%2F"+tenant+"%2Foauth2%2Fv2.0%2Fauthorize")
	if status != http.StatusOK || doc["tenant_discovery_endpoint"] != base+"/"+tenant+"/v2.0/.well-known/openid-configuration" {
		t.Errorf("%d %v", status, doc)
	}
	status, _, doc = getJSON(t, base+"/common/discovery/instance?authorization_endpoint=https://evil.example/x")
	if status != http.StatusBadRequest || doc["error"] != "invalid_instance" {
		t.Errorf("%d %v", status, doc)
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, res.Status, err)
	}
	return data
}

func TestKeySetNeverHoldsPrivateNumbers(t *testing.T) {
	_, base := serve(t)
	for _, path := range []string{"/common/discovery/keys", "/" + tenant + "/discovery/v2.0/keys"} {
		data := fetch(t, base+path)
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal(data, &set); err != nil || len(set.Keys) < 2 {
			t.Fatalf("%s: %v in %s", path, err, data)
		}
		for _, key := range set.Keys {
			for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
				if _, there := key[member]; there {
					t.Errorf("%s: key has member %q", path, member)
				}
			}
			if key["kty"] != "RSA" || key["use"] != "sig" || key["kid"] != key["x5t"] {
				t.Errorf("%s: key %v", path, key)
			}
			der, err := base64.StdEncoding.DecodeString(key["x5c"].([]any)[0].(string))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := x509.ParseCertificate(der); err != nil {
				t.Error(err)
			}
		}
		for _, number := range privateNumbers(t) {
			for _, enc := range []*base64.Encoding{base64.RawURLEncoding, base64.StdEncoding} {
				if strings.Contains(string(data), enc.EncodeToString(number)) {
					t.Fatalf("%s holds a private number", path)
				}
			}
		}
		if keys, err := token.DecodeKeys(data); err != nil || len(keys) != len(set.Keys) {
			t.Errorf("%s: %d of %d keys are usable, %v", path, len(keys), len(set.Keys), err)
		}
	}
}

// TestForeignCodeVerifiesTokensFromThePublishedKeys knows nothing of our packages: it
// follows the version 1 document to the keys and checks with golang-jwt.
func TestForeignCodeVerifiesTokensFromThePublishedKeys(t *testing.T) {
	i, base := serve(t)
	minted, err := i.Mint(t.Context(), midas.TokenRequest{
		Identity: midas.Identity{ResourceID: uami, TenantID: tenant, ClientID: app, PrincipalID: object},
		Resource: midas.Resource, Host: vm,
	})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Issuer  string
		KeysURL string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(fetch(t, base+"/"+tenant+"/.well-known/openid-configuration"), &doc); err != nil {
		t.Fatal(err)
	}
	keyFunc := func(tok *jwt.Token) (any, error) {
		var set struct {
			Keys []struct {
				Kid string
				X5c []string
			}
		}
		if err := json.Unmarshal(fetch(t, doc.KeysURL), &set); err != nil {
			return nil, err
		}
		for _, key := range set.Keys {
			if key.Kid != tok.Header["kid"] {
				continue
			}
			der, err := base64.StdEncoding.DecodeString(key.X5c[0])
			if err != nil {
				return nil, err
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			return cert.PublicKey, nil
		}
		return nil, jwt.ErrTokenUnverifiable
	}
	parsed, err := jwt.Parse(minted.Raw, keyFunc,
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(doc.Issuer), jwt.WithAudience(midas.Resource),
		jwt.WithTimeFunc(func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }))
	if err != nil || !parsed.Valid {
		t.Fatal(err)
	}
	claims := parsed.Claims.(jwt.MapClaims)
	if claims["oid"] != object || claims["xms_mirid"] != uami || claims["appidacr"] != "2" {
		t.Errorf("claims %v", claims)
	}
}

// TestRemoteVerification takes the whole way that a gateway on another machine takes.
func TestRemoteVerification(t *testing.T) {
	i, base := serve(t)
	keys, err := token.NewRemoteKeys(token.RemoteConfig{URL: base + "/common/discovery/keys"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: i.IssuerURLs(), TenantID: tenant, Keys: keys}},
		Audiences: []string{midas.Resource},
		Now:       func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := i.Mint(t.Context(), midas.TokenRequest{
		Identity: midas.Identity{ResourceID: vm, TenantID: tenant, ClientID: app, PrincipalID: object},
		Resource: midas.Resource, Host: vm,
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := v.Verify(t.Context(), minted.Raw); err != nil || p.Name != "vm1" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestDocumentsNameTheAddressThatWasAsked: by one of our names, and never by a name that
// a stranger chose.
func TestDocumentsNameTheAddressThatWasAsked(t *testing.T) {
	i := mustOpen(t, keyDir(t), &clock{now: began}, func(c *issuer.Config) {
		c.BaseURL = func() string { return "https://127.0.0.1:7443" }
		c.Origins = func() []string { return []string{"https://login.microsoftonline.com", "https://localhost:7443/"} }
	})
	ask := func(host, path string) map[string]any {
		t.Helper()
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.Host = host
		var doc map[string]any
		if err := json.Unmarshal(record(i, req).Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	v1, v2 := i.IssuerURLs()[0], i.IssuerURLs()[1]
	for host, want := range map[string]string{
		"127.0.0.1:7443": "https://127.0.0.1:7443", "LOCALHOST:7443": "https://localhost:7443", "login.microsoftonline.com": "https://login.microsoftonline.com",
		"evil.example": "https://127.0.0.1:7443", "localhost": "https://127.0.0.1:7443", "": "https://127.0.0.1:7443",
	} {
		doc := ask(host, "/"+tenant+"/v2.0/.well-known/openid-configuration")
		root := want + "/" + tenant
		if doc["token_endpoint"] != root+"/oauth2/v2.0/token" || doc["jwks_uri"] != root+"/discovery/v2.0/keys" || doc["device_authorization_endpoint"] != root+"/oauth2/v2.0/devicecode" {
			t.Errorf("%s: %v", host, doc)
		}
		if doc["issuer"] != v2 || ask(host, "/"+tenant+"/.well-known/openid-configuration")["issuer"] != v1 {
			t.Errorf("%s: the issuer is not the one that tokens name: %v", host, doc["issuer"])
		}
		if got := ask(host, "/adfs/.well-known/openid-configuration")["issuer"]; got != want+"/"+tenant+"/" {
			t.Errorf("%s, adfs: issuer %v", host, got)
		}
	}
	for asked, want := range map[string]string{
		"login.microsoftonline.com": "https://login.microsoftonline.com", "localhost": "https://localhost:7443", "127.0.0.1:7443": "https://127.0.0.1:7443",
	} {
		doc := ask("login.microsoftonline.com", "/common/discovery/instance?api-version=1.1&authorization_endpoint=https://"+asked+"/"+tenant+"/oauth2/v2.0/authorize")
		if doc["tenant_discovery_endpoint"] != want+"/"+tenant+"/v2.0/.well-known/openid-configuration" {
			t.Errorf("%s: %v", asked, doc)
		}
		aliases := doc["metadata"].([]any)[0].(map[string]any)["aliases"].([]any)
		if len(aliases) != 3 {
			t.Errorf("aliases %v", aliases)
		}
	}
	if doc := ask("login.microsoftonline.com", "/common/discovery/instance?authorization_endpoint=https://login.microsoftonline.com.evil.example/x"); doc["error"] != "invalid_instance" {
		t.Errorf("%v", doc)
	}
	if doc := ask("localhost:7443", "/consumers/v2.0/.well-known/openid-configuration"); doc["error_codes"].([]any)[0] != 90002.0 {
		t.Errorf("consumers: %v", doc)
	}
}
