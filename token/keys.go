package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/midas-mysql/midas"
)

// KeySet finds the public key that an issuer published under a key id. It answers with
// the same value for as long as the key stands: the verifier's cache lets a token pass
// only while the key that once proved it is still there, and is still the same pointer.
//
// A key that is not there is midas.NotFound; keys that cannot be had just now are
// midas.Unavailable. The types are *rsa.PublicKey and *ecdsa.PublicKey.
type KeySet interface {
	Key(ctx context.Context, keyID string) (crypto.PublicKey, error)
}

var (
	_ KeySet = StaticKeys(nil)
	_ KeySet = (*RemoteKeys)(nil)
)

// StaticKeys is a key set that never changes, by key id.
type StaticKeys map[string]crypto.PublicKey

// Key implements KeySet.
func (s StaticKeys) Key(_ context.Context, keyID string) (crypto.PublicKey, error) {
	if key, ok := s[keyID]; ok {
		return key, nil
	}
	return nil, unknownKey(keyID)
}

func unknownKey(keyID string) error {
	return midas.Errorf(midas.NotFound, "issuer publishes no key %q", clip(keyID))
}

// Limits of a published key set. Microsoft Entra publishes about ten keys in 15 KiB.
const (
	maxKeys    = 100
	maxKeyID   = 256
	minRSABits = 2048
	maxRSABits = 8192 // beyond it, a check costs a hundred times the usual
)

// DecodeKeys reads a JSON Web Key Set (RFC 7517). Keys that could not check a token's
// signature here (symmetric, for encryption, without an id, too short, of an unknown
// kind) are left out; where two share an id, the first counts. A set with no usable key
// is Invalid.
func DecodeKeys(data []byte) (StaticKeys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, midas.Errorf(midas.Invalid, "key set is not JSON of the expected form: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, midas.Errorf(midas.Invalid, "key set holds %d keys, more than %d", len(set.Keys), maxKeys)
	}
	keys := make(StaticKeys, len(set.Keys))
	for _, raw := range set.Keys {
		// One odd key must not make the others unusable, so each is read by itself.
		var jwk jose.JSONWebKey
		if err := jwk.UnmarshalJSON(raw); err != nil {
			continue
		}
		// "jwt-svid" is what SPIFFE calls the use of keys that sign.
		// Source: SPIFFE Trust Domain and Bundle, section 4.2.2.
		if jwk.KeyID == "" || len(jwk.KeyID) > maxKeyID || jwk.Use != "" && jwk.Use != "sig" && jwk.Use != "jwt-svid" {
			continue
		}
		key, err := usable(jwk.Public().Key)
		if err != nil {
			continue
		}
		if _, taken := keys[jwk.KeyID]; !taken {
			keys[jwk.KeyID] = key
		}
	}
	if len(keys) == 0 {
		return nil, midas.Errorf(midas.Invalid, "key set of %d keys has none that can check a signature", len(set.Keys))
	}
	return keys, nil
}

// usable is the gate that every key passes before it checks a signature. Only
// asymmetric keys come through, whatever the token's header says: that is what makes it
// impossible to pass off a public key as the secret of an HMAC.
func usable(key crypto.PublicKey) (crypto.PublicKey, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil || k.E < 3 || k.E%2 == 0 {
			return nil, fmt.Errorf("RSA key without modulus or usable exponent")
		}
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("RSA key of %d bits: %d to %d are accepted", bits, minRSABits, maxRSABits)
		}
		return k, nil
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			return nil, fmt.Errorf("EC key without curve")
		}
		return k, nil
	}
	return nil, fmt.Errorf("key of type %T cannot check a signature", key)
}
