package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

func jwks(tb testing.TB, keys ...jose.JSONWebKey) []byte {
	tb.Helper()
	data, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func published(keys map[string]*rsa.PrivateKey) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for id, key := range keys {
		out = append(out, jose.JSONWebKey{KeyID: id, Use: "sig", Key: &key.PublicKey})
	}
	return out
}

func TestDecodeKeysKeepsWhatCanCheckASignature(t *testing.T) {
	keys := sharedKeys()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data := jwks(t,
		jose.JSONWebKey{KeyID: "good", Use: "sig", Key: &keys[0].PublicKey},
		jose.JSONWebKey{KeyID: "no use said", Key: &keys[1].PublicKey},
		jose.JSONWebKey{KeyID: "good", Use: "sig", Key: &keys[2].PublicKey}, // the id is taken
		jose.JSONWebKey{KeyID: "curve", Key: &ec.PublicKey},
		jose.JSONWebKey{KeyID: "symmetric", Key: []byte("0123456789abcdef0123456789abcdef")},
		jose.JSONWebKey{KeyID: "encryption", Use: "enc", Key: &keys[1].PublicKey},
		jose.JSONWebKey{Key: &keys[1].PublicKey},
		jose.JSONWebKey{KeyID: strings.Repeat("k", 300), Key: &keys[1].PublicKey},
		jose.JSONWebKey{KeyID: "private by mistake", Key: keys[1]},
	)
	short := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 128)))
	odd := fmt.Sprintf(`{"kty":"RSA","kid":"short","e":"AQAB","n":%q},{"kty":"what"},7,null,{"kty":"RSA","kid":"certificate","e":"AQAB","n":"_w","x5c":["!"]},`, short)
	data = []byte(strings.Replace(string(data), "[", "["+odd, 1))

	got, err := token.DecodeKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for id, key := range got {
		ids = append(ids, id)
		if _, private := key.(*rsa.PrivateKey); private {
			t.Errorf("%s: a private key came out", id)
		}
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{"curve", "good", "no use said", "private by mistake"}, ids); diff != "" {
		t.Error(diff)
	}
	if !keys[0].PublicKey.Equal(got["good"]) {
		t.Error("the second key of the same id won")
	}
}

func TestDecodeKeysRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":   "",
		"not JSON":  "<html>",
		"no keys":   `{"keys":[]}`,
		"too deep":  `{"keys":[{"kty":"RSA","kid":"a","n":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + `}]}`,
		"none fits": `{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}`,
		"too many":  `{"keys":[` + strings.Repeat("0,", 100) + `0]}`,
	} {
		keys, err := token.DecodeKeys([]byte(data))
		if midas.CodeOf(err) != midas.Invalid || name == "too deep" != strings.Contains(err.Error(), "nested deeper than 64") {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
}

// TestOtherAlgorithms checks the ones that other OpenID Connect issuers use, each with
// a signature made by golang-jwt, and that none is taken for another.
func TestOtherAlgorithms(t *testing.T) {
	w := newWorld(t)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := token.StaticKeys{"rsa": &w.keys["k1"].PublicKey, "p256": &p256.PublicKey, "p521": &p521.PublicKey}
	v := w.verifier(t, func(c *token.VerifierConfig) {
		c.Algorithms = []string{"RS256", "RS512", "PS384", "ES256", "ES512"}
		c.Issuers[0].Keys = keys
	})
	for _, c := range []struct {
		method  jwt.SigningMethod
		private any
		kid     string
		ok      bool
	}{
		{jwt.SigningMethodRS512, w.keys["k1"], "rsa", true},
		{jwt.SigningMethodPS384, w.keys["k1"], "rsa", true},
		{jwt.SigningMethodES256, p256, "p256", true},
		{jwt.SigningMethodES512, p521, "p521", true},
		{jwt.SigningMethodES256, p256, "rsa", false},
		{jwt.SigningMethodES256, p256, "p521", false},
		{jwt.SigningMethodRS256, w.keys["k1"], "p256", false},
		{jwt.SigningMethodPS256, w.keys["k1"], "rsa", false}, // not on the list
	} {
		claims := jwt.MapClaims{"iss": issV1, "tid": tenant, "aud": midas.Resource, "sub": "s", "exp": w.now.Unix() + 60}
		tok := jwt.NewWithClaims(c.method, claims)
		tok.Header["kid"] = c.kid
		raw, err := tok.SignedString(c.private)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), raw); (err == nil) != c.ok {
			t.Errorf("%s with key %s: %v", c.method.Alg(), c.kid, err)
		}
	}
}
