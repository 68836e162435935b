package ca

import (
	"container/list"
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

// maxLeaves is how many server certificates of a listener are kept. Clients choose among the
// names, so they must not choose how many there are.
const maxLeaves = 256

// TLSConfig returns a server configuration (TLS 1.2 and later) whose certificate
// names localhost, 127.0.0.1, ::1, the address of this machine that the client is connected to and
// whatever names returns for the name that the client
// gave to TLS, which is a stranger's text, in lower case and without a final dot, or "": DNS
// names, wildcards or IP addresses. With Config.Only, it names these alone, and names is not
// used. names may be nil; it is called in each handshake, so it must be quick, and a new
// certificate is signed for names that have none, or less than 30 days of one left.
func (c *CA) TLSConfig(names func(serverName string) []string) *tls.Config {
	l := &leaves{ca: c, names: names, kept: map[string]*list.Element{}}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return l.certificate(strings.ToLower(strings.TrimSuffix(hello.ServerName, ".")), hello.Conn)
		},
	}
}

// leaves keeps the server certificates of a listener.
type leaves struct {
	ca    *CA
	names func(string) []string

	mu   sync.Mutex // held while signing, so that one handshake signs and others wait
	kept map[string]*list.Element
	used list.List // of *leaf, the least recently used first
}

type leaf struct {
	names string // what it is kept under
	cert  tls.Certificate
}

func (l *leaves) certificate(serverName string, conn net.Conn) (*tls.Certificate, error) {
	var names []string
	if l.names != nil && l.ca.only == nil {
		names = l.names(serverName)
	}
	if at := ownAddress(conn); at != "" && l.ca.only == nil {
		names = append(slices.Clip(names), at)
	}
	key := strings.Join(names, "\x00")
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, have := l.kept[key]; have {
		if one := e.Value.(*leaf); one.servesAt(l.ca.now()) {
			l.used.MoveToBack(e)
			return &one.cert, nil
		}
		l.forget(e)
	}
	cert, err := l.ca.sign(names)
	if err != nil {
		return nil, err
	}
	next := &leaf{key, cert}
	l.kept[key] = l.used.PushBack(next)
	if l.used.Len() > maxLeaves {
		l.forget(l.used.Front())
	}
	return &next.cert, nil
}

// ownAddress is this machine's end of a connection, unless each certificate has it.
func ownAddress(conn net.Conn) string {
	if conn == nil {
		return ""
	}
	at, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok || at.IP.Equal(net.IPv4(127, 0, 0, 1)) || at.IP.Equal(net.IPv6loopback) {
		return ""
	}
	return at.IP.String()
}

// servesAt tells whether clients take the certificate, and will for a while. A clock that was ahead
// when it was made, and was put right, leaves one that begins later.
func (l *leaf) servesAt(now time.Time) bool {
	cert := l.cert.Leaf
	return !now.Before(cert.NotBefore) && now.Before(cert.NotAfter.Add(-renewBefore))
}

func (l *leaves) forget(e *list.Element) {
	l.used.Remove(e)
	delete(l.kept, e.Value.(*leaf).names)
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
