package issuer

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/midas-mysql/midas"
)

// dataKeyBytes is the length of the key that encrypts one signing key: AES-256.
const dataKeyBytes = 32

// KeyProtector keeps signing keys unreadable on the disk. Each signing key is encrypted
// under a data key of its own, and the protector wraps that: what it is asked for is
// short enough for any key management service.
type KeyProtector interface {
	// ID names the protector in the file of what it has wrapped. It holds no secret.
	ID() string
	// Wrap encrypts a data key. Unwrap gives it back for the same keyID alone, so that
	// one file's data key opens no other.
	Wrap(ctx context.Context, dataKey []byte, keyID string) ([]byte, error)
	Unwrap(ctx context.Context, wrapped []byte, keyID string) ([]byte, error)
}

// secretProtector wraps with a secret that is at hand.
type secretProtector struct {
	id   string
	aead cipher.AEAD
}

// NewSecretProtector returns a protector that uses secret, 32 random bytes. Errors are
// Invalid.
func NewSecretProtector(name string, secret []byte) (KeyProtector, error) {
	if len(secret) != dataKeyBytes {
		return nil, midas.Errorf(midas.Invalid, "the key encryption key has %d bytes, not %d", len(secret), dataKeyBytes).
			WithHint("make one with: openssl rand -base64 32")
	}
	aead, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	// The fingerprint tells a wrong key from a damaged file. It is of a digest, so it
	// helps nobody to find the key.
	sum := sha256.Sum256(append([]byte("midas key encryption key\x00"), secret...))
	return &secretProtector{id: name + "-" + hex.EncodeToString(sum[:6]), aead: aead}, nil
}

func (p *secretProtector) ID() string { return p.id }

func (p *secretProtector) Wrap(_ context.Context, dataKey []byte, keyID string) ([]byte, error) {
	return seal(p.aead, dataKey, "data key of "+keyID), nil
}

func (p *secretProtector) Unwrap(_ context.Context, wrapped []byte, keyID string) ([]byte, error) {
	return unseal(p.aead, wrapped, "data key of "+keyID)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "encrypt signing keys: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "encrypt signing keys: %w", err)
	}
	return aead, nil
}

// seal encrypts text and binds it to what it is, so that it cannot be passed off for
// something else that was encrypted under the same key.
func seal(aead cipher.AEAD, text []byte, what string) []byte {
	return aead.Seal(nil, nil, text, []byte("midas/"+what))
}

func unseal(aead cipher.AEAD, sealed []byte, what string) ([]byte, error) {
	text, err := aead.Open(nil, nil, sealed, []byte("midas/"+what))
	if err != nil {
		return nil, errors.New("it was encrypted under another key, or changed")
	}
	return text, nil
}

// newDataKey returns a key that encrypts one signing key.
func newDataKey() []byte {
	key := make([]byte, dataKeyBytes)
	rand.Read(key) // never fails
	return key
}
