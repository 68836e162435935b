// Package certfile is a server certificate that somebody else made and renews: two files, which
// are read again when they change.
//
// It never makes a certificate, and stays with the last good one while the files hold none.
package certfile

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/midas-mysql/midas/internal/keyfile"
)

// lookEvery is how often the files are looked at, by handshakes.
const lookEvery = time.Second

// serverNameExtension is by which a client names the server.
// Source: RFC 6066, section 3.
const serverNameExtension = 0

// Config names the files, PEM both. The key's owner alone may read it.
type Config struct {
	Cert, Key string
	Log       *slog.Logger
	Now       func() time.Time
}

// Pair is the certificate with its chain, and its key. It is safe for concurrent use.
type Pair struct {
	cfg Config

	mu     sync.Mutex
	cert   *tls.Certificate
	looked time.Time
	seen   versions // when they were read last
}

// versions are the files as they were; nil for one that was not there.
type versions [2]os.FileInfo

// Open reads both files. The error names the file.
func Open(cfg Config) (*Pair, error) {
	p := &Pair{cfg: cfg}
	p.seen = p.versions()
	var err error
	p.cert, err = p.read()
	return p, err
}

func (p *Pair) read() (*tls.Certificate, error) {
	chain, err := keyfile.ReadPublic(p.cfg.Cert)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := keyfile.Read(p.cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate's key: %w", err)
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", p.cfg.Cert, p.cfg.Key, err)
	}
	return &cert, nil
}

func (p *Pair) versions() (v versions) {
	for i, path := range []string{p.cfg.Cert, p.cfg.Key} {
		if info, err := os.Stat(path); err == nil {
			v[i] = info
		}
	}
	return v
}

func (v versions) same(other versions) bool {
	for i, file := range v {
		before := other[i]
		switch {
		case file == nil || before == nil:
			if file != before {
				return false
			}
		case !os.SameFile(file, before), file.Size() != before.Size(), !file.ModTime().Equal(before.ModTime()):
			return false
		}
	}
	return true
}

// Chain is the certificate with its chain, PEM.
func (p *Pair) Chain() (text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, der := range p.cert.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

// Reload reads the files again. An error leaves the certificate as it is.
func (p *Pair) Reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = p.versions()
	return p.reload()
}

func (p *Pair) reload() error {
	cert, err := p.read()
	if err == nil {
		p.cert = cert
	}
	return err
}

// current is the certificate of now. Files that are being replaced may not fit each other for a
// moment: they are read again until they do.
func (p *Pair) current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Now()
	if since := now.Sub(p.looked); since >= 0 && since < lookEvery {
		return p.cert
	}
	p.looked = now
	next := p.versions()
	if next.same(p.seen) {
		return p.cert
	}
	if err := p.reload(); err != nil {
		p.cfg.Log.Warn("the new certificate cannot be used; the one before stays", "error", err)
		return p.cert
	}
	p.seen = next
	p.cfg.Log.Warn("the certificate was read anew", "file", p.cfg.Cert, "until", p.cert.Leaf.NotAfter)
	return p.cert
}

// Over returns config with this certificate before its own, for clients that it is for: those that
// name one of its names to TLS, and those that name none from outside this machine.
func (p *Pair) Over(config *tls.Config) *tls.Config {
	over, own := config.Clone(), config.GetCertificate
	over.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if cert := p.current(); p.isFor(hello, cert) {
			return cert, nil
		}
		return own(hello)
	}
	return over
}

func (p *Pair) isFor(hello *tls.ClientHelloInfo, cert *tls.Certificate) bool {
	asked := *hello
	if !slices.Contains(hello.Extensions, serverNameExtension) {
		if local, ok := hello.Conn.LocalAddr().(*net.TCPAddr); !ok || local.IP.IsLoopback() {
			return false
		}
		asked.ServerName = ""
	}
	return asked.SupportsCertificate(cert) == nil
}
