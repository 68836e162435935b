package token_test

import (
	"crypto/rsa"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

func TestVerifyManagedIdentityToken(t *testing.T) {
	w := newWorld(t)
	got, err := w.verifier(t).Verify(t.Context(), w.sign(t, w.claims()))
	if err != nil {
		t.Fatal(err)
	}
	want := midas.Principal{
		Issuer: issV1, TenantID: tenant, ObjectID: object, Subject: object, ClientID: client,
		AppOnly: true, Name: "app-id", TokenID: "u1", Audience: midas.Resource,
		NotBefore: w.now.Add(-5 * time.Minute), Expiry: w.now.Add(86400 * time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestClockSkew(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t, func(c *token.VerifierConfig) { c.Skew = time.Minute })
	c := w.claims()
	c.NotBefore = token.At(w.now.Add(time.Minute))
	c.Expiry = token.At(w.now.Add(time.Hour))
	raw := w.sign(t, c)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("issuer a minute ahead: %v", err)
	}
	w.now = w.now.Add(time.Hour + time.Minute - time.Second)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("a second before expiry and skew: %v", err)
	}
	w.now = w.now.Add(time.Second)
	if _, err := v.Verify(t.Context(), raw); err == nil {
		t.Error("let in at expiry and skew")
	}
}

func TestAudienceMayBeAnArray(t *testing.T) {
	w := newWorld(t)
	c := w.claims()
	c.Audience = token.Strings{"api://else", midas.ResourceAppID}
	p, err := w.verifier(t).Verify(t.Context(), w.sign(t, c))
	if err != nil || p.Audience != midas.ResourceAppID {
		t.Errorf("audience %q, %v", p.Audience, err)
	}
}

// claimed are the claims that every token has, but for its expiry, and more.
func claimed(extra ...any) map[string]any {
	m := map[string]any{"aud": midas.Resource, "iss": issV1, "tid": tenant, "ver": "1.0"}
	for i := 0; i < len(extra); i += 2 {
		m[extra[i].(string)] = extra[i+1]
	}
	return m
}

// shapes are claims, and whom they name.
var shapes = []struct {
	name   string
	claims map[string]any
	want   midas.Principal
}{
	{
		"version 1 application, older than idtyp: oid is sub and there is no scp",
		claimed("appid", client, "oid", object, "sub", object),
		midas.Principal{ClientID: client, AppOnly: true, ObjectID: object, Subject: object, Name: client},
	},
	{
		"version 2 application names itself in azp",
		claimed("iss", issV2, "ver", "2.0", "aud", midas.ResourceAppID, "azp", client, "oid", object, "sub", object, "idtyp", "app"),
		midas.Principal{ClientID: client, AppOnly: true, ObjectID: object, Subject: object, Name: client},
	},
	{
		"a version 2 token does not name its client in appid",
		claimed("iss", issV2, "ver", "2.0", "appid", client, "oid", object, "sub", object),
		midas.Principal{AppOnly: true, ObjectID: object, Subject: object},
	},
	{
		"a delegated token names the application and is still a person's",
		claimed("appid", client, "oid", object, "sub", "pairwise", "scp", "user_impersonation", "upn", "ada@example.com"),
		midas.Principal{ClientID: client, ObjectID: object, Subject: "pairwise", Name: "ada@example.com"},
	},
	{
		"scp beats idtyp app",
		claimed("appid", client, "oid", object, "sub", object, "scp", "x", "idtyp", "app"),
		midas.Principal{ClientID: client, ObjectID: object, Subject: object, Name: client},
	},
	{
		"idtyp user is no application even when oid is sub",
		claimed("appid", client, "oid", object, "sub", object, "idtyp", "user"),
		midas.Principal{ClientID: client, ObjectID: object, Subject: object, Name: client},
	},
	{
		"a person's token without scp and with oid as sub",
		claimed("oid", object, "sub", object, "preferred_username", "ada@example.com"),
		midas.Principal{ObjectID: object, Subject: object, Name: "ada@example.com"},
	},
	{
		"a guest has only unique_name",
		claimed("oid", object, "sub", "p", "scp", "x", "unique_name", "live.com#ada@example.com"),
		midas.Principal{ObjectID: object, Subject: "p", Name: "live.com#ada@example.com"},
	},
	{
		"groups",
		claimed("oid", object, "sub", "p", "scp", "x", "groups", []string{"g1", "g2"}),
		midas.Principal{ObjectID: object, Subject: "p", Groups: []string{"g1", "g2"}},
	},
	{
		"more than 200 groups are left out and named in _claim_names",
		claimed("oid", object, "sub", "p", "scp", "x", "_claim_names", map[string]any{"groups": "src1"}),
		midas.Principal{ObjectID: object, Subject: "p", GroupsOmitted: true},
	},
	{
		"hasgroups says the same in the implicit flow",
		claimed("oid", object, "sub", "p", "scp", "x", "hasgroups", true),
		midas.Principal{ObjectID: object, Subject: "p", GroupsOmitted: true},
	},
	{
		"another issuer's jti",
		claimed("sub", "p", "jti", "j1"),
		midas.Principal{Subject: "p", TokenID: "j1"},
	},
}

func TestPrincipalShapes(t *testing.T) {
	w := newWorld(t)
	exp := w.now.Add(time.Hour).Unix()
	for _, c := range shapes {
		t.Run(c.name, func(t *testing.T) {
			c.claims["exp"] = exp
			got, err := w.verifier(t).Verify(t.Context(), w.forge(t, rs256(), c.claims))
			if err != nil {
				t.Fatal(err)
			}
			c.want.Issuer, c.want.TenantID = c.claims["iss"].(string), tenant
			c.want.Audience, c.want.Expiry = c.claims["aud"].(string), time.Unix(exp, 0).UTC()
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNewVerifierRefusesToBelieveNobodyOrAnybody(t *testing.T) {
	w := newWorld(t)
	good := token.Issuer{URLs: []string{issV1}, Keys: w.set}
	for name, cfg := range map[string]token.VerifierConfig{
		"no issuer":          {Audiences: []string{"a"}},
		"no audience":        {Issuers: []token.Issuer{good}},
		"empty audience":     {Issuers: []token.Issuer{good}, Audiences: []string{""}},
		"issuer twice":       {Issuers: []token.Issuer{good, good}, Audiences: []string{"a"}},
		"issuer without URL": {Issuers: []token.Issuer{{Keys: w.set}}, Audiences: []string{"a"}},
		"empty issuer URL":   {Issuers: []token.Issuer{{URLs: []string{""}, Keys: w.set}}, Audiences: []string{"a"}},
		"no keys":            {Issuers: []token.Issuer{{URLs: []string{issV1}}}, Audiences: []string{"a"}},
		"none":               {Issuers: []token.Issuer{good}, Audiences: []string{"a"}, Algorithms: []string{"none"}},
		"HMAC":               {Issuers: []token.Issuer{good}, Audiences: []string{"a"}, Algorithms: []string{"RS256", "HS256"}},
	} {
		if _, err := token.NewVerifier(cfg); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForeignLibraryAcceptsOurTokens checks a signed token with golang-jwt.
func TestForeignLibraryAcceptsOurTokens(t *testing.T) {
	w := newWorld(t)
	parsed, err := jwt.Parse(w.sign(t, w.claims()), func(tok *jwt.Token) (any, error) {
		if tok.Header["x5t"] != tok.Header["kid"] {
			t.Errorf("x5t %v is not kid %v", tok.Header["x5t"], tok.Header["kid"])
		}
		return any(&w.keys["k1"].PublicKey).(*rsa.PublicKey), nil
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(midas.Resource), jwt.WithIssuer(issV1),
		jwt.WithTimeFunc(func() time.Time { return w.now }), jwt.WithExpirationRequired())
	if err != nil || !parsed.Valid {
		t.Fatal(err)
	}
}
