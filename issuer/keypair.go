package issuer

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

const keyBits = 2048

// The types of the PEM blocks of a key file. A retired key keeps its certificate alone.
const (
	certBlock      = "CERTIFICATE"
	plainBlock     = "PRIVATE KEY"
	protectedBlock = "MIDAS PROTECTED KEY"

	protectorHeader = "Protector" // KeyProtector.ID
	dataKeyHeader   = "Data-Key"  // wrapped, base64
)

// keypair is one key of the issuer, as it is in a file.
type keypair struct {
	id      string
	cert    []byte // DER; it only names the key and says when it was made
	made    time.Time
	public  *rsa.PublicKey
	private *rsa.PrivateKey // nil when the file has none
	// protector is the id of what protects the private key in the file; "" for nothing.
	protector string
}

// newKeypair makes a key.
func newKeypair(now time.Time) (*keypair, error) {
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
	return &keypair{id: keyID(cert), cert: cert, made: now, public: &private.PublicKey, private: private}, nil
}

// keyID is the SHA-1 thumbprint of the certificate, as Microsoft Entra's key ids are:
// "kid" and "x5t" are the same there. It is a name; nothing rests on its hash.
func keyID(cert []byte) string {
	sum := sha1.Sum(cert)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// encode returns the content of the key's file, with the private key under protect, or
// plain when that is nil.
func (k *keypair) encode(ctx context.Context, protect KeyProtector) ([]byte, error) {
	out := pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: k.cert})
	if k.private == nil {
		return out, nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "write a signing key: %w", err)
	}
	if protect == nil {
		return append(out, pem.EncodeToMemory(&pem.Block{Type: plainBlock, Bytes: der})...), nil
	}
	dataKey := newDataKey()
	aead, err := newAEAD(dataKey)
	if err != nil {
		return nil, err
	}
	wrapped, err := protect.Wrap(ctx, dataKey, k.id)
	if err != nil {
		return nil, err
	}
	return append(out, pem.EncodeToMemory(&pem.Block{
		Type: protectedBlock, Bytes: seal(aead, der, "signing key "+k.id),
		Headers: map[string]string{protectorHeader: protect.ID(), dataKeyHeader: base64.StdEncoding.EncodeToString(wrapped)},
	})...), nil
}

// loadKeypair reads a key file; the private key too when withPrivate and there is one. A
// plain one is taken where keys are encrypted only when adoptPlain.
func loadKeypair(ctx context.Context, path string, withPrivate bool, protectors []KeyProtector, adoptPlain bool) (*keypair, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "read a signing key: %w", err).
			WithHint("when %s is removed, a new key is made at the next start", path)
	}
	var secret *pem.Block
	k := &keypair{}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case certBlock:
			k.cert = block.Bytes
		case plainBlock, protectedBlock:
			secret = block
		}
	}
	named, err := x509.ParseCertificate(k.cert)
	if err != nil {
		return nil, damaged(path)
	}
	public, ok := named.PublicKey.(*rsa.PublicKey)
	if !ok || public.N.BitLen() < keyBits {
		return nil, damaged(path)
	}
	k.id, k.made, k.public = keyID(k.cert), named.NotBefore, public
	if !withPrivate || secret == nil {
		return k, nil
	}
	if secret.Type == plainBlock && len(protectors) > 0 && !adoptPlain {
		return nil, unprotected(path)
	}
	return k, k.open(ctx, secret, path, protectors)
}

// open reads the private key out of its block.
func (k *keypair) open(ctx context.Context, secret *pem.Block, path string, protectors []KeyProtector) error {
	der := secret.Bytes
	if secret.Type == protectedBlock {
		k.protector = secret.Headers[protectorHeader]
		at := slices.IndexFunc(protectors, func(p KeyProtector) bool { return p.ID() == k.protector })
		if at < 0 {
			return notGiven("signing key", path, k.protector)
		}
		wrapped, err := base64.StdEncoding.DecodeString(secret.Headers[dataKeyHeader])
		if err != nil {
			return damaged(path)
		}
		dataKey, err := protectors[at].Unwrap(ctx, wrapped, k.id)
		if err != nil {
			return midas.Errorf(midas.CodeOf(err), "decrypt signing key %s: %w", path, err).WithHint("%s", midas.HintOf(err))
		}
		aead, err := newAEAD(dataKey)
		if err != nil {
			return err
		}
		if der, err = unseal(aead, secret.Bytes, "signing key "+k.id); err != nil {
			return midas.Errorf(midas.Internal, "decrypt signing key %s: %w", path, err).WithHint("restore the file from a backup")
		}
	}
	// The parser's error is left out: it could quote the key.
	key, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok || !private.PublicKey.Equal(k.public) {
		return damaged(path)
	}
	k.private, k.public = private, &private.PublicKey
	return nil
}

func damaged(path string) error {
	return midas.Errorf(midas.Internal, "signing key %s is not an RSA key of %d bits or more with its certificate", filepath.Clean(path), keyBits).
		WithHint("restore it from a backup, or remove it: a new key is made and all tokens issued so far are void")
}
