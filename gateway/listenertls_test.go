package gateway

import (
	"crypto/tls"
	"net"
	"testing"
)

// A client that gives TLS no name is shown the certificate of the server whose address it came to.
func TestListenerOfAServerShowsItsCertificate(t *testing.T) {
	asked := ""
	all := newListenerTLS(&tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			asked = hello.ServerName
			return &tls.Certificate{}, nil
		},
	}, map[string][]net.Listener{"Other": nil})
	for _, c := range []struct{ listener, named, want string }{
		{"", "", ""},
		{"", "mydb", "mydb"},
		{"Other", "", "other"},
		{"Other", "mydb", "mydb"},
	} {
		hello := &tls.ClientHelloInfo{ServerName: c.named}
		if _, err := all.of(c.listener).GetCertificate(hello); err != nil || asked != c.want {
			t.Errorf("at %q, a client that names %q is shown %q (%v)", c.listener, c.named, asked, err)
		}
		if hello.ServerName != c.named {
			t.Errorf("what the client sent was changed to %q", hello.ServerName)
		}
	}
}
