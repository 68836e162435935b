package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	stdjson "encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// FuzzVerify: only the one token that was signed is ever let in, every refusal is
// classified, and none holds the token.
func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	good := w.sign(f, w.claims())
	v := w.verifier(f)
	for _, seed := range []string{
		good, good[:79], good[:len(good)-1], "", ".", "..", "a.b.c", "e30.e30.e30",
		part(f, rs256("alg", "none")) + "." + part(f, w.claims()) + ".",
		w.forge(f, rs256("crit", []string{"b64"}, "b64", false), w.claims()),
		part(f, rs256("jwk", map[string]any{"kty": "RSA"})) + good[strings.Index(good, "."):],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := v.Verify(t.Context(), raw)
		if err == nil {
			if p.Issuer != issV1 || p.TenantID != tenant || p.Audience != midas.Resource {
				t.Fatalf("let in: %+v", p)
			}
			if raw != good {
				// Only seeds that the issuer signed itself could get here.
				t.Fatalf("a token nobody signed was let in")
			}
			return
		}
		var refusal *midas.Error
		if !errors.As(err, &refusal) || refusal.Code != midas.Unauthenticated {
			t.Fatalf("refusal is not classified: %v", err)
		}
		if refusal.Public && !errors.Is(err, token.ErrTruncated) {
			t.Fatalf("a stranger was told: %v", err)
		}
		if len(raw) > 200 && strings.Contains(err.Error(), raw) {
			t.Fatal("message holds the token")
		}
	})
}

// FuzzOutline: what is read before a signature holds is never other than what the decoder
// reads afterwards, and no nesting is overlooked.
func FuzzOutline(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"https://i/"}`, ` { "a" : [{"iss":"x"}], "iss" :` + "\t" + `"https:\/\/i\/" , "b":"iss" } `,
		`{"iss":"a","iss":"b"}`, `{"\u0069ss":"a"}`, `{"a":"\\","iss":"b"}`, `{"iss":["a"]}`, `["iss","a"]`, `{"iss"`, `{"iss":"a`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		issuer, err := token.ClaimedIssuer(text)
		var decoded token.Claims
		if json.Unmarshal(text, &decoded) != nil {
			return
		}
		if err == nil && issuer != decoded.Issuer {
			t.Fatalf("%q before and %q after", issuer, decoded.Issuer)
		}
		if err != nil && decoded.Issuer != "" && len(text) < 100 && !bytes.Contains(text, []byte(`\u`)) {
			t.Fatalf("%q after and %v before", decoded.Issuer, err)
		}
		if counted, real := token.Depth(text), depth(t, text); counted != real {
			t.Fatalf("nesting of %d for %d", counted, real)
		}
	})
}

// depth is how deep the standard library's decoder finds well-formed JSON nested.
func depth(t *testing.T, text []byte) (deepest int) {
	t.Helper()
	now := 0
	for d := stdjson.NewDecoder(bytes.NewReader(text)); ; {
		switch word, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return deepest
		case err != nil:
			t.Fatal(err)
		case word == stdjson.Delim('{'), word == stdjson.Delim('['):
			now++
			deepest = max(deepest, now)
		case word == stdjson.Delim('}'), word == stdjson.Delim(']'):
			now--
		}
	}
}

// FuzzSign: what is signed is read back as it was, by the verifier and by the decoder.
func FuzzSign(f *testing.F) {
	w := newWorld(f)
	v := w.verifier(f)
	f.Add(object, client, uamiID, "u1", "g1", int64(3600))
	f.Add("", "", "", "", "", int64(0))
	f.Add("o\"\\\x00<>", "c\u2028", "é/", "\xff", "&", int64(-5))
	f.Fuzz(func(t *testing.T, oid, appid, mirid, uti, group string, life int64) {
		c := w.claims()
		c.ObjectID, c.AppID, c.XMSMIRID, c.UTI = clean(oid), clean(appid), clean(mirid), clean(uti)
		c.Groups = token.Groups{clean(group), "second"}
		if life < 1 || life > 1e9 {
			life = 1
		}
		c.Expiry = token.At(w.now) + token.Seconds(life)
		raw := w.sign(t, c)
		if len(raw) > token.MaxSize {
			return
		}
		_, read, err := token.DecodeUnverified(raw)
		if err != nil || read.ObjectID != c.ObjectID || read.XMSMIRID != c.XMSMIRID || read.Expiry != c.Expiry {
			t.Fatalf("read %+v, %v", read, err)
		}
		p, err := v.Verify(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if p.ObjectID != c.ObjectID || p.ClientID != c.AppID || p.TokenID != c.UTI || p.Groups[0] != c.Groups[0] {
			t.Fatalf("signed %+v, read %+v", c, p)
		}
	})
}

// clean makes s what a JSON string can hold.
func clean(s string) string { return strings.ToValidUTF8(s, "?") }

// FuzzDecodeKeys: whatever comes out can check a signature and is never private.
func FuzzDecodeKeys(f *testing.F) {
	w := newWorld(f)
	f.Add(jwks(f, published(w.keys)...))
	f.Add(bytes.ReplaceAll(jwks(f, published(w.keys)...), []byte(`"use":"sig"`), []byte(`"alg":"PS256","key_ops":["verify"]`)))
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"},null,7,{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := token.DecodeKeys(data)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys and %v", len(keys), err)
		}
		for id, key := range keys {
			if id == "" {
				t.Fatal("a key without id")
			}
			if bound, ok := key.(*token.BoundKey); ok {
				if key = bound.Public; bound.Algorithm == "" {
					t.Fatal("a key of no algorithm")
				}
			}
			switch k := key.(type) {
			case *rsa.PublicKey:
				if k.N.BitLen() < 2048 || k.E < 65537 {
					t.Fatalf("key of %d bits, exponent %d", k.N.BitLen(), k.E)
				}
			case *ecdsa.PublicKey:
			default:
				t.Fatalf("key of type %T", key)
			}
		}
	})
}

// FuzzAssertion: an assertion that nobody signed is never taken, and what is read of one
// before its signature holds is what is read of it afterwards.
func FuzzAssertion(f *testing.F) {
	key := sharedKeys()[0]
	good, err := token.Sign(token.SigningKey{KeyID: "k1", Private: key}, newWorld(f).claims())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		good, good[:len(good)-4], strings.Replace(good, "eyJ", "eyI", 1), "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.AA", "eyJ4NXQjUzI1NiI6Ii0ifQ.eyJhdWQiOlsiYSJdLCJleHAiOjEuNX0.AA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := token.ParseAssertion(raw)
		if err != nil {
			return
		}
		before, early := a.Unverified()
		after, err := a.Verify(&key.PublicKey, "RS256", "ES256")
		if err != nil {
			return
		}
		if raw != good {
			t.Fatal("an assertion that nobody signed was taken")
		}
		if early != nil || before.Issuer != after.Issuer || before.Subject != after.Subject {
			t.Fatalf("%+v before and %+v after", before, after)
		}
	})
}
