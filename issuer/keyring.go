package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
	"github.com/midas-mysql/midas/token"
)

// The key that signs, and the one that will: it is published ahead, so that every
// verifier has it by the day it takes over. Other *.pem files in the directory are
// published too; that is how a key that has signed lasts until its tokens have expired.
const (
	currentFile = "current.pem"
	nextFile    = "next.pem"
)

const keyBits = 2048

// keyring is the issuer's keys.
type keyring struct {
	signing token.SigningKey
	public  token.StaticKeys
	certs   []publishedKey // what the key set document lists, by key id
}

// publishedKey is the public half of a key and the certificate it is known by.
type publishedKey struct {
	id   string
	key  *rsa.PublicKey
	cert []byte // DER
}

// openKeyring loads the keys in dir, after making those that are missing.
func openKeyring(dir string, now func() time.Time) (*keyring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, midas.Errorf(midas.Internal, "make the directory of signing keys: %w", err)
	}
	var making errgroup.Group
	for _, name := range []string{currentFile, nextFile} {
		making.Go(func() error { return ensureKey(filepath.Join(dir, name), now()) })
	}
	if err := making.Wait(); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "list signing keys: %w", err)
	}
	ring := &keyring{public: token.StaticKeys{}}
	for _, path := range paths {
		private, cert, err := loadKey(path)
		if err != nil {
			return nil, err
		}
		id := keyID(cert)
		if _, twice := ring.public[id]; twice {
			continue
		}
		ring.public[id] = &private.PublicKey
		ring.certs = append(ring.certs, publishedKey{id: id, key: &private.PublicKey, cert: cert})
		if filepath.Base(path) == currentFile {
			ring.signing = token.SigningKey{KeyID: id, Private: private}
		}
	}
	// An order that says nothing keeps verifiers from reading a meaning into it.
	sort.Slice(ring.certs, func(a, b int) bool { return ring.certs[a].id < ring.certs[b].id })
	if ring.signing.Private == nil || len(ring.certs) < 2 {
		return nil, midas.Errorf(midas.Internal, "%s and %s in %s are the same key", currentFile, nextFile, dir).
			WithHint("remove %s; it is made anew", nextFile)
	}
	return ring, nil
}

// keyID is the SHA-1 thumbprint of the certificate, as Microsoft Entra's key ids are:
// "kid" and "x5t" are the same there. It is a name; nothing rests on its hash.
func keyID(cert []byte) string {
	sum := sha1.Sum(cert)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ensureKey makes a key file unless there is one.
func ensureKey(path string, now time.Time) error {
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := makeKey(now)
	if err != nil {
		return err
	}
	if err := keyfile.Create(path, data, 0o600); err != nil {
		return midas.Errorf(midas.Internal, "make a signing key: %w", err)
	}
	return nil
}

// makeKey returns a new key and a certificate that only names it, as PEM.
func makeKey(now time.Time) ([]byte, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make a signing key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make a signing key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "token signing key"},
		NotBefore:    now,
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "name a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "write a signing key: %w", err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// loadKey reads a key file.
func loadKey(path string) (*rsa.PrivateKey, []byte, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, nil, midas.Errorf(midas.Internal, "read a signing key: %w", err).
			WithHint("when %s is removed, a new key is made at the next start", path)
	}
	var cert, der []byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			cert = block.Bytes
		case "PRIVATE KEY":
			der = block.Bytes
		}
	}
	// The errors of the parsers are left out: they could quote the key.
	key, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := key.(*rsa.PrivateKey)
	named, certErr := x509.ParseCertificate(cert)
	if err != nil || !ok || certErr != nil || !private.PublicKey.Equal(named.PublicKey) || private.N.BitLen() < keyBits {
		return nil, nil, midas.Errorf(midas.Internal, "signing key %s is not an RSA key of %d bits or more with its certificate", path, keyBits).
			WithHint("restore it from a backup, or remove it: a new key is made and all tokens issued so far are void")
	}
	return private, cert, nil
}
