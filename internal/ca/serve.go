package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	leafLife = 90 * 24 * time.Hour
	// renewBefore leaves a month in which a wrong clock harms nobody.
	renewBefore = 30 * 24 * time.Hour
)

// TLSConfig returns a server configuration (TLS 1.2 and later) whose certificate
// names localhost, 127.0.0.1, ::1 and whatever names returns: DNS names, wildcards
// or IP addresses. With Config.Only, it names these alone, and names is not used. names may be nil; it is called in each handshake, so it must be
// quick, and a new certificate is signed when its answer changes or the present one
// has less than 30 days left.
func (c *CA) TLSConfig(names func() []string) *tls.Config {
	l := &leaves{ca: c, names: names}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return l.current() },
	}
}

// leaves keeps the one server certificate of a listener.
type leaves struct {
	ca    *CA
	names func() []string

	last atomic.Pointer[leaf]
	mu   sync.Mutex // held while signing, so that one handshake signs and others wait
}

type leaf struct {
	names []string
	cert  tls.Certificate
}

func (l *leaves) current() (*tls.Certificate, error) {
	var names []string
	if l.names != nil {
		names = l.names()
	}
	if last := l.last.Load(); l.fits(last, names) {
		return &last.cert, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := l.last.Load(); l.fits(last, names) {
		return &last.cert, nil
	}
	cert, err := l.ca.sign(names)
	if err != nil {
		return nil, err
	}
	next := &leaf{names: slices.Clone(names), cert: cert}
	l.last.Store(next)
	return &next.cert, nil
}

func (l *leaves) fits(last *leaf, names []string) bool {
	return last != nil && slices.Equal(last.names, names) &&
		l.ca.now().Before(last.cert.Leaf.NotAfter.Add(-renewBefore))
}

// sign makes a P-256 server certificate: Go signs with P-256 in some 20 µs where
// RSA-2048 takes 1 ms, and a handshake does it once.
func (c *CA) sign(names []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make server key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return tls.Certificate{}, err
	}
	id, err := keyIdentifier(key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	now := c.now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"midas"}, CommonName: "localhost"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(leafLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		SubjectKeyId:          id,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if c.only != nil {
		// The common name too: some clients still look there.
		template.Subject.CommonName = c.only[0]
		template.DNSNames, template.IPAddresses, names = c.only, nil, nil
	}
	if template.NotAfter.After(c.cert.NotAfter) {
		template.NotAfter = c.cert.NotAfter
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if !slices.Contains(template.DNSNames, name) {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key.Public(), c.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign server certificate for %q: %w", names, err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("parse own server certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, nil
}
