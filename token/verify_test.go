package token_test

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
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

func part(tb testing.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// forge signs with the issuer's own key whatever header and claims it is given, by a
// library that is not ours: the faults are in the content, not in the signature.
func (w *world) forge(tb testing.TB, header map[string]any, claims any) string {
	tb.Helper()
	data, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	return w.forgeRaw(tb, part(tb, header), base64.RawURLEncoding.EncodeToString(data))
}

func (w *world) forgeRaw(tb testing.TB, head, body string) string {
	tb.Helper()
	signature, err := jwt.SigningMethodRS256.Sign(head+"."+body, w.keys["k1"])
	if err != nil {
		tb.Fatal(err)
	}
	return head + "." + body + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func rs256(extra ...any) map[string]any {
	h := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "k1"}
	for i := 0; i < len(extra); i += 2 {
		h[extra[i].(string)] = extra[i+1]
	}
	return h
}

// TestRefusals holds that nothing but a token of a believed issuer, in our tenant, for
// our audience and in its time gets through, and that strangers are told no reason.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	other := sharedKeys()[2]
	public := &w.keys["k1"].PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*token.Claims)) string {
		c := w.claims()
		change(&c)
		return w.sign(t, c)
	}
	hs256 := func(secret []byte) string {
		signed := part(t, rs256("alg", "HS256")) + "." + part(t, w.claims())
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	good := w.sign(t, w.claims())
	body := part(t, w.claims())
	flip := func(at int) string {
		b := []byte(good)
		b[at] ^= 1
		return string(b)
	}
	jwk := map[string]any{
		"kty": "RSA", "kid": "k1", "e": "AQAB",
		"n": base64.RawURLEncoding.EncodeToString(other.N.Bytes()),
	}
	foreign := func(header map[string]any) string {
		signed := part(t, header) + "." + body
		sig, err := jwt.SigningMethodRS256.Sign(signed, other)
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
	}

	for _, c := range []struct {
		name   string
		raw    string
		reason string // part of the message
		public bool
	}{
		{"empty", "", "three parts", false},
		{"not a token", "hunter2", "three parts", false},
		{"alg none, no signature", part(t, rs256("alg", "none")) + "." + body + ".", "empty part", false},
		{"alg none, two parts", part(t, rs256("alg", "none")) + "." + body, "three parts", false},
		{"alg none, old signature kept", part(t, rs256("alg", "none")) + "." + body + good[strings.LastIndex(good, "."):], `algorithm "none"`, false},
		{"alg NONE", part(t, rs256("alg", "NONE")) + "." + body + ".AA", `algorithm "NONE"`, false},
		{"alg missing", w.forge(t, map[string]any{"kid": "k1"}, w.claims()), `algorithm ""`, false},
		{"HMAC keyed with the public key as PEM", hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), `algorithm "HS256"`, false},
		{"HMAC keyed with the public key as DER", hs256(der), `algorithm "HS256"`, false},
		{"HMAC keyed with the modulus", hs256(public.N.Bytes()), `algorithm "HS256"`, false},
		{"RS512 is not on the list", w.forge(t, rs256("alg", "RS512"), w.claims()), `algorithm "RS512"`, false},
		{"alg of another case", w.forge(t, rs256("alg", "rs256"), w.claims()), `algorithm "rs256"`, false},
		{"key unknown", w.forge(t, rs256("kid", "k9"), w.claims()), `no key "k9"`, false},
		{"key not named", w.forge(t, map[string]any{"alg": "RS256"}, w.claims()), "names no key", false},
		{"key id too long", w.forge(t, rs256("kid", strings.Repeat("k", 300)), w.claims()), "key id of 300 bytes", false},
		{"signed with the other published key", w.forge(t, rs256("kid", "k2"), w.claims()), "signature", false},
		{"signed with a stranger's key", foreign(rs256()), "signature", false},
		{"embedded jwk is not believed", foreign(rs256("jwk", jwk)), "signature", false},
		{"critical extension", w.forge(t, rs256("crit", []string{"exp"}), w.claims()), "critical", false},
		{"unencoded payload", w.forge(t, rs256("crit", []string{"b64"}, "b64", false), w.claims()), "critical", false},
		{"b64 without crit", w.forge(t, rs256("b64", false), w.claims()), "critical", false},
		{"another kind of JWT", w.forge(t, rs256("typ", "logout+jwt"), w.claims()), `"logout+jwt"`, false},
		{"claims changed", flip(strings.Index(good, ".") + 40), "", false},
		{"signature changed", flip(len(good) - 20), "signature", false},
		{"last signature character spelled otherwise", good[:len(good)-1] + string(secondSpelling(good[len(good)-1])), "base64url", false},
		{"four parts", good + ".AA", "three parts", false},
		{"the same token twice", good + good, "three parts", false},
		{"line break inside", good[:30] + "\n" + good[30:], "line breaks", false},
		{"white space around", " " + good, "base64url", false},
		{"padding", good + "==", "base64url", false},
		{"longer than any token", strings.Repeat("a", token.MaxSize+1), "longer than", false},
		{"claims are not JSON", w.forgeRaw(t, part(t, rs256()), "AAAA"), "claims", false},
		{"claims are an array", w.forge(t, rs256(), []int{1}), "claims", false},
		{"a claim twice", w.forgeRaw(t, part(t, rs256()), base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"a","iss":"`+issV1+`"}`))), "claims", false},
		{"exp as a string", w.forge(t, rs256(), map[string]any{"iss": issV1, "exp": "1"}), "claims", false},
		{"issuer unknown", with(func(c *token.Claims) { c.Issuer = "https://evil.example/" }), `issuer "https://evil.example/"`, false},
		{"issuer without its final slash", with(func(c *token.Claims) { c.Issuer = strings.TrimSuffix(issV1, "/") }), "issuer", false},
		{"issuer missing", with(func(c *token.Claims) { c.Issuer = "" }), "issuer", false},
		{"foreign tenant", with(func(c *token.Claims) { c.TenantID = "11111111-1111-1111-1111-111111111111" }), "tenant", false},
		{"tenant missing", with(func(c *token.Claims) { c.TenantID = "" }), "tenant", false},
		{"wrong audience", with(func(c *token.Claims) { c.Audience = token.Strings{"https://management.azure.com/"} }), "https://management.azure.com/", false},
		{"audience with a slash more", with(func(c *token.Claims) { c.Audience = token.Strings{midas.Resource + "/"} }), "not for this server", false},
		{"audience missing", with(func(c *token.Claims) { c.Audience = nil }), "not for this server", false},
		{"wrong audience and expired tells nothing", with(func(c *token.Claims) {
			c.Audience, c.Expiry = token.Strings{"x"}, token.At(w.now.Add(-time.Hour))
		}), "not for this server", false},
		{"expired", with(func(c *token.Claims) { c.Expiry = token.At(w.now.Add(-4*time.Minute - 10*time.Second)) }), "token expired 4 min ago", true},
		{"expires this second", with(func(c *token.Claims) { c.Expiry = token.At(w.now) }), "token expired less than a minute ago", true},
		{"not valid yet", with(func(c *token.Claims) { c.NotBefore = token.At(w.now.Add(3 * time.Hour)) }), "not valid for another 3 h", true},
		{"no expiry", with(func(c *token.Claims) { c.Expiry = 0 }), "no expiry", true},
		{"nobody named", with(func(c *token.Claims) { c.ObjectID, c.Subject = "", "" }), "names nobody", true},
		{"cut at 79 characters by a password prompt", good[:79], "password prompt", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := w.verifier(t).Verify(t.Context(), c.raw)
			var refusal *midas.Error
			if !errors.As(err, &refusal) {
				t.Fatalf("let in: %+v, %v", p, err)
			}
			if refusal.Code != midas.Unauthenticated || refusal.Public != c.public {
				t.Errorf("code %q, public %t: %v", refusal.Code, refusal.Public, err)
			}
			if !strings.Contains(err.Error(), c.reason) {
				t.Errorf("says %q, not %q", err, c.reason)
			}
			if len(c.raw) > 40 && strings.Contains(err.Error(), c.raw[:40]) {
				t.Error("message holds the token")
			}
			if diff := cmp.Diff(midas.Principal{}, p); diff != "" {
				t.Errorf("refused and yet: %s", diff)
			}
		})
	}
}

// secondSpelling returns another base64url character for the same signature bytes: the
// last of 342 characters carries four bits that mean nothing.
func secondSpelling(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestTruncatedAtAnyByteIsRefused(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	good := w.sign(t, w.claims())
	for n := range len(good) {
		if _, err := v.Verify(t.Context(), good[:n]); midas.CodeOf(err) != midas.Unauthenticated {
			t.Fatalf("cut at byte %d of %d: %v", n, len(good), err)
		} else if errors.Is(err, token.ErrTruncated) != (n == 79) {
			t.Errorf("cut at byte %d: the prompt is blamed wrongly: %v", n, err)
		}
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("the whole token: %v", err)
	}
}

func TestKeyAddressesInHeaderAreNeverFetched(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the address in the token's header was fetched")
	}))
	defer server.Close()
	raw := w.forge(t, rs256("jku", server.URL, "x5u", server.URL), w.claims())
	if _, err := w.verifier(t).Verify(t.Context(), raw); err != nil {
		t.Errorf("token of the right key with superfluous addresses: %v", err)
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

func TestPrincipalShapes(t *testing.T) {
	w := newWorld(t)
	exp := w.now.Add(time.Hour).Unix()
	base := func(extra ...any) map[string]any {
		m := map[string]any{"aud": midas.Resource, "iss": issV1, "tid": tenant, "exp": exp, "ver": "1.0"}
		for i := 0; i < len(extra); i += 2 {
			m[extra[i].(string)] = extra[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name   string
		claims map[string]any
		want   midas.Principal
	}{
		{
			"version 1 application, older than idtyp: oid is sub and there is no scp",
			base("appid", client, "oid", object, "sub", object),
			midas.Principal{ClientID: client, AppOnly: true, ObjectID: object, Subject: object, Name: client},
		},
		{
			"version 2 application names itself in azp",
			base("iss", issV2, "ver", "2.0", "aud", midas.ResourceAppID, "azp", client, "oid", object, "sub", object, "idtyp", "app"),
			midas.Principal{ClientID: client, AppOnly: true, ObjectID: object, Subject: object, Name: client},
		},
		{
			"a version 2 token does not name its client in appid",
			base("iss", issV2, "ver", "2.0", "appid", client, "oid", object, "sub", object),
			midas.Principal{AppOnly: true, ObjectID: object, Subject: object},
		},
		{
			"a delegated token names the application and is still a person's",
			base("appid", client, "oid", object, "sub", "pairwise", "scp", "user_impersonation", "upn", "ada@example.com"),
			midas.Principal{ClientID: client, ObjectID: object, Subject: "pairwise", Name: "ada@example.com"},
		},
		{
			"scp beats idtyp app",
			base("appid", client, "oid", object, "sub", object, "scp", "x", "idtyp", "app"),
			midas.Principal{ClientID: client, ObjectID: object, Subject: object, Name: client},
		},
		{
			"idtyp user is no application even when oid is sub",
			base("appid", client, "oid", object, "sub", object, "idtyp", "user"),
			midas.Principal{ClientID: client, ObjectID: object, Subject: object, Name: client},
		},
		{
			"a person's token without scp and with oid as sub",
			base("oid", object, "sub", object, "preferred_username", "ada@example.com"),
			midas.Principal{ObjectID: object, Subject: object, Name: "ada@example.com"},
		},
		{
			"a guest has only unique_name",
			base("oid", object, "sub", "p", "scp", "x", "unique_name", "live.com#ada@example.com"),
			midas.Principal{ObjectID: object, Subject: "p", Name: "live.com#ada@example.com"},
		},
		{
			"groups",
			base("oid", object, "sub", "p", "scp", "x", "groups", []string{"g1", "g2"}),
			midas.Principal{ObjectID: object, Subject: "p", Groups: []string{"g1", "g2"}},
		},
		{
			"more than 200 groups are left out and named in _claim_names",
			base("oid", object, "sub", "p", "scp", "x", "_claim_names", map[string]any{"groups": "src1"}),
			midas.Principal{ObjectID: object, Subject: "p", GroupsOmitted: true},
		},
		{
			"hasgroups says the same in the implicit flow",
			base("oid", object, "sub", "p", "scp", "x", "hasgroups", true),
			midas.Principal{ObjectID: object, Subject: "p", GroupsOmitted: true},
		},
		{
			"another issuer's jti",
			base("sub", "p", "jti", "j1"),
			midas.Principal{Subject: "p", TokenID: "j1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
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
