package stack

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/ca"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// failing is a directory that can be made to fail.
type failing struct {
	*directory.Directory
	changes, list error
	lists         int
}

func (f *failing) Changes(ctx context.Context, after uint64) ([]midas.Change, uint64, error) {
	if f.changes != nil {
		return nil, 0, f.changes
	}
	return f.Directory.Changes(ctx, after)
}

func (f *failing) ListServers(ctx context.Context, group string) ([]directory.Server, error) {
	if f.lists++; f.list != nil {
		return nil, f.list
	}
	return f.Directory.ListServers(ctx, group)
}

// namesWorld has the names of a directory's servers, a clock and a log.
type namesWorld struct {
	*certificateNames
	directory *failing
	at        time.Time
	log       bytes.Buffer
}

func newNamesWorld(t *testing.T) *namesWorld {
	t.Helper()
	w := &namesWorld{at: time.Now()}
	clock := func() time.Time { return w.at }
	d, err := directory.Open(t.Context(), directory.Config{Path: filepath.Join(t.TempDir(), "directory.db"), Now: clock, Alone: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if _, _, err := d.PutGroup(t.Context(), nil, "rg", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	w.directory = &failing{Directory: d}
	w.certificateNames = &certificateNames{servers: w.directory, timeout: time.Minute, now: clock, log: throttledlog.New(slog.New(slog.NewTextHandler(&w.log, nil)), clock)}
	return w
}

func (w *namesWorld) add(t *testing.T, name string) {
	t.Helper()
	w.at = w.at.Add(time.Millisecond)
	if _, _, err := w.directory.PutServer(t.Context(), nil, "rg", name, directory.ServerChange{Change: directory.Change{Location: "eastus"}}); err != nil {
		t.Fatal(err)
	}
}

// A list that fails leaves the names that clients verify, is tried again soon, and not by
// every handshake meanwhile.
func TestNamesStayWhenTheListFails(t *testing.T) {
	w := newNamesWorld(t)
	want := func(when string, names ...string) {
		t.Helper()
		if got := w.of(""); !slices.Equal(got, names) {
			t.Errorf("%s: %q, want %q", when, got, names)
		}
	}
	w.directory.list = errors.New("busy")
	want("at first")
	w.directory.list = nil
	want("within the pause")
	w.at = w.at.Add(listAgain)
	w.add(t, "mydb")
	mydb := []string{"mydb", "mydb.mysql.database.azure.com"}
	want("after the pause", mydb...)

	w.add(t, "other")
	w.directory.list = errors.New("busy")
	before := w.directory.lists
	for range 100 {
		want("when the list fails", mydb...)
	}
	if n := w.directory.lists - before; n != 1 {
		t.Errorf("%d lists for 100 handshakes within a second", n)
	}
	w.at = w.at.Add(listAgain)
	w.directory.list, w.directory.changes = nil, errors.New("busy")
	want("when the feed fails", mydb...)
	w.at = w.at.Add(listAgain)
	w.directory.changes = nil
	want("afterwards", append(mydb, "other", "other.mysql.database.azure.com")...)
	if n := strings.Count(w.log.String(), "cannot read the names"); n != 1 {
		t.Errorf("%d lines in the log:\n%s", n, w.log.String())
	}
	before = w.directory.lists
	for range 100 {
		w.of("mydb")
	}
	if w.directory.lists != before {
		t.Error("the servers are listed though none has changed")
	}
}

// A server with an address of its own is not in what a client at the common address is shown that
// gives no name: it would sign in to another one there.
func TestServerApartIsShownByItsNameAlone(t *testing.T) {
	w := newNamesWorld(t)
	w.apart = func(server string) bool { return server == "own" }
	w.add(t, "mydb")
	w.add(t, "own")
	mydb, own := []string{"mydb", "mydb.mysql.database.azure.com"}, w.of("own")
	if len(own) != 2 || own[0] != "own" {
		t.Errorf("by its name: %q", own)
	}
	if got := w.of(""); !slices.Equal(got, mydb) || w.leftOut() != "" {
		t.Errorf("without a name: %q, %s", got, w.leftOut())
	}
}

// A thousand servers make no certificate that is longer than what TLS sends at once, and
// strangers are not told all names; each server can be verified by its name.
func TestCertificateOfManyServers(t *testing.T) {
	w := newNamesWorld(t)
	authority, err := ca.Open(ca.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	config := authority.TLSConfig(w.of)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	const count = 1000
	for i := range count {
		w.add(t, fmt.Sprintf("server-%d", (i*7919+500)%count)) // in no order of names
	}
	shown := func(serverName string) *x509.Certificate { return shownCertificate(t, config, serverName) }

	unnamed := shown("")
	if len(unnamed.Raw) > 8<<10 || len(unnamed.DNSNames) < 100 {
		t.Errorf("without a name: %d bytes, %d names", len(unnamed.Raw), len(unnamed.DNSNames))
	}
	if err := unnamed.VerifyHostname("server-500.mysql.database.azure.com"); err != nil {
		t.Errorf("the oldest server: %v", err)
	}
	for _, name := range []string{"server-0", "server-500", "server-999.mysql.database.azure.com", "SERVER-77", "server-78.mysql.database.azure.com."} {
		cert := shown(name)
		host := strings.TrimSuffix(name, ".")
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Error(err)
		}
		if cert.VerifyHostname("localhost") != nil || cert.VerifyHostname("127.0.0.1") != nil || len(cert.DNSNames) != 3 {
			t.Errorf("%s: %q %q", name, cert.DNSNames, cert.IPAddresses)
		}
	}
	for _, stranger := range []string{"server-1000", "nobody.example", "localhost", "*.mysql.database.azure.com", "mysql.database.azure.com", "server-1.example"} {
		if cert := shown(stranger); !slices.Equal(cert.DNSNames, []string{"localhost"}) {
			t.Errorf("%s is shown %q", stranger, cert.DNSNames)
		}
	}
	if left := w.leftOut(); !strings.Contains(left, fmt.Sprintf(" of %d servers", count)) || !strings.Contains(w.log.String(), "is full") {
		t.Errorf("%q, log:\n%s", left, w.log.String())
	}
	w.add(t, "a-newer-server") // which comes before all others by name
	if err := shown("").VerifyHostname("server-500"); err != nil {
		t.Errorf("the oldest server lost its place: %v", err)
	}
}

func shownCertificate(t *testing.T, config *tls.Config, serverName string) *x509.Certificate {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() { _ = tls.Server(far, config).Handshake() }()
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: serverName}) // the test verifies itself
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0]
}
