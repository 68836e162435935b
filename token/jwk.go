package token

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/midas-mysql/midas/internal/clip"
)

// keyMembers are the members of a JSON Web Key that say what it is for, and its exponent,
// which the library would cut to the size of an int.
type keyMembers struct {
	Use       *string         `json:"use"`
	Ops       json.RawMessage `json:"key_ops"`
	Algorithm *string         `json:"alg"`
	Exponent  string          `json:"e"`
}

// decodeKey reads one JSON Web Key, with what it may be used for. The library compares a
// certificate in x5c, and its thumbprints, with the key.
func decodeKey(raw []byte) (id string, key crypto.PublicKey, err error) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil {
		return "", nil, err
	}
	if jwk.KeyID == "" || len(jwk.KeyID) > maxKeyID {
		return "", nil, fmt.Errorf("key id of %d bytes", len(jwk.KeyID))
	}
	var members keyMembers
	if err := json.Unmarshal(raw, &members); err != nil {
		return "", nil, err
	}
	if err := members.forSignatures(); err != nil {
		return "", nil, err
	}
	key = jwk.Public().Key
	if members.Algorithm != nil {
		if err := goesWith(*members.Algorithm, key); err != nil {
			return "", nil, err
		}
		key = &BoundKey{Public: key, Algorithm: *members.Algorithm}
	}
	key, err = usable(key)
	return jwk.KeyID, key, err
}

// forSignatures refuses a key that is published for something other than checking
// signatures (RFC 7517, sections 4.2 and 4.3).
func (m *keyMembers) forSignatures() error {
	// "jwt-svid" is what SPIFFE calls the use of keys that sign.
	// Source: SPIFFE Trust Domain and Bundle, section 4.2.2.
	if m.Use != nil && *m.Use != "sig" && *m.Use != "jwt-svid" {
		return fmt.Errorf("key of use %q", clip.Text(*m.Use))
	}
	if m.Ops != nil {
		var ops []string
		if err := json.Unmarshal(m.Ops, &ops); err != nil || bytes.Equal(m.Ops, []byte("null")) {
			return errors.New("key_ops is no array of strings")
		}
		if !slices.Contains(ops, "verify") {
			return errors.New("key_ops does not have verify")
		}
		slices.Sort(ops)
		if len(slices.Compact(ops)) != len(ops) {
			return errors.New("key_ops has an operation twice")
		}
	}
	e, err := base64.RawURLEncoding.DecodeString(m.Exponent)
	if err != nil || new(big.Int).SetBytes(e).BitLen() > 31 {
		return errors.New("the exponent is longer than any in use")
	}
	return nil
}
