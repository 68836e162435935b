package token_test

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// badToken is one that must not get in.
type badToken struct {
	name   string
	raw    string
	reason string // part of the message
	public bool
}

// forger makes tokens from one that is good.
type forger struct {
	*world
	t          *testing.T
	good, body string
	stranger   *rsa.PrivateKey
}

func (f *forger) with(change func(*token.Claims)) string {
	c := f.claims()
	change(&c)
	return f.sign(f.t, c)
}

func (f *forger) hs256(secret []byte) string {
	signed := part(f.t, rs256("alg", "HS256")) + "." + part(f.t, f.claims())
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (f *forger) flip(at int) string {
	b := []byte(f.good)
	b[at] ^= 1
	return string(b)
}

func (f *forger) foreign(header map[string]any) string {
	signed := part(f.t, header) + "." + f.body
	sig, err := jwt.SigningMethodRS256.Sign(signed, f.stranger)
	if err != nil {
		f.t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// signatures are tokens whose signature is not good, or what the header says of it.
func (f *forger) signatures() []badToken {
	public := &f.keys["k1"].PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		f.t.Fatal(err)
	}
	jwk := map[string]any{
		"kty": "RSA", "kid": "k1", "e": "AQAB",
		"n": base64.RawURLEncoding.EncodeToString(f.stranger.N.Bytes()),
	}
	return []badToken{
		{"alg none, no signature", part(f.t, rs256("alg", "none")) + "." + f.body + ".", "empty part", false},
		{"alg none, two parts", part(f.t, rs256("alg", "none")) + "." + f.body, "three parts", false},
		{"alg none, old signature kept", part(f.t, rs256("alg", "none")) + "." + f.body + f.good[strings.LastIndex(f.good, "."):], `algorithm "none"`, false},
		{"alg NONE", part(f.t, rs256("alg", "NONE")) + "." + f.body + ".AA", `algorithm "NONE"`, false},
		{"alg missing", f.forge(f.t, map[string]any{"kid": "k1"}, f.claims()), `algorithm ""`, false},
		{"HMAC keyed with the public key as PEM", f.hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), `algorithm "HS256"`, false},
		{"HMAC keyed with the public key as DER", f.hs256(der), `algorithm "HS256"`, false},
		{"HMAC keyed with the modulus", f.hs256(public.N.Bytes()), `algorithm "HS256"`, false},
		{"RS512 is not on the list", f.forge(f.t, rs256("alg", "RS512"), f.claims()), `algorithm "RS512"`, false},
		{"alg of another case", f.forge(f.t, rs256("alg", "rs256"), f.claims()), `algorithm "rs256"`, false},
		{"key unknown", f.forge(f.t, rs256("kid", "k9"), f.claims()), `no key "k9"`, false},
		{"key not named", f.forge(f.t, map[string]any{"alg": "RS256"}, f.claims()), "names no key", false},
		{"key id too long", f.forge(f.t, rs256("kid", strings.Repeat("k", 300)), f.claims()), "key id of 300 bytes", false},
		{"signed with the other published key", f.forge(f.t, rs256("kid", "k2"), f.claims()), "signature", false},
		{"signed with a stranger's key", f.foreign(rs256()), "signature", false},
		{"embedded jwk is not believed", f.foreign(rs256("jwk", jwk)), "signature", false},
		{"critical extension", f.forge(f.t, rs256("crit", []string{"exp"}), f.claims()), "critical", false},
		{"unencoded payload", f.forge(f.t, rs256("crit", []string{"b64"}, "b64", false), f.claims()), "critical", false},
		{"b64 without crit", f.forge(f.t, rs256("b64", false), f.claims()), "critical", false},
		{"another kind of JWT", f.forge(f.t, rs256("typ", "logout+jwt"), f.claims()), `"logout+jwt"`, false},
	}
}

// forms are texts that are not written as a token is.
func (f *forger) forms() []badToken {
	return []badToken{
		{"empty", "", "three parts", false},
		{"not a token", "hunter2", "three parts", false},
		{"claims changed", f.flip(strings.Index(f.good, ".") + 40), "", false},
		{"signature changed", f.flip(len(f.good) - 20), "signature", false},
		{"last signature character spelled otherwise", f.good[:len(f.good)-1] + string(secondSpelling(f.good[len(f.good)-1])), "base64url", false},
		{"four parts", f.good + ".AA", "three parts", false},
		{"the same token twice", f.good + f.good, "three parts", false},
		{"line break inside", f.good[:30] + "\n" + f.good[30:], "line breaks", false},
		{"white space around", " " + f.good, "base64url", false},
		{"padding", f.good + "==", "base64url", false},
		{"longer than any token", strings.Repeat("a", token.MaxSize+1), "longer than", false},
		{"claims are not JSON", f.forgeRaw(f.t, part(f.t, rs256()), "AAAA"), "claims", false},
		{"claims are an array", f.forge(f.t, rs256(), []int{1}), "claims", false},
		{"a claim twice", f.forgeRaw(f.t, part(f.t, rs256()), base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"a","iss":"`+issV1+`"}`))), "claims", false},
		{"exp as a string", f.forge(f.t, rs256(), map[string]any{"iss": issV1, "exp": "1"}), "claims", false},
		{"cut at 79 characters by a password prompt", f.good[:79], "password prompt", true},
	}
}

// contents are well-signed tokens that say what is not for us.
func (f *forger) contents() []badToken {
	return []badToken{
		{"issuer unknown", f.with(func(c *token.Claims) { c.Issuer = "https://evil.example/" }), `issuer "https://evil.example/"`, false},
		{"issuer without its final slash", f.with(func(c *token.Claims) { c.Issuer = strings.TrimSuffix(issV1, "/") }), "issuer", false},
		{"issuer missing", f.with(func(c *token.Claims) { c.Issuer = "" }), "issuer", false},
		{"foreign tenant", f.with(func(c *token.Claims) { c.TenantID = "11111111-1111-1111-1111-111111111111" }), "tenant", false},
		{"tenant missing", f.with(func(c *token.Claims) { c.TenantID = "" }), "tenant", false},
		{"wrong audience", f.with(func(c *token.Claims) { c.Audience = token.Strings{"https://management.azure.com/"} }), "https://management.azure.com/", false},
		{"audience with a slash more", f.with(func(c *token.Claims) { c.Audience = token.Strings{midas.Resource + "/"} }), "not for this server", false},
		{"audience missing", f.with(func(c *token.Claims) { c.Audience = nil }), "not for this server", false},
		{"wrong audience and expired tells nothing", f.with(func(c *token.Claims) {
			c.Audience, c.Expiry = token.Strings{"x"}, token.At(f.now.Add(-time.Hour))
		}), "not for this server", false},
		{"expired", f.with(func(c *token.Claims) { c.Expiry = token.At(f.now.Add(-4*time.Minute - 10*time.Second)) }), "token expired 4 min ago", true},
		{"expires this second", f.with(func(c *token.Claims) { c.Expiry = token.At(f.now) }), "token expired less than a minute ago", true},
		{"not valid yet", f.with(func(c *token.Claims) { c.NotBefore = token.At(f.now.Add(3 * time.Hour)) }), "not valid for another 3 h", true},
		{"no expiry", f.with(func(c *token.Claims) { c.Expiry = 0 }), "no expiry", true},
		{"nobody named", f.with(func(c *token.Claims) { c.ObjectID, c.Subject = "", "" }), "names nobody", true},
	}
}

// TestRefusals holds that nothing but a token of a believed issuer, in our tenant, for
// our audience and in its time gets through, and that strangers are told no reason.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	f := &forger{world: w, t: t, good: w.sign(t, w.claims()), body: part(t, w.claims()), stranger: sharedKeys()[2]}
	for _, c := range slices.Concat(f.signatures(), f.forms(), f.contents()) {
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
