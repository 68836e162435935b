package issuer_test

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
)

const bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// certified is an application with a certificate.
func (r *realm) certified(t testing.TB, from, until time.Time) (clientID string, der []byte) {
	t.Helper()
	p, _, err := r.directory.CreateApplication(t.Context(), "daemon")
	if err != nil {
		t.Fatal(err)
	}
	der = certificateOf(t, signingKey(), from, until)
	a, err := r.directory.ApplicationByClientID(t.Context(), p.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.directory.SetCertificates(t.Context(), a.ObjectID, []directory.Certificate{{DER: der}}); err != nil {
		t.Fatal(err)
	}
	return p.ClientID, der
}

func (r *realm) assert(t testing.TB, clientID, assertion string) (int, map[string]any) {
	t.Helper()
	return r.post(t, r.v2(), "grant_type", "client_credentials", "client_id", clientID, "scope", midas.Resource+"/.default",
		"client_assertion_type", bearer, "client_assertion", assertion)
}

// daemon is an application with a certificate that signs in by it.
type daemon struct {
	*realm
	client      string
	der         []byte
	short, long string // thumbprints
}

func newDaemon(t testing.TB) *daemon {
	t.Helper()
	r := newRealm(t, func(c *issuer.Config) {
		c.Origins = func() []string { return []string{"https://login.microsoftonline.com"} }
	})
	d := &daemon{realm: r}
	d.client, d.der = r.certified(t, r.clock().Add(-time.Hour), r.clock().Add(24*time.Hour))
	d.short, d.long = thumbprints(d.der)
	return d
}

// says is what a right assertion says, but for what is changed.
func (d *daemon) says(change map[string]any) map[string]any {
	now := d.clock().Unix()
	claims := map[string]any{"aud": d.base + d.v2(), "iss": d.client, "sub": d.client, "jti": rfcID(), "nbf": now, "exp": float64(now) + 600.5}
	maps.Copy(claims, change)
	return claims
}

func TestClientCertificate(t *testing.T) {
	d := newDaemon(t)
	padded := func(s string) string { return s + strings.Repeat("=", (4-len(s)%4)%4) }
	std := strings.NewReplacer("-", "+", "_", "/").Replace
	for name, c := range map[string]struct {
		algorithm jose.SignatureAlgorithm
		header    map[string]any
		change    map[string]any
	}{
		"RS256 and SHA-1, as MSAL for Python": {jose.RS256, map[string]any{"x5t": padded(d.short)}, nil},
		"PS256 and SHA-256, as MSAL for Go":   {jose.PS256, map[string]any{"x5t#S256": std(padded(d.long))}, nil},
		"both thumbprints":                    {jose.PS256, map[string]any{"x5t": d.short, "x5t#S256": d.long}, nil},
		"with its chain, as SDKs send it":     {jose.PS256, map[string]any{"x5t#S256": d.long, "x5c": []string{base64.StdEncoding.EncodeToString(d.der)}}, nil},
		"version 1 token endpoint":            {jose.RS256, map[string]any{"x5t": d.short}, map[string]any{"aud": d.base + "/" + d.tenant + "/oauth2/token"}},
		"adfs":                                {jose.RS256, map[string]any{"x5t": d.short}, map[string]any{"aud": d.base + "/adfs/oauth2/token"}},
		"under another of our names":          {jose.RS256, map[string]any{"x5t": d.short}, map[string]any{"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}},
		"to the issuer's name":                {jose.RS256, map[string]any{"x5t": d.short}, map[string]any{"aud": d.IssuerURLs()[1]}},
		"client id in capitals":               {jose.RS256, map[string]any{"x5t": d.short}, map[string]any{"iss": strings.ToUpper(d.client), "sub": strings.ToUpper(d.client)}},
	} {
		says := d.says(c.change)
		status, doc := d.assert(t, d.client, sign(t, c.algorithm, signingKey(), c.header, says)+"\n")
		if status != http.StatusOK {
			t.Errorf("%s: %d %v", name, status, doc)
			continue
		}
		if got := claims(t, doc); got.AppID != d.client || got.AppIDACR != "2" || got.IDType != "app" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestClientCertificateRefusals(t *testing.T) {
	d := newDaemon(t)
	header := map[string]any{"x5t": d.short}
	for name, c := range map[string]struct {
		header map[string]any
		change map[string]any
		number string
	}{
		"no thumbprint":             {nil, nil, "AADSTS700027"},
		"another thumbprint":        {map[string]any{"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}, nil, "AADSTS700027"},
		"a chain alone":             {map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(d.der)}}, nil, "AADSTS700027"},
		"one of two is another":     {map[string]any{"x5t": d.short, "x5t#S256": "AAAA"}, nil, "AADSTS700027"},
		"for somebody else":         {header, map[string]any{"aud": "https://login.example/" + d.tenant + "/oauth2/token"}, "AADSTS700023"},
		"for our page":              {header, map[string]any{"aud": d.base + "/devicelogin"}, "AADSTS700023"},
		"for nobody":                {header, map[string]any{"aud": ""}, "AADSTS700023"},
		"of another subject":        {header, map[string]any{"sub": app}, "AADSTS700021"},
		"expired":                   {header, map[string]any{"nbf": d.clock().Unix() - 900, "exp": d.clock().Unix() - 301}, "AADSTS700024"},
		"not yet":                   {header, map[string]any{"nbf": d.clock().Unix() + 400}, "AADSTS700024"},
		"without expiry":            {header, map[string]any{"exp": 0}, "AADSTS700024"},
		"for two hours":             {header, map[string]any{"exp": d.clock().Unix() + 2*3600}, "AADSTS70023"},
		"for two days":              {header, map[string]any{"exp": d.clock().Unix() + 2*86400}, "AADSTS70023"},
		"a critical header we lack": {map[string]any{"x5t": d.short, "crit": []string{"exp"}}, nil, "AADSTS700027"},
	} {
		says := d.says(c.change)
		status, doc := d.assert(t, d.client, sign(t, jose.RS256, signingKey(), c.header, says))
		refused(t, name, status, doc, 401, "invalid_client", c.number)
	}
}

// TestStrangersLearnNoCertificates: a caller without the private key learns neither whether
// there is such an application nor whether that certificate is one of its.
func TestStrangersLearnNoCertificates(t *testing.T) {
	d := newDaemon(t)
	header := map[string]any{"x5t": d.short}
	thumb, _ := base64.RawURLEncoding.DecodeString(d.short)
	shown := strings.ToUpper(hex.EncodeToString(thumb))
	said := map[string]string{}
	other := sign(t, jose.RS256, otherKey(), header, d.says(nil))
	for name, clientID := range map[string]string{"the application": d.client, "nobody": app} {
		raw := other
		if clientID == app {
			raw = sign(t, jose.RS256, otherKey(), header, d.says(map[string]any{"iss": app, "sub": app}))
		}
		status, doc := d.assert(t, clientID, raw)
		refused(t, name, status, doc, 401, "invalid_client", "AADSTS700027")
		said[name], _, _ = strings.Cut(doc["error_description"].(string), " Trace ID")
	}
	if said["the application"] != said["nobody"] || !strings.Contains(said["nobody"], shown) {
		t.Errorf("%q", said)
	}
	for name, raw := range map[string]string{
		"not signed": unsigned(d.says(nil)), "no token": "x", "too long": strings.Repeat("a.", 9000),
		"signed with the certificate as a secret": sign(t, jose.HS256, d.der, header, d.says(nil)),
	} {
		status, doc := d.assert(t, d.client, raw)
		if status != http.StatusUnauthorized || doc["error"] != "invalid_client" {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
}

func TestClientAssertionIsBoundToWhereItWasFirstShown(t *testing.T) {
	r := newRealm(t)
	client, der := r.certified(t, r.clock().Add(-time.Hour), r.clock().Add(24*time.Hour))
	short, _ := thumbprints(der)
	raw := sign(t, jose.RS256, signingKey(), map[string]any{"x5t": short}, map[string]any{
		"aud": r.base + r.v2(), "iss": client, "sub": client, "jti": rfcID(), "exp": r.clock().Unix() + 600,
	})
	for range 2 { // MSAL for Python makes one for ten minutes
		if status, doc := r.assert(t, client, raw); status != http.StatusOK {
			t.Fatal(status, doc)
		}
	}
	req, err := http.NewRequest(http.MethodPost, r.v2(), strings.NewReader("grant_type=client_credentials&client_id="+client+
		"&scope=api://a/.default&client_assertion_type="+bearer+"&client_assertion="+raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.RemoteAddr = "192.0.2.7:999"
	if rec := record(r.Issuer, req); rec.Code != http.StatusUnauthorized || !strings.Contains(rec.Body.String(), "AADSTS700025") {
		t.Errorf("from elsewhere: %d %s", rec.Code, rec.Body)
	}
}

func TestExpiredCertificateSignsNobodyIn(t *testing.T) {
	r := newRealm(t)
	client, der := r.certified(t, r.clock().Add(-time.Hour), r.clock().Add(time.Minute))
	short, _ := thumbprints(der)
	r.pass(2 * time.Minute)
	status, doc := r.assert(t, client, sign(t, jose.RS256, signingKey(), map[string]any{"x5t": short}, map[string]any{
		"aud": r.base + r.v2(), "iss": client, "sub": client, "exp": r.clock().Unix() + 600,
	}))
	refused(t, "expired", status, doc, 401, "invalid_client", "AADSTS700027")
}
