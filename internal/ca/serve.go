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
	"strings"
	"sync"
	"time"
)

const (
	leafLife = 90 * 24 * time.Hour
	// renewBefore leaves a month in which a wrong clock harms nobody.
	renewBefore = 30 * 24 * time.Hour
)

// TLSConfig returns a server configuration (TLS 1.2 and later) whose certificate names
// localhost, 127.0.0.1, ::1 and open: DNS names, wildcards or IP addresses that anybody
// may know.
//
// private may be nil. It returns names, in lower case, that strangers must not learn: a
// client that asks for one of them by SNI gets a certificate for that name, and one that
// asks for another learns no more than that it was not served. Clients on this machine
// get all of them together when they ask for none, since the command line clients of
// MySQL and MariaDB check a name that they never sent. private is called in handshakes,
// so it must be quick.
//
// A certificate is signed anew when it has less than 30 days left.
func (c *CA) TLSConfig(private func() []string, open ...string) *tls.Config {
	if private == nil {
		private = func() []string { return nil }
	}
	l := &leaves{ca: c, private: private, open: open, signed: map[string]*leaf{}}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.certificate}
}

const (
	// maxLeaves bounds the certificates of one listener, 2 KiB each.
	maxLeaves = 256
	// maxTogether bounds the names of one certificate: clients refuse one of 100 KiB.
	maxTogether = 1000
)

// leaves keeps the server certificates of a listener.
type leaves struct {
	ca      *CA
	private func() []string
	open    []string

	mu     sync.Mutex       // held while signing, so that one handshake signs and others wait
	signed map[string]*leaf // by what was asked for; "" for none
}

type leaf struct {
	names []string
	cert  *tls.Certificate
}

func (l *leaves) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	general, err := l.leaf("", nil)
	if err != nil {
		return nil, err
	}
	asked := strings.ToLower(hello.ServerName)
	private := l.private()
	switch {
	case asked == "" && len(private) > 0 && local(hello.Conn):
		return l.leaf(everything, private[:min(len(private), maxTogether)])
	case asked == "" || general.Leaf.VerifyHostname(asked) == nil || !slices.Contains(private, asked):
		return general, nil
	}
	return l.leaf(asked, []string{asked})
}

// everything stands for all private names at once; no host has that name.
const everything = "*"

// local tells a client on this machine, who can see what runs here anyway.
func local(conn net.Conn) bool {
	address, ok := conn.RemoteAddr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// leaf returns the certificate for the open names and these, signing it when need be.
func (l *leaves) leaf(asked string, names []string) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.signed[asked]
	if last != nil && slices.Equal(last.names, names) && l.ca.now().Before(last.cert.Leaf.NotAfter.Add(-renewBefore)) {
		return last.cert, nil
	}
	cert, err := l.ca.sign(append(slices.Clone(l.open), names...))
	if err != nil {
		return nil, err
	}
	if last == nil && len(l.signed) >= maxLeaves {
		// Signing takes so little that it does not matter which one goes.
		for old := range l.signed {
			delete(l.signed, old)
			break
		}
	}
	l.signed[asked] = &leaf{names: slices.Clone(names), cert: &cert}
	return &cert, nil
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
