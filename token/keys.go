package token

import (
	"context"
	"crypto"
	"encoding/json"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/keystrength"
)

// KeySet finds the public key that an issuer published under a key id. It answers with
// the same value for as long as the key stands: the verifier's cache lets a token pass
// only while the key that once proved it is still there, and is still the same pointer.
//
// A key that is not there is midas.NotFound; keys that cannot be had just now are
// midas.Unavailable. The types are *rsa.PublicKey, *ecdsa.PublicKey and *BoundKey.
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
	return midas.Errorf(midas.NotFound, "issuer publishes no key %q", clip.Text(keyID))
}

// BoundKey is a public key that its issuer publishes for signatures of one algorithm alone:
// others by it prove nothing.
type BoundKey struct {
	Public    crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
	Algorithm string           // "RS256"
}

// Limits of a published key set. Microsoft Entra publishes about ten keys in 15 KiB.
const (
	maxKeys  = 100
	maxKeyID = 256
)

// DecodeKeys reads a JSON Web Key Set (RFC 7517). Keys that could not check a token's
// signature here (symmetric, for encryption or another operation, without an id, too weak,
// of an unknown kind, of another key than their certificate's) are left out; where two share
// an id, the first counts. One that names its algorithm is a *BoundKey. A set with no usable
// key is Invalid.
func DecodeKeys(data []byte) (StaticKeys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := checkDocument(data); err != nil {
		return nil, midas.Errorf(midas.Invalid, "key set: %w", err)
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
		id, key, err := decodeKey(raw)
		if err != nil {
			continue
		}
		if _, taken := keys[id]; !taken {
			keys[id] = key
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
	bare := key
	if bound, is := key.(*BoundKey); is && bound != nil {
		bare = bound.Public
	}
	return key, keystrength.Check(bare)
}

// KeyInfo is one of the keys that an issuer publishes, without the key.
type KeyInfo struct {
	ID        string
	State     string // "next", "signing" or "retired"
	Published time.Time
	Signing   time.Time // since when it signs; zero when it does not yet
	Until     time.Time // how long it stays published; zero while it signs or will
}
