package ca

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"
)

const zone = "*.mysql.database.azure.com"

// client is who shakes hands: it checks name, and tells it by SNI unless mute, as the
// command line clients of MySQL and MariaDB are.
type client struct {
	name string
	mute bool
	from string // its address; empty for one that has none
	now  time.Time
}

// from gives a connection the address of a client that is elsewhere.
type from struct {
	net.Conn
	address net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.address }

// handshake connects a client that trusts c to a server with config and returns
// the certificate that the client was shown, also when the client refused it.
func handshake(t *testing.T, c *CA, config *tls.Config, who client) (shown *x509.Certificate, err error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	if who.from != "" {
		far = from{far, &net.TCPAddr{IP: net.ParseIP(who.from), Port: 50000}}
	}
	go func() {
		_ = tls.Server(far, config).Handshake()
		far.Close()
	}()
	if who.now.IsZero() {
		who.now = time.Now()
	}
	hello := &tls.Config{ServerName: who.name, InsecureSkipVerify: true} // replaced by what follows
	if who.mute {
		hello.ServerName = ""
	}
	hello.VerifyConnection = func(state tls.ConnectionState) error {
		shown = state.PeerCertificates[0]
		_, err := shown.Verify(x509.VerifyOptions{Roots: pool(c), DNSName: who.name, CurrentTime: who.now})
		return err
	}
	return shown, tls.Client(near, hello).Handshake()
}

func TestServesEachName(t *testing.T) {
	c := open(t, t.TempDir(), nil)
	config := c.TLSConfig(func() []string { return []string{"mydb", "other"} }, zone, "10.1.2.3")
	for _, who := range []client{
		{name: "localhost"},
		{name: "127.0.0.1"},
		{name: "::1"},
		{name: "10.1.2.3"},
		{name: "mydb.mysql.database.azure.com"},
		{name: "MyDB.MySQL.Database.Azure.Com"},
		{name: "mydb"},
		{name: "MYDB"},
		{name: "localhost", mute: true},
		{name: "mydb.mysql.database.azure.com", mute: true},
		{name: "mydb", mute: true, from: "127.0.0.1"},
		{name: "other", mute: true, from: "::1"},
	} {
		if _, err := handshake(t, c, config, who); err != nil {
			t.Errorf("%+v: %v", who, err)
		}
	}
	for _, who := range []client{
		{name: "third"},
		{name: "*"},
		{name: "a.b.mysql.database.azure.com"},
		{name: "mydb", mute: true},
		{name: "mydb", mute: true, from: "192.0.2.7"},
	} {
		if _, err := handshake(t, c, config, who); err == nil {
			t.Errorf("%+v was served", who)
		}
	}
}

// TestStrangersLearnNoNames: a certificate names no server but the one that was asked for.
func TestStrangersLearnNoNames(t *testing.T) {
	c := open(t, t.TempDir(), nil)
	private := []string{"payroll", "lab"}
	config := c.TLSConfig(func() []string { return private }, zone)
	for _, who := range []client{
		{mute: true},
		{mute: true, from: "192.0.2.7"},
		{mute: true, from: "fe80::1"},
		{name: "localhost"},
		{name: "lab"},
		{name: "lab", from: "127.0.0.1"},
		{name: "lab.mysql.database.azure.com"},
		{name: "payrol"},
	} {
		shown, _ := handshake(t, c, config, who)
		if shown == nil {
			t.Errorf("%+v: no certificate, so a name that is not there is told from one that is", who)
			continue
		}
		for _, name := range private {
			if name != who.name && slices.Contains(shown.DNSNames, name) {
				t.Errorf("%+v learns of %q: %q", who, name, shown.DNSNames)
			}
		}
	}
}

func TestRenewal(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	names := []string{"one"}
	c := open(t, t.TempDir(), func() time.Time { return now })
	config := c.TLSConfig(func() []string { return names }, zone)
	get := func(who client) *x509.Certificate {
		who.now = now
		cert, err := handshake(t, c, config, who)
		if err != nil {
			t.Fatalf("%+v: %v", who, err)
		}
		return cert
	}
	asks, mute, general := client{name: "one"}, client{name: "one", mute: true, from: "127.0.0.1"}, client{name: "localhost"}
	first := map[client]*x509.Certificate{}
	for _, who := range []client{asks, mute, general} {
		if first[who] = get(who); !get(who).Equal(first[who]) {
			t.Errorf("%+v: a certificate was signed anew without need", who)
		}
	}
	names = []string{"one", "two"}
	if get(client{name: "two", mute: true, from: "127.0.0.1"}).Equal(first[mute]) || !get(asks).Equal(first[asks]) {
		t.Error("a new name did not bring one new certificate")
	}
	names = []string{"two"}
	if _, err := handshake(t, c, config, client{name: "one", now: now}); err == nil {
		t.Error("a name that is gone is served")
	}
	names = []string{"one"}
	now = now.Add(leafLife - renewBefore + time.Minute)
	for who, old := range first {
		if renewed := get(who); renewed.Equal(old) || renewed.NotAfter.Before(now.Add(renewBefore)) {
			t.Errorf("%+v: a certificate near its end was not renewed", who)
		}
	}
	now = c.cert.NotAfter.Add(-time.Hour)
	if last := get(asks); last.NotAfter.After(c.cert.NotAfter) {
		t.Error("a server certificate outlives its authority")
	}
}

func TestCertificatesAreBounded(t *testing.T) {
	c := open(t, t.TempDir(), nil)
	names := make([]string, 2*maxTogether)
	for i := range names {
		names[i] = fmt.Sprintf("server-%d", i)
	}
	l := &leaves{ca: c, private: func() []string { return names }, signed: map[string]*leaf{}}
	for _, name := range names[:maxLeaves+20] {
		cert, err := l.certificate(&tls.ClientHelloInfo{ServerName: name})
		if err != nil || cert.Leaf.VerifyHostname(name) != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if len(l.signed) > maxLeaves {
		t.Errorf("%d certificates are kept", len(l.signed))
	}
	all, err := handshake(t, c, &tls.Config{GetCertificate: l.certificate}, client{name: names[0], mute: true, from: "127.0.0.1"})
	if err != nil || len(all.Raw) > 64<<10 {
		t.Errorf("all names together: %v, %d bytes", err, len(all.Raw))
	}
}
