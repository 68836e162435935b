package issuer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
)

// TestFederation trades tokens shaped as GitHub Actions, Kubernetes and SPIRE make them.
func TestFederation(t *testing.T) {
	for _, c := range []struct {
		name, path, subject string
		key                 any
		algorithm           jose.SignatureAlgorithm
		kid                 string
		more                map[string]any
		audience            any
	}{
		{
			"GitHub Actions", "", "repo:octo-org/octo-repo:ref:refs/heads/main", signingKey(), jose.RS256, "rsa",
			map[string]any{"ref": "refs/heads/main", "repository": "octo-org/octo-repo", "run_attempt": "2", "enterprise": nil, "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main"},
			exchange,
		},
		{
			"Kubernetes", "/cluster-1/", "system:serviceaccount:default:workload-identity-sa", signingKey(), jose.RS256, "rsa",
			map[string]any{"kubernetes.io": map[string]any{"namespace": "default", "serviceaccount": map[string]any{"name": "workload-identity-sa", "uid": "x"}}},
			[]string{exchange, "https://kubernetes.default.svc"},
		},
		{"SPIFFE", "", "spiffe://example.org/ns/prod/sa/api", ecKey(), jose.ES256, "svid", map[string]any{"jti": nil}, []string{exchange}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, roots := newOutside(t, c.path)
			r := newRealm(t, loopback(roots))
			id := r.federated(t, midas.FederatedCredential{Name: "outside", Issuer: o.url, Subject: c.subject, Audiences: []string{exchange}})
			says := map[string]any{"iss": o.url, "sub": c.subject, "aud": c.audience, "iat": r.clock().Unix(), "exp": r.clock().Unix() + 600, "jti": rfcID()}
			for k, v := range c.more {
				says[k] = v
			}
			raw := sign(t, c.algorithm, c.key, map[string]any{"kid": c.kid}, says)
			status, doc := r.assert(t, id.ClientID, raw+"\n")
			if status != http.StatusOK || doc["expires_in"] != 86399.0 {
				t.Fatal(status, doc)
			}
			got := claims(t, doc)
			if got.AppID != id.ClientID || got.ObjectID != id.PrincipalID || got.XMSMIRID != id.ResourceID || got.AppIDACR != "2" || got.XMSAZRID != "" {
				t.Errorf("%+v", got)
			}
			before := o.fetches.Load()
			if status, _ := r.assert(t, id.ClientID, raw); status != http.StatusOK || before != 2 || o.fetches.Load() != before {
				t.Errorf("%d; %d fetches, then %d: two are enough for the document and the keys", status, before, o.fetches.Load())
			}
		})
	}
}

func TestFederationRefusals(t *testing.T) {
	o, roots := newOutside(t, "/cluster/")
	r := newRealm(t, loopback(roots))
	const subject = "system:serviceaccount:ns:sa"
	id := r.federated(t, midas.FederatedCredential{Name: "outside", Issuer: o.url, Subject: subject, Audiences: []string{exchange}})
	good := func() map[string]any {
		return map[string]any{"iss": o.url, "sub": subject, "aud": []string{exchange}, "iat": r.clock().Unix(), "exp": r.clock().Unix() + 600}
	}
	kid := map[string]any{"kid": "rsa"}
	for _, c := range []struct {
		name   string
		change map[string]any
		header map[string]any
		number string
	}{
		{"issuer without its final slash", map[string]any{"iss": strings.TrimSuffix(o.url, "/")}, kid, "AADSTS700211"},
		{"another issuer", map[string]any{"iss": "https://token.actions.githubusercontent.com"}, kid, "AADSTS700211"},
		{"no issuer", map[string]any{"iss": ""}, kid, "AADSTS700211"},
		{"another subject", map[string]any{"sub": "system:serviceaccount:ns:other"}, kid, "AADSTS700213"},
		{"subject in another case", map[string]any{"sub": strings.ToUpper(subject)}, kid, "AADSTS7002138"},
		{"another audience", map[string]any{"aud": "https://kubernetes.default.svc"}, kid, "AADSTS700212"},
		{"audience with a slash", map[string]any{"aud": exchange + "/"}, kid, "AADSTS700212"},
		{"expired", map[string]any{"iat": r.clock().Unix() - 7200, "exp": r.clock().Unix() - 400}, kid, "AADSTS700024"},
		{"not yet", map[string]any{"nbf": r.clock().Unix() + 400}, kid, "AADSTS700024"},
		{"no expiry", map[string]any{"exp": nil}, kid, "AADSTS700024"},
		{"for 26 hours", map[string]any{"exp": r.clock().Unix() + 26*3600}, kid, "AADSTS70023"},
		{"for 26 hours, most of them over", map[string]any{"iat": r.clock().Unix() - 25*3600, "exp": r.clock().Unix() + 3600}, kid, "AADSTS70023"},
		{"unknown key", nil, map[string]any{"kid": "nobody"}, "AADSTS700211"},
		{"no key", nil, nil, "AADSTS700211"},
		{"a key for encryption", nil, map[string]any{"kid": "enc"}, "AADSTS700211"},
		{"an EC key for RS256", nil, map[string]any{"kid": "svid"}, "AADSTS700211"},
	} {
		says := good()
		for k, v := range c.change {
			if says[k] = v; v == nil {
				delete(says, k)
			}
		}
		status, doc := r.assert(t, id.ClientID, sign(t, jose.RS256, signingKey(), c.header, says))
		refused(t, c.name, status, doc, 401, "invalid_client", c.number)
	}
	if status, doc := r.assert(t, id.ClientID, sign(t, jose.RS512, signingKey(), kid, good())); status != 401 {
		t.Errorf("RS512: %d %v", status, doc)
	}
	if status, doc := r.assert(t, id.ClientID, sign(t, jose.RS256, signingKey(), kid, good())); status != http.StatusOK {
		t.Errorf("the good one: %d %v", status, doc)
	}
	if existed, err := r.directory.DeleteIdentityFederation(t.Context(), nil, "g", "app-id", "outside"); err != nil || !existed {
		t.Fatal(existed, err)
	}
	status, doc := r.assert(t, id.ClientID, sign(t, jose.RS256, signingKey(), kid, good()))
	refused(t, "the credential is gone", status, doc, 401, "invalid_client", "AADSTS700211")
}

// TestStrangersLearnNoCredentials: who has no signature of a trusted issuer is answered
// alike, whatever there is.
func TestStrangersLearnNoCredentials(t *testing.T) {
	o, roots := newOutside(t, "")
	r := newRealm(t, loopback(roots))
	id := r.federated(t,
		midas.FederatedCredential{Name: "outside", Issuer: o.url, Subject: "s", Audiences: []string{exchange}},
		midas.FederatedCredential{Name: "down", Issuer: "https://127.0.0.1:1", Subject: "s", Audiences: []string{exchange}})
	said := map[string]string{}
	for name, c := range map[string]struct{ client, issuer string }{
		"trusted issuer":                 {id.ClientID, o.url},
		"trusted issuer that is down":    {id.ClientID, "https://127.0.0.1:1"},
		"issuer that nobody trusts":      {id.ClientID, "https://nobody.example"},
		"client that does not exist":     {app, o.url},
		"our own issuer, not signed":     {id.ClientID, r.IssuerURLs()[1]},
		"an application without any":     {id.ClientID, "https://other.example"},
		"issuer that is no address":      {id.ClientID, "::"},
		"issuer on the metadata address": {id.ClientID, "https://169.254.169.254"},
	} {
		for how, raw := range map[string]string{
			"unsigned":   unsigned(map[string]any{"iss": c.issuer, "sub": "s", "aud": exchange, "exp": r.clock().Unix() + 600}),
			"forged":     sign(t, jose.RS256, otherKey(), map[string]any{"kid": "rsa"}, map[string]any{"iss": c.issuer, "sub": "s", "aud": exchange, "exp": r.clock().Unix() + 600}),
			"other keys": sign(t, jose.RS256, otherKey(), map[string]any{"kid": "mine"}, map[string]any{"iss": c.issuer, "sub": "s", "aud": exchange, "exp": r.clock().Unix() + 600}),
		} {
			status, doc := r.assert(t, c.client, raw)
			refused(t, name, status, doc, 401, "invalid_client", "AADSTS700211")
			text, _, _ := strings.Cut(doc["error_description"].(string), " Trace ID")
			said[name+", "+how] = strings.ReplaceAll(text, c.issuer, "ISSUER")
		}
	}
	for name, text := range said {
		if text != said["issuer that nobody trusts, unsigned"] {
			t.Errorf("%s: %q", name, text)
		}
	}
	if n := o.fetches.Load(); n > 2 {
		t.Errorf("strangers caused %d fetches", n)
	}
}

func TestOwnTokensStandForAnApplication(t *testing.T) {
	r := newRealm(t)
	id := r.federated(t)
	p, _, err := r.directory.CreateApplication(t.Context(), "daemon")
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.directory.ApplicationByClientID(t.Context(), p.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.directory.CreateApplicationFederation(t.Context(), nil, a.ObjectID, directory.FederatedCredential{FederatedCredential: midas.FederatedCredential{
		Name: "msi", Issuer: r.IssuerURLs()[0], Subject: id.PrincipalID, Audiences: []string{exchange},
	}}); err != nil {
		t.Fatal(err)
	}
	minted, err := r.Mint(t.Context(), midas.TokenRequest{Identity: id, Resource: exchange})
	if err != nil {
		t.Fatal(err)
	}
	status, doc := r.assert(t, p.ClientID, minted.Raw)
	if status != http.StatusOK || claims(t, doc).AppID != p.ClientID || claims(t, doc).XMSMIRID != "" {
		t.Errorf("%d %v", status, doc)
	}
	elsewhere, err := r.Mint(t.Context(), midas.TokenRequest{Identity: id, Resource: midas.Resource})
	if err != nil {
		t.Fatal(err)
	}
	status, doc = r.assert(t, p.ClientID, elsewhere.Raw)
	refused(t, "a token for the database", status, doc, 401, "invalid_client", "AADSTS700212")
	if _, err := r.directory.UpdateApplicationFederation(t.Context(), nil, a.ObjectID, "msi", func(c *directory.FederatedCredential) error {
		c.Issuer = r.IssuerURLs()[1] // as Azure's documentation has it
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if status, doc := r.assert(t, p.ClientID, minted.Raw); status != http.StatusOK {
		t.Errorf("by the issuer's name of version 2: %d %v", status, doc)
	}
	if existed, err := r.directory.DeleteIdentity(t.Context(), nil, "g", "app-id"); err != nil || !existed {
		t.Fatal(existed, err)
	}
	status, doc = r.assert(t, p.ClientID, minted.Raw)
	refused(t, "a deleted identity's token, which still runs", status, doc, 401, "invalid_client", "AADSTS7000112")
}

// misbehaviour is what an issuer serves in place of its keys, or where it is.
type misbehaviour struct {
	change func(o *outsideIssuer) http.HandlerFunc
	allow  []netip.Prefix
	public bool
}

// misbehaviours may send for the keys of another issuer, or to plain, both of which are good.
func misbehaviours(evil *outsideIssuer, plain string) map[string]misbehaviour {
	return map[string]misbehaviour{
		"redirects elsewhere": {change: func(*outsideIssuer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, evil.url+r.URL.Path, http.StatusFound)
			}
		}},
		"redirects for ever": {change: func(*outsideIssuer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }
		}},
		"never ends": {change: func(*outsideIssuer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}
		}},
		"speaks for another": {change: func(*outsideIssuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"issuer": evil.url, "jwks_uri": evil.url + "/openid/v1/jwks"})
			}
		}},
		"sends for the keys by http": {change: func(o *outsideIssuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"issuer": o.url, "jwks_uri": plain + "/openid/v1/jwks"})
			}
		}},
		"is on an address that is not allowed": {public: true},
		"an allowance for another network":     {allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	}
}

// TestOutsideIssuerIsFetchedWithinLimits has an outside issuer that misbehaves; none of it
// gets its keys believed.
func TestOutsideIssuerIsFetchedWithinLimits(t *testing.T) {
	evil, _ := newOutside(t, "")
	plain := httptest.NewServer(evil)
	t.Cleanup(plain.Close)
	for name, c := range misbehaviours(evil, plain.URL) {
		t.Run(name, func(t *testing.T) {
			o, roots := newOutside(t, "")
			if c.change != nil {
				f := c.change(o)
				o.change.Store(&f)
			}
			r := newRealm(t, loopback(roots), func(cfg *issuer.Config) {
				if c.public || c.allow != nil {
					cfg.Federation.Allow = c.allow
				}
			})
			id := r.federated(t, midas.FederatedCredential{Name: "outside", Issuer: o.url, Subject: "s", Audiences: []string{exchange}})
			began := time.Now()
			status, doc := r.assert(t, id.ClientID, sign(t, jose.RS256, signingKey(), map[string]any{"kid": "rsa"},
				map[string]any{"iss": o.url, "sub": "s", "aud": exchange, "exp": r.clock().Unix() + 600}))
			refused(t, name, status, doc, 401, "invalid_client", "AADSTS700211")
			if took := time.Since(began); took > 9*time.Second {
				t.Errorf("took %s", took)
			}
			if (c.public || c.allow != nil) && o.fetches.Load() != 0 {
				t.Error("it was reached all the same")
			}
		})
	}
}
