package certfile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/keyfile"
)

// world is a pair of files, a clock and a log.
type world struct {
	*testing.T
	cfg Config
	at  time.Time
	log bytes.Buffer
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	w.cfg = Config{
		Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"),
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), Now: func() time.Time { return w.at },
	}
	return w
}

// write puts a new certificate for names in place, as a renewal does: in two steps.
func (w *world) write(names ...string) {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: w.at.Add(-time.Hour), NotAfter: w.at.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	w.must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	w.must(err)
	w.put(w.cfg.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	w.put(w.cfg.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func (w *world) put(path string, content []byte) {
	w.Helper()
	w.must(os.WriteFile(path+".new", content, 0o600))
	w.must(os.Rename(path+".new", path))
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// at is a connection whose end here has that address.
type at struct {
	net.Conn
	address string
}

func (a at) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(a.address), Port: 3306} }

// shown is the first name of the certificate that a client is shown, "own" for that of config.
func (w *world) shown(config *tls.Config, sni, address string) string {
	w.Helper()
	hello := &tls.ClientHelloInfo{
		ServerName: sni, Conn: at{address: address}, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
	}
	if sni != "" {
		hello.Extensions = []uint16{serverNameExtension}
	}
	cert, err := config.GetCertificate(hello)
	if err != nil {
		return err.Error()
	}
	return cert.Leaf.DNSNames[0]
}

var errOwn = errors.New("own")

func (w *world) over(p *Pair) *tls.Config {
	return p.Over(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errOwn }})
}

func TestWhoIsShownTheCertificate(t *testing.T) {
	w := newWorld(t)
	w.write("db.example")
	p, err := Open(w.cfg)
	w.must(err)
	config := w.over(p)
	for _, c := range []struct{ sni, address, want string }{
		{"db.example", "192.0.2.1", "db.example"},
		{"DB.example", "127.0.0.1", "db.example"},
		{"mydb.example", "192.0.2.1", "own"},
		{"localhost", "127.0.0.1", "own"},
		{"", "192.0.2.1", "db.example"},
		{"", "127.0.0.1", "own"},
		{"", "::1", "own"},
	} {
		if got := w.shown(config, c.sni, c.address); got != c.want {
			t.Errorf("%q at %s: %s, want %s", c.sni, c.address, got, c.want)
		}
	}
}

func TestCertificateThatIsRenewed(t *testing.T) {
	w := newWorld(t)
	w.write("old.example")
	p, err := Open(w.cfg)
	w.must(err)
	config := w.over(p)
	want := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if got := w.shown(config, name, "192.0.2.1"); got != name {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	want("old.example")
	w.write("new.example")
	want("old.example") // no handshake looks at files that were looked at a moment ago
	w.at = w.at.Add(lookEvery)
	want("new.example")
	w.put(w.cfg.Cert, []byte("half of it"))
	w.at = w.at.Add(lookEvery)
	want("new.example")
	if !strings.Contains(w.log.String(), "the one before stays") {
		t.Errorf("log: %s", w.log.String())
	}
	w.must(os.Remove(w.cfg.Cert))
	w.at = w.at.Add(lookEvery)
	want("new.example")
	w.write("last.example")
	w.must(p.Reload())
	want("last.example")
}

func TestFilesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	if _, err := Open(w.cfg); err == nil || !strings.Contains(err.Error(), w.cfg.Cert) {
		t.Errorf("no file: %v", err)
	}
	w.write("db.example")
	key, err := os.ReadFile(w.cfg.Key)
	w.must(err)
	w.write("db.example")
	other, err := os.ReadFile(w.cfg.Key)
	w.must(err)
	w.put(w.cfg.Key, key)
	if _, err := Open(w.cfg); err == nil || !strings.Contains(err.Error(), w.cfg.Key) || strings.Contains(err.Error(), string(key[40:60])) {
		t.Errorf("the key of another: %v", err)
	}
	w.put(w.cfg.Key, other)
	w.must(os.Chmod(w.cfg.Key, 0o644))
	if _, err := Open(w.cfg); !errors.Is(err, keyfile.ErrUnsafe) {
		t.Errorf("a key that others can read: %v", err)
	}
}
