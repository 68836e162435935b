package main

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"slices"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// TestCertificates: a client may check each name that a server has, and a stranger learns
// none. The certificate is what the gateway shows in the midst of MySQL's greeting.
func TestCertificates(t *testing.T) {
	if openEmbedded == nil {
		t.Skip("left out: this build has no embedded engine")
	}
	s, err := openStack(t.Context(), stackConfig{
		State: filepath.Join(t.TempDir(), "state"), Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0", Backend: "embedded",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	if _, _, err := s.directory.PutGroup(t.Context(), "rg", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	server, _, err := s.directory.PutServer(t.Context(), "rg", "mydb", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.ca.PEM())
	config := s.ca.TLSConfig(s.serverNames, serverZone)
	for _, name := range []string{"localhost", "mydb", server.FQDN} {
		cert, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name != "mydb" && slices.Contains(cert.Leaf.DNSNames, "mydb") {
			t.Errorf("who asks for %s learns of mydb: %q", name, cert.Leaf.DNSNames)
		}
	}
}
