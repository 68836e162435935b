package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

const (
	tenant = "9f6d3a52-6b0e-4a7f-a2d4-2d1c8d3c4e5f"
	issV1  = "https://sts.windows.net/" + tenant + "/"
	issV2  = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	client = "0e8f6d4a-1111-4c3e-9a55-b2f8d7c6a510"
	object = "5b9d2c1e-2222-4f6a-8c77-0d9e8f7a6b5c"
	vmID   = "/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/virtualMachines/vm1"
	uamiID = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app-id"
)

// Making RSA keys takes long; all tests share three.
var sharedKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 3)
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// world is an issuer with two published keys, and a clock.
type world struct {
	now  time.Time
	keys map[string]*rsa.PrivateKey
	set  token.StaticKeys
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	keys := sharedKeys()
	return &world{
		now:  time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		keys: map[string]*rsa.PrivateKey{"k1": keys[0], "k2": keys[1]},
		set:  token.StaticKeys{"k1": &keys[0].PublicKey, "k2": &keys[1].PublicKey},
	}
}

func (w *world) verifier(tb testing.TB, change ...func(*token.VerifierConfig)) *token.Verifier {
	tb.Helper()
	cfg := token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: []string{issV1, issV2}, TenantID: tenant, Keys: w.set}},
		Audiences: []string{midas.Resource, midas.ResourceAppID},
		Now:       func() time.Time { return w.now },
	}
	for _, c := range change {
		c(&cfg)
	}
	v, err := token.NewVerifier(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// claims are those of a user-assigned identity's token as Azure writes them.
func (w *world) claims() token.Claims {
	from := w.now.Add(-5 * time.Minute)
	return token.Claims{
		Audience: token.Strings{midas.Resource}, Issuer: issV1,
		IssuedAt: token.At(from), NotBefore: token.At(from), Expiry: token.At(from.Add(86700 * time.Second)),
		AIO: "E2NgYPhv", AppID: client, AppIDACR: "2", IDP: issV1, IDType: "app",
		ObjectID: object, RH: "0.AAAA", Subject: object, TenantID: tenant, UTI: "u1", Version: "1.0",
		XMSMIRID: uamiID, XMSAZRID: vmID,
	}
}

func (w *world) sign(tb testing.TB, c token.Claims) string {
	tb.Helper()
	raw, err := token.Sign(token.SigningKey{KeyID: "k1", Private: w.keys["k1"]}, c)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
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
