//go:build unix

package backend

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"time"

	"github.com/midas-mysql/midas"
)

// certificateFile holds the certificate and the key with which a private MariaDB offers TLS,
// for the accounts that require it. MySQL makes its own, MariaDB only from 11.4 on.
func (c *child) certificateFile() string { return filepath.Join(c.dir, "tls.pem") }

// makeCertificate writes a certificate for the life of one process. It proves nothing, and
// needs not: nobody but midas can reach the server's socket.
func (c *child) makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return midas.Errorf(midas.Internal, "make the backend's certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "midas private database server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(20, 0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return midas.Errorf(midas.Internal, "make the backend's certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return midas.Errorf(midas.Internal, "make the backend's certificate: %w", err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	return replaceFile(c.certificateFile(), text)
}
