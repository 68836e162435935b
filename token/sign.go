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

// Sign writes a token with RS256. The header holds x5t with the value of kid beside
// it, as version 1 tokens of Microsoft Entra do. Errors are Internal.
func Sign(key SigningKey, claims Claims) (string, error) {
	if key.KeyID == "" || key.Private == nil {
		return "", midas.Errorf(midas.Internal, "sign a token: no key")
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", midas.Errorf(midas.Internal, "sign a token: write its claims: %w", err)
	}
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("x5t", key.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.RS256,
		Key:       jose.JSONWebKey{Key: key.Private, KeyID: key.KeyID},
	}, options)
	if err != nil {
		return "", midas.Errorf(midas.Internal, "sign a token with key %s: %w", key.KeyID, err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", midas.Errorf(midas.Internal, "sign a token with key %s: %w", key.KeyID, err)
	}
	return signed.CompactSerialize()
}
