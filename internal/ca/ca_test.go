package ca

import (
	"bytes"
	"container/list"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, dir string, now func() time.Time) *CA {
	t.Helper()
	c, err := Open(Config{Dir: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pool(c *CA) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(c.PEM())
	return p
}

// handshake connects a client that trusts c to a server with config and returns
// the certificate that the client was shown.
func handshake(t *testing.T, c *CA, config *tls.Config, name string, now time.Time) (*x509.Certificate, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		server := tls.Server(far, config)
		_ = server.Handshake()
		far.Close()
	}()
	client := tls.Client(near, &tls.Config{RootCAs: pool(c), ServerName: name, Time: func() time.Time { return now }})
	if err := client.Handshake(); err != nil {
		return nil, err
	}
	return client.ConnectionState().PeerCertificates[0], nil
}

func TestServesEachName(t *testing.T) {
	c := open(t, t.TempDir(), nil)
	config := c.TLSConfig(func(string) []string { return []string{"mydb.mysql.database.azure.com", "10.1.2.3"} })
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "mydb.mysql.database.azure.com", "10.1.2.3"} {
		if _, err := handshake(t, c, config, name, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := handshake(t, c, config, "other.mysql.database.azure.com", time.Now()); err == nil {
		t.Error("a name that nobody asked for was served")
	}
}

func TestOpenKeepsTheAuthority(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir, nil), open(t, dir, nil)
	if !bytes.Equal(first.PEM(), second.PEM()) {
		t.Fatal("reopening made another authority")
	}
	if _, err := handshake(t, first, second.TLSConfig(nil), "localhost", time.Now()); err != nil {
		t.Fatalf("a client of the first does not trust the second: %v", err)
	}
	for name, want := range map[string]os.FileMode{keyName: 0o600, certName: 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %#o, want %#o", name, info.Mode().Perm(), want)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".new-*"))
	if len(left) > 0 {
		t.Errorf("temporary files remain: %v", left)
	}
}

func TestOpenTogetherSharesOneAuthority(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	got := make([]*CA, 8)
	for i := range got {
		wg.Go(func() { got[i], _ = Open(Config{Dir: dir}) })
	}
	wg.Wait()
	for i, c := range got {
		if c == nil || !bytes.Equal(c.PEM(), got[0].PEM()) {
			t.Fatalf("opener %d has another authority", i)
		}
	}
}

func TestKeyAloneIsNoLoss(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, nil)
	if err := os.Remove(c.CertPath()); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil)
}

func TestOpenRefuses(t *testing.T) {
	key, cert := keyName, certName
	damage := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		damage func(*testing.T, string)
		want   string
	}{
		"lost key":         {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, key)) }, "lost its key"},
		"key for everyone": {func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, key), 0o644) }, "others may read it"},
		"key is no PEM":    {damage(key, "x"), "no PEM block"},
		"key is no key":    {damage(key, "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n"), "not a PKCS #8"},
		"certificate gone bad": {
			damage(cert, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"), "parse",
		},
		"certificate of another": {func(t *testing.T, dir string) {
			damage(cert, string(open(t, t.TempDir(), nil).PEM()))(t, dir)
		}, "does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir, nil)
			tc.damage(t, dir)
			_, err := Open(Config{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestOpenRefusesExpired(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, nil)
	_, err := Open(Config{Dir: dir, Now: func() time.Time { return time.Now().Add(authorityLife + time.Hour) }})
	if err == nil || !strings.Contains(err.Error(), "expired") {
		t.Fatalf("got %v", err)
	}
}

func TestOnlyTheseNames(t *testing.T) {
	dir, only := t.TempDir(), []string{"login.microsoftonline.com", "management.azure.com"}
	c, err := Open(Config{Dir: dir, Only: only})
	if err != nil {
		t.Fatal(err)
	}
	config := c.TLSConfig(func(string) []string { return []string{"other.example"} })
	for _, name := range only {
		if _, err := handshake(t, c, config, name, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"localhost", "127.0.0.1", "other.example"} {
		if _, err := handshake(t, c, config, name, time.Now()); err == nil {
			t.Errorf("%s was served", name)
		}
	}
	// An attacker with the key cannot make clients trust other names, either.
	unlimited := *c
	unlimited.only = nil
	stolen := unlimited.TLSConfig(func(string) []string { return []string{"bank.example"} })
	for _, name := range []string{"bank.example", "localhost", "127.0.0.1"} {
		if _, err := handshake(t, c, stolen, name, time.Now()); err == nil || !strings.Contains(err.Error(), "not permitted") && !strings.Contains(err.Error(), "excluded") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "vouches for") {
		t.Errorf("opened as one for all names: %v", err)
	}
}

func TestRenewal(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	names := []string{"one.example"}
	c := open(t, t.TempDir(), func() time.Time { return now })
	config := c.TLSConfig(func(string) []string { return names })
	get := func() *x509.Certificate {
		cert, err := handshake(t, c, config, names[0], now)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	first := get()
	if !get().Equal(first) {
		t.Error("a certificate was signed anew without need")
	}
	names = []string{"two.example"}
	second := get()
	if second.Equal(first) || !slices.Contains(second.DNSNames, "two.example") {
		t.Error("new names did not bring a new certificate")
	}
	now = now.Add(leafLife - renewBefore + time.Minute)
	if third := get(); third.Equal(second) || third.NotAfter.Before(now.Add(renewBefore)) {
		t.Error("a certificate near its end was not renewed")
	}
	now = c.cert.NotAfter.Add(-time.Hour)
	if last := get(); last.NotAfter.After(c.cert.NotAfter) {
		t.Error("a server certificate outlives its authority")
	}
}

// A client chooses by name which certificate it sees, and not how many there are.
func TestCertificateByServerName(t *testing.T) {
	c := open(t, t.TempDir(), nil)
	var asked []string
	l := &leaves{ca: c, kept: map[string]*list.Element{}, names: func(name string) []string {
		asked = append(asked, name)
		if strings.HasPrefix(name, "db") {
			return []string{name, name + ".example"}
		}
		return nil
	}}
	first, err := l.certificate("db0", nil)
	if err != nil || !slices.Contains(first.Leaf.DNSNames, "db0.example") {
		t.Fatal(err)
	}
	for i := range 4 * maxLeaves {
		one, err := l.certificate(fmt.Sprint("db", i), nil)
		if err != nil || len(one.Leaf.DNSNames) != 3 {
			t.Fatal(err, one.Leaf.DNSNames)
		}
		unknown, err := l.certificate(fmt.Sprint("stranger", i), nil)
		if err != nil || len(unknown.Leaf.DNSNames) != 1 {
			t.Fatal(err, unknown.Leaf.DNSNames)
		}
	}
	if len(l.kept) != maxLeaves || l.used.Len() != maxLeaves {
		t.Errorf("%d certificates are kept, want %d", len(l.kept), maxLeaves)
	}
	config := c.TLSConfig(func(name string) []string { asked = append(asked, name); return []string{"mydb.example"} })
	if _, err := handshake(t, c, config, "MyDB.example.", time.Now()); err != nil || asked[len(asked)-1] != "mydb.example" {
		t.Errorf("asked for %q, %v", asked[len(asked)-1], err)
	}
}

// Python 3.13 verifies with VERIFY_X509_STRICT: a CA without critical basic
// constraints, or a certificate without an authority key identifier, is refused.
func TestStrictForm(t *testing.T) {
	c := open(t, t.TempDir(), nil)
	leaf, err := c.sign(nil)
	if err != nil {
		t.Fatal(err)
	}
	critical := func(cert *x509.Certificate, id ...int) (present, critical bool) {
		for _, e := range cert.Extensions {
			if e.Id.Equal(asn1.ObjectIdentifier(id)) {
				return true, e.Critical
			}
		}
		return false, false
	}
	for what, tc := range map[string]struct {
		cert     *x509.Certificate
		id       []int
		critical bool
	}{
		"CA basic constraints": {c.cert, []int{2, 5, 29, 19}, true},
		"CA key usage":         {c.cert, []int{2, 5, 29, 15}, true},
		"CA subject key id":    {c.cert, []int{2, 5, 29, 14}, false},
		"CA authority key id":  {c.cert, []int{2, 5, 29, 35}, false},
		"leaf authority key":   {leaf.Leaf, []int{2, 5, 29, 35}, false},
		"leaf subject key":     {leaf.Leaf, []int{2, 5, 29, 14}, false},
		"leaf names":           {leaf.Leaf, []int{2, 5, 29, 17}, false},
	} {
		present, crit := critical(tc.cert, tc.id...)
		if !present || crit != tc.critical {
			t.Errorf("%s: present %v critical %v, want critical %v", what, present, crit, tc.critical)
		}
	}
	if !bytes.Equal(leaf.Leaf.AuthorityKeyId, c.cert.SubjectKeyId) {
		t.Error("leaf does not point at its authority")
	}
}
