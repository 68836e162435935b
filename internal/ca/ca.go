package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/midas-mysql/midas/internal/keyfile"
)

const (
	certName = "ca.pem"
	keyName  = "ca.key"

	authorityLife = 10 * 365 * 24 * time.Hour
	// backdate lets a client whose clock is somewhat behind accept new certificates.
	backdate = time.Hour
)

// Config says where the authority lives and what time it is.
type Config struct {
	Dir string // made with mode 0700 when missing
	// Only are the DNS names that the authority can vouch for, and that its servers
	// have; nil for any, and servers of localhost. Its certificate says so (RFC 5280,
	// section 4.2.1.10), so that a client which trusts it trusts it for nothing else.
	Only []string
	Now  func() time.Time // nil for time.Now
}

// CA is a private certificate authority. It is safe for concurrent use.
type CA struct {
	path string
	only []string
	pem  []byte
	cert *x509.Certificate
	key  crypto.Signer
	now  func() time.Time
}

// Open loads the authority in cfg.Dir, or makes one with a P-256 key that is valid
// for ten years. It fails when the directory cannot be used, when one half of the
// authority is missing or does not fit the other, when others may read its key or could
// have made its certificate, and when it has expired.
func Open(cfg Config) (*CA, error) {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make certificate authority directory: %w", err)
	}
	c := &CA{path: filepath.Join(cfg.Dir, certName), only: cfg.Only, now: now}
	if err := c.loadKey(filepath.Join(cfg.Dir, keyName)); err != nil {
		return nil, err
	}
	if err := c.loadCertificate(); err != nil {
		return nil, err
	}
	return c, nil
}

// PEM returns the authority's certificate: what a client must trust.
func (c *CA) PEM() []byte { return bytes.Clone(c.pem) }

// CertPath returns the file that holds PEM.
func (c *CA) CertPath() string { return c.path }

// loadKey reads the signing key, making it when neither it nor a certificate exists.
func (c *CA) loadKey(path string) error {
	raw, err := keyfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(c.path); err == nil {
			return fmt.Errorf("%s has lost its key %s: restore it, or remove both to begin a new authority that clients must trust anew", c.path, path)
		}
		if err := makeKey(path); err != nil {
			return err
		}
		raw, err = keyfile.Read(path)
	}
	if err != nil {
		return fmt.Errorf("read certificate authority key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return fmt.Errorf("%s holds no PEM block", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The cause is left out: nothing of a key file belongs in a message.
		return fmt.Errorf("%s is not a PKCS #8 private key", path)
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s is not an ECDSA key", path)
	}
	c.key = signer
	return nil
}

func makeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make certificate authority key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode certificate authority key: %w", err)
	}
	return keyfile.Create(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// loadCertificate reads the authority's certificate, or issues it for the key: a
// process that died between the two files leaves a key alone, which is no loss.
func (c *CA) loadCertificate() error {
	raw, err := keyfile.ReadPublic(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := c.issueAuthority(); err != nil {
			return err
		}
		raw, err = keyfile.ReadPublic(c.path)
	}
	if err != nil {
		return fmt.Errorf("read certificate authority: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" {
		return fmt.Errorf("%s holds no certificate", c.path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("parse %s: %w", c.path, err)
	}
	if pub, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || !pub.Equal(c.key.Public()) {
		return fmt.Errorf("%s does not belong to the key beside it", c.path)
	}
	if !cert.IsCA {
		return fmt.Errorf("%s is not a certificate authority", c.path)
	}
	if !slices.Equal(cert.PermittedDNSDomains, c.only) {
		return fmt.Errorf("%s vouches for %q and should for %q: remove it and its key to begin a new authority that clients must trust anew",
			c.path, cert.PermittedDNSDomains, c.only)
	}
	if c.now().After(cert.NotAfter) {
		return fmt.Errorf("%s expired on %s: remove it and its key to begin a new authority that clients must trust anew",
			c.path, cert.NotAfter.Format(time.DateOnly))
	}
	c.cert, c.pem = cert, pem.EncodeToMemory(block)
	return nil
}

// issueAuthority writes a self-signed certificate in the form that strict verifiers
// ask for (Python 3.13's default, OpenSSL's -x509_strict): critical basic
// constraints and key usage, and both key identifiers.
func (c *CA) issueAuthority() error {
	serial, err := serialNumber()
	if err != nil {
		return err
	}
	id, err := keyIdentifier(c.key.Public())
	if err != nil {
		return err
	}
	now := c.now()
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"midas"}, CommonName: "midas private CA on " + host},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it signs servers, never another authority
		SubjectKeyId:          id,
		AuthorityKeyId:        id,
	}
	if c.only != nil {
		template.Subject.CommonName = "midas private CA for names of Azure on " + host
		template.PermittedDNSDomainsCritical, template.PermittedDNSDomains = true, c.only
		template.ExcludedIPRanges = everyAddress()
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, c.key.Public(), c.key)
	if err != nil {
		return fmt.Errorf("sign certificate authority: %w", err)
	}
	return keyfile.Create(c.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// everyAddress is for an authority that is limited to names: without it, the limit
// would leave IP addresses free.
func everyAddress() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
}

// serialNumber returns 127 random bits: positive, and within RFC 5280's 20 octets.
func serialNumber() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}

// keyIdentifier is method 1 of RFC 7093: the leftmost 160 bits of SHA-256.
func keyIdentifier(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return sum[:20], nil
}
