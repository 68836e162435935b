package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// members are those of a JSON Web Key.
type members map[string]any

// with is the key with other members; nil takes one away.
func (m members) with(changes members) members {
	out := maps.Clone(m)
	for name, value := range changes {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

func jwkOf(t *testing.T, key crypto.PublicKey, kid string) members {
	t.Helper()
	raw, err := jose.JSONWebKey{Key: key, KeyID: kid}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var m members
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// signers are keys of each kind, and one whose set has it under the name "other".
type signers struct {
	rsa, infineon *rsa.PrivateKey
	p256, p384    *ecdsa.PrivateKey
	certificate   string // of another key
}

func newSigners(t *testing.T) signers {
	t.Helper()
	keys := sharedKeys()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &keys[1].PublicKey, keys[1])
	if err != nil {
		t.Fatal(err)
	}
	return signers{
		rsa: keys[0], infineon: infineonKey(t), p256: p256, p384: p384,
		certificate: base64.StdEncoding.EncodeToString(der),
	}
}

// infineonKey makes a key as Infineon's library did (CVE-2017-15361).
func infineonKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	m, count := big.NewInt(1), 0
	for p := big.NewInt(2); count < 126; p.Add(p, big.NewInt(1)) {
		if p.ProbablyPrime(0) {
			m.Mul(m, p)
			count++
		}
	}
	prime := func() *big.Int {
		for {
			a, err := rand.Int(rand.Reader, m)
			if err != nil {
				t.Fatal(err)
			}
			k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 52))
			if err != nil {
				t.Fatal(err)
			}
			k.SetBit(k, 53, 1).SetBit(k, 52, 1)
			if p := k.Add(k.Mul(k, m), a.Exp(big.NewInt(65537), a, m)); p.ProbablyPrime(5) {
				return p
			}
		}
	}
	p, q, one := prime(), prime(), big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	key.D = new(big.Int).ModInverse(big.NewInt(65537), phi)
	if err := key.Validate(); err != nil {
		t.Fatal(err)
	}
	return key
}

// TestKeysAreUsedForWhatTheyArePublished signs with each key, and has the signature checked
// against a key set in which the key says of itself what it is for.
func TestKeysAreUsedForWhatTheyArePublished(t *testing.T) {
	s := newSigners(t)
	good, weak := jwkOf(t, &s.rsa.PublicKey, "k"), jwkOf(t, &s.infineon.PublicKey, "k")
	p256, p384 := jwkOf(t, &s.p256.PublicKey, "k"), jwkOf(t, &s.p384.PublicKey, "k")
	rs256, ps256, es256, es384 := jwt.SigningMethodRS256, jwt.SigningMethodPS256, jwt.SigningMethodES256, jwt.SigningMethodES384
	for name, c := range map[string]struct {
		key    members
		method jwt.SigningMethod
		signer any
		ok     bool
	}{
		"nothing said":                       {good, rs256, s.rsa, true},
		"the algorithm":                      {good.with(members{"alg": "RS256", "use": "sig"}), rs256, s.rsa, true},
		"PSS, nothing said":                  {good, ps256, s.rsa, true},
		"PSS of a key for PKCS #1":           {good.with(members{"alg": "RS256"}), ps256, s.rsa, false},
		"PKCS #1 of a key for PSS":           {good.with(members{"alg": "PS256"}), rs256, s.rsa, false},
		"another hash":                       {good.with(members{"alg": "RS512"}), rs256, s.rsa, false},
		"a key for encryption by algorithm":  {good.with(members{"alg": "RSA-OAEP"}), rs256, s.rsa, false},
		"a secret's algorithm":               {good.with(members{"alg": "HS256"}), rs256, s.rsa, false},
		"no algorithm at all":                {good.with(members{"alg": "none"}), rs256, s.rsa, false},
		"an empty algorithm":                 {good.with(members{"alg": ""}), rs256, s.rsa, false},
		"an algorithm of another kind":       {good.with(members{"alg": "ES256"}), rs256, s.rsa, false},
		"an algorithm that is no text":       {good.with(members{"alg": 256}), rs256, s.rsa, false},
		"a curve and its algorithm":          {p256.with(members{"alg": "ES256"}), es256, s.p256, true},
		"a larger curve and its algorithm":   {p384.with(members{"alg": "ES384"}), es384, s.p384, true},
		"a curve and another's algorithm":    {p256.with(members{"alg": "ES384"}), es256, s.p256, false},
		"a curve and RSA's algorithm":        {p256.with(members{"alg": "RS256"}), es256, s.p256, false},
		"for encryption":                     {good.with(members{"use": "enc"}), rs256, s.rsa, false},
		"of an empty use":                    {good.with(members{"use": ""}), rs256, s.rsa, false},
		"of no use that is text":             {good.with(members{"use": []string{"sig"}}), rs256, s.rsa, false},
		"of a SPIFFE trust domain":           {good.with(members{"use": "jwt-svid"}), rs256, s.rsa, true},
		"to verify":                          {good.with(members{"key_ops": []string{"verify"}}), rs256, s.rsa, true},
		"to sign and verify":                 {good.with(members{"key_ops": []string{"sign", "verify"}, "use": "sig"}), rs256, s.rsa, true},
		"to sign":                            {good.with(members{"key_ops": []string{"sign"}}), rs256, s.rsa, false},
		"to encrypt":                         {good.with(members{"key_ops": []string{"encrypt", "wrapKey"}, "use": "sig"}), rs256, s.rsa, false},
		"to do nothing":                      {good.with(members{"key_ops": []string{}}), rs256, s.rsa, false},
		"to verify, in capitals":             {good.with(members{"key_ops": []string{"VERIFY"}}), rs256, s.rsa, false},
		"to verify twice":                    {good.with(members{"key_ops": []string{"verify", "verify"}}), rs256, s.rsa, false},
		"operations that are no list":        {good.with(members{"key_ops": "verify"}), rs256, s.rsa, false},
		"operations that are no text":        {good.with(members{"key_ops": []any{"verify", 7}}), rs256, s.rsa, false},
		"operations of null":                 {good.with(members{"key_ops": json.RawMessage("null")}), rs256, s.rsa, false},
		"to verify, for encryption":          {good.with(members{"key_ops": []string{"verify"}, "use": "enc"}), rs256, s.rsa, false},
		"of Infineon's library":              {weak, rs256, s.infineon, false},
		"of Infineon's library, bound":       {weak.with(members{"alg": "RS256"}), rs256, s.infineon, false},
		"with another's certificate":         {good.with(members{"x5c": []string{s.certificate}}), rs256, s.rsa, false},
		"with another's thumbprint":          {good.with(members{"x5c": []string{s.certificate}, "x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}), rs256, s.rsa, false},
		"an even exponent":                   {good.with(members{"e": "AQAC"}), rs256, s.rsa, false},
		"exponent 1":                         {good.with(members{"e": "AQ"}), rs256, s.rsa, false},
		"exponent 3":                         {good.with(members{"e": "Aw"}), rs256, s.rsa, false},
		"an exponent that overflows":         {good.with(members{"e": "AQAAAAAAAQAB"}), rs256, s.rsa, false},
		"a modulus of 1024 bits":             {good.with(members{"n": base64.RawURLEncoding.EncodeToString(s.rsa.N.Bytes()[:128])}), rs256, s.rsa, false},
		"a member twice in different cases":  {good.with(members{"ALG": "ES256", "Key_Ops": []string{"sign"}}), rs256, s.rsa, true},
		"the private key, to sign only":      {jwkOf(t, s.rsa, "k").with(members{"key_ops": []string{"sign"}}), rs256, s.rsa, false},
		"the private key, nothing said":      {jwkOf(t, s.rsa, "k"), rs256, s.rsa, true},
		"a modulus with zeros before it":     {good.with(members{"n": base64.RawURLEncoding.EncodeToString(append(make([]byte, 3), s.rsa.N.Bytes()...))}), rs256, s.rsa, true},
		"a key id that is no text":           {good.with(members{"kid": 1}), rs256, s.rsa, false},
		"a kind of key that nobody knows":    {good.with(members{"kty": "rsa"}), rs256, s.rsa, false},
		"a secret under the name of the key": {members{"kty": "oct", "kid": "k", "k": "AAAA", "alg": "HS256"}, rs256, s.rsa, false},
	} {
		t.Run(name, func(t *testing.T) { checkPublished(t, c.key, c.method, c.signer, c.ok) })
	}
}

func checkPublished(t *testing.T, key members, method jwt.SigningMethod, signer any, ok bool) {
	t.Helper()
	spare := jwkOf(t, &sharedKeys()[2].PublicKey, "spare") // so that the set has a key
	data, err := json.Marshal(map[string]any{"keys": []members{key, spare}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.DecodeKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	v := w.verifier(t, func(c *token.VerifierConfig) {
		c.Algorithms = []string{"RS256", "PS256", "ES256", "ES384"}
		c.Issuers[0].Keys = keys
	})
	made := jwt.NewWithClaims(method, jwt.MapClaims{"iss": issV1, "tid": tenant, "aud": midas.Resource, "sub": "s", "exp": w.now.Unix() + 60})
	made.Header["kid"] = "k"
	raw, err := made.SignedString(signer)
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"first", "again"} {
		if _, err := v.Verify(t.Context(), raw); (err == nil) != ok {
			t.Errorf("%s: %v", when, err)
		}
	}
	assertion, err := token.ParseAssertion(raw)
	if err != nil {
		t.Fatal(err)
	}
	published, err := keys.Key(t.Context(), "k")
	if err == nil {
		_, err = assertion.Verify(published, "RS256", "PS256", "ES256", "ES384")
	}
	if (err == nil) != ok {
		t.Errorf("as an assertion: %v", err)
	}
}
