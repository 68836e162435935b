package token

import (
	"crypto/rsa"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/midas-mysql/midas"
)

// SigningKey is a private key and the name under which its public half is published.
type SigningKey struct {
	KeyID   string
	Private *rsa.PrivateKey
}

// Signer writes tokens with one key. It is safe for concurrent use; a token costs one
// RSA signature and the writing of its JSON.
type Signer struct {
	keyID  string
	v1, v2 jose.Signer
}

// NewSigner returns the Signer of a key. Errors are Internal.
func NewSigner(key SigningKey) (*Signer, error) {
	if key.KeyID == "" || key.Private == nil {
		return nil, midas.Errorf(midas.Internal, "sign a token: no key")
	}
	s := &Signer{keyID: key.KeyID}
	// The header of version 1 tokens of Microsoft Entra holds x5t with the value of kid
	// beside it.
	for _, version := range []struct {
		into    *jose.Signer
		options *jose.SignerOptions
	}{
		{&s.v1, new(jose.SignerOptions).WithType("JWT").WithHeader("x5t", key.KeyID)},
		{&s.v2, new(jose.SignerOptions).WithType("JWT")},
	} {
		signer, err := jose.NewSigner(jose.SigningKey{
			Algorithm: jose.RS256,
			Key:       jose.JSONWebKey{Key: key.Private, KeyID: key.KeyID},
		}, version.options)
		if err != nil {
			return nil, midas.Errorf(midas.Internal, "sign a token with key %s: %w", key.KeyID, err)
		}
		*version.into = signer
	}
	return s, nil
}

// KeyID is the name of the key.
func (s *Signer) KeyID() string { return s.keyID }

// Sign writes a token with RS256. Errors are Internal.
func (s *Signer) Sign(claims Claims) (string, error) { return s.sign(claims, claims.Version) }

// SignID writes an ID token (OpenID Connect Core section 2).
func (s *Signer) SignID(claims IDClaims) (string, error) { return s.sign(claims, claims.Version) }

func (s *Signer) sign(claims any, version string) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", midas.Errorf(midas.Internal, "sign a token: write its claims: %w", err)
	}
	signer := s.v1
	if version == "2.0" {
		signer = s.v2
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", midas.Errorf(midas.Internal, "sign a token with key %s: %w", s.keyID, err)
	}
	return signed.CompactSerialize()
}

// Sign writes one token with a key that signs no other.
func Sign(key SigningKey, claims Claims) (string, error) {
	s, err := NewSigner(key)
	if err != nil {
		return "", err
	}
	return s.Sign(claims)
}

// IDClaims are the claims of an ID token: who signed in, told to the client program. It
// is for that program alone and opens nothing.
// Source: Microsoft identity platform, "ID token claims reference".
type IDClaims struct {
	Audience          string   `json:"aud"` // the client program
	Issuer            string   `json:"iss"`
	IssuedAt          Seconds  `json:"iat"`
	NotBefore         Seconds  `json:"nbf"`
	Expiry            Seconds  `json:"exp"`
	AMR               []string `json:"amr,omitempty"`
	FamilyName        string   `json:"family_name,omitempty"`
	GivenName         string   `json:"given_name,omitempty"`
	Name              string   `json:"name,omitempty"`
	Email             string   `json:"email,omitempty"`
	ObjectID          string   `json:"oid"`
	PreferredUsername string   `json:"preferred_username,omitempty"`
	RH                string   `json:"rh,omitempty"`
	Subject           string   `json:"sub"`
	TenantID          string   `json:"tid"`
	UniqueName        string   `json:"unique_name,omitempty"` // version 1
	UPN               string   `json:"upn,omitempty"`         // version 1
	UTI               string   `json:"uti,omitempty"`
	Version           string   `json:"ver"`
}
