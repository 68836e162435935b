package token

import (
	"crypto"
	"errors"
	"fmt"
	"slices"

	"github.com/midas-mysql/midas/internal/clip"
)

// maxAssertion is the longest assertion that is looked at. Those of Kubernetes and of
// GitHub have 1 to 2 KiB; one that brings its certificates has 8.
const maxAssertion = 16 << 10

// Assertion is a JSON Web Token by which a client proves itself at the token endpoint
// (RFC 7523 section 2.2): made by the client with its own key, or by an outside issuer.
// Nothing is proved until Verify.
type Assertion struct {
	Header Header
	parsed *parsed
}

// AssertionClaims are the claims of an assertion that are looked at. All others concern
// the program that made it.
type AssertionClaims struct {
	Issuer    string  `json:"iss"`
	Subject   string  `json:"sub"`
	Audience  Strings `json:"aud"`
	IssuedAt  Seconds `json:"iat"`
	NotBefore Seconds `json:"nbf"`
	Expiry    Seconds `json:"exp"`
	JTI       string  `json:"jti"`
}

// ParseAssertion takes an assertion apart. It fails for what is no JSON Web Token.
func ParseAssertion(raw string) (*Assertion, error) {
	if len(raw) > maxAssertion {
		return nil, fmt.Errorf("assertion of %d bytes is longer than %d", len(raw), maxAssertion)
	}
	t, err := parse(raw)
	if err != nil {
		return nil, err
	}
	return &Assertion{Header: t.header, parsed: t}, nil
}

// Unverified is what the assertion says of itself. It chooses where to look for the key
// and proves nothing.
func (a *Assertion) Unverified() (AssertionClaims, error) {
	var claims AssertionClaims
	if err := decodeJSON(a.parsed.claims, &claims); err != nil {
		return AssertionClaims{}, fmt.Errorf("read the assertion's claims: %w", err)
	}
	return claims, nil
}

// Signed is what the signature is over. Two assertions with the same are one.
func (a *Assertion) Signed() string { return a.parsed.signed }

// Verify checks the signature, made with one of the accepted algorithms, and returns the
// claims. It checks nothing else: not the issuer, the audience, nor the times.
func (a *Assertion) Verify(key crypto.PublicKey, accepted ...string) (AssertionClaims, error) {
	h := a.Header
	switch {
	case !slices.Contains(accepted, h.Algorithm):
		return AssertionClaims{}, fmt.Errorf("signature algorithm %q is not accepted", clip.Text(h.Algorithm))
	case h.Critical != nil || h.Base64 != nil:
		return AssertionClaims{}, errors.New("header has a critical extension")
	}
	key, err := usable(key)
	if err != nil {
		return AssertionClaims{}, err
	}
	if err := checkSignature(h.Algorithm, key, []byte(a.parsed.signed), a.parsed.signature); err != nil {
		return AssertionClaims{}, err
	}
	return a.Unverified()
}
