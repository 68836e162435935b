package gateway

import (
	"crypto/tls"
	"net"
	"strings"
)

// listenerTLS is how TLS is spoken on each listener, by the name of the server that has it to
// itself; "" for the one that servers share.
type listenerTLS map[string]*tls.Config

// newListenerTLS has clients that give TLS no name shown the certificate of the listener's server.
// Most clients of MySQL give none and verify one all the same: with a certificate of all servers,
// those who lead a client's connection to another server's address have it sign in there.
func newListenerTLS(shared *tls.Config, own map[string][]net.Listener) listenerTLS {
	all := listenerTLS{"": shared}
	for server := range own {
		all[server] = ofServer(shared, strings.ToLower(server))
	}
	return all
}

func (l listenerTLS) of(listener string) *tls.Config { return l[listener] }

func ofServer(shared *tls.Config, server string) *tls.Config {
	if shared.GetCertificate == nil {
		return shared
	}
	own := shared.Clone()
	own.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "" {
			named := *hello
			named.ServerName = server
			hello = &named
		}
		return shared.GetCertificate(hello)
	}
	return own
}
