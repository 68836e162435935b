package wire

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // #nosec G505: the plugins prescribe it
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// NonceSize is the length of the nonce of mysql_native_password and
// caching_sha2_password, in bytes.
const NonceSize = 20

// maxPublicKeyBits bounds the work that a server's key can make: encrypting costs
// more than linear time in its size.
const maxPublicKeyBits = 16384

// cutNonce takes authentication data as greeting or switch request carry it, with or
// without the NUL behind the nonce.
func cutNonce(data []byte) []byte { return data[:min(len(data), NonceSize)] }

// NativeScramble answers mysql_native_password: SHA1(password) XOR
// SHA1(nonce, SHA1(SHA1(password))). It is nil for an empty password.
func NativeScramble(password string, nonce []byte) []byte {
	if password == "" {
		return nil
	}
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	mask := sha1.Sum(append(append(make([]byte, 0, NonceSize+sha1.Size), cutNonce(nonce)...), twice[:]...))
	subtle.XORBytes(mask[:], mask[:], once[:])
	return mask[:]
}

// CachingSHA2Scramble is the first answer to caching_sha2_password:
// SHA256(password) XOR SHA256(SHA256(SHA256(password)), nonce). It is nil for an
// empty password.
func CachingSHA2Scramble(password string, nonce []byte) []byte {
	if password == "" {
		return nil
	}
	once := sha256.Sum256([]byte(password))
	twice := sha256.Sum256(once[:])
	mask := sha256.Sum256(append(append(make([]byte, 0, sha256.Size+NonceSize), twice[:]...), cutNonce(nonce)...))
	subtle.XORBytes(mask[:], mask[:], once[:])
	return mask[:]
}

// ParsePublicKey reads the RSA key that a server sends in answer to
// CachingSHA2RequestPublicKey.
func ParsePublicKey(data []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("the server's public key is not in PEM form")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the server's public key: %w", err)
	}
	pub, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the server's public key is %T, not RSA", key)
	}
	if bits := pub.N.BitLen(); bits > maxPublicKeyBits {
		return nil, fmt.Errorf("the server's public key has %d bits, over %d", bits, maxPublicKeyBits)
	}
	return pub, nil
}

// EncryptPassword is the answer to CachingSHA2FullAuth without TLS: password and a
// NUL, XOR the nonce over and over, RSA-OAEP with SHA-1 under the server's key.
//
// An attacker who takes the server's place on the connection can send a key of their own
// and read the password. Without TLS, use it only with a key known beforehand or a
// connection that nobody else can reach.
func EncryptPassword(password string, nonce []byte, key *rsa.PublicKey) ([]byte, error) {
	nonce = cutNonce(nonce)
	if len(nonce) != NonceSize {
		return nil, fmt.Errorf("the nonce has %d bytes, not %d", len(nonce), NonceSize)
	}
	plain := append([]byte(password), 0)
	for i := range plain {
		plain[i] ^= nonce[i%NonceSize]
	}
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, plain, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt the password: %w", err)
	}
	return sealed, nil
}
