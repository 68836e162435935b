package stack

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/internal/statedir"
)

// byHost is the handler of the control address. It picks the API by the Host of a request
// where that is a public name of Azure, else by the path.
func (s *Stack) byHost(manager, people http.Handler) http.Handler {
	fabric, machines := s.metadata.Fabric(), http.StripPrefix(statedir.MachinePath, s.metadata.Proxied())
	byPath := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case firstSegment(r.URL.Path) == "servicefabric":
			fabric.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, statedir.MachinePath+"/"):
			machines.ServeHTTP(w, r)
		case armPath(r.URL.Path):
			manager.ServeHTTP(w, r)
		case graph.Serves(r.URL.Path):
			people.ServeHTTP(w, r)
		default:
			s.issuer.ServeHTTP(w, r)
		}
	})
	return publicnames.Handlers{Login: s.issuer, Manager: manager, Graph: people, Default: byPath}
}

// ControlURL is how the control address is reached, and the beginning of the issuer in
// tokens.
func (s *Stack) ControlURL() string {
	if s.config.ControlURL != "" {
		return s.config.ControlURL
	}
	return "https://" + s.controlLn.Addr().String()
}

// controlNames are what the certificate of the control address names besides localhost.
func (s *Stack) controlNames(string) []string {
	u, err := url.Parse(s.config.ControlURL)
	if err != nil || u.Hostname() == "" || u.Hostname() == "localhost" {
		return nil
	}
	return []string{u.Hostname()}
}

// armPath tells the API from the issuer, which share one address as they share
// nothing else: ARM's paths begin with a known word, the issuer's with a tenant.
func armPath(path string) bool {
	switch firstSegment(path) {
	case "subscriptions", "tenants", "providers", "metadata":
		return true
	}
	return false
}

// firstSegment is the first word of a path, without case.
func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return strings.ToLower(first)
}

// serveProxy answers for Azure's public names until ctx ends.
func (s *Stack) serveProxy(ctx context.Context) error {
	authority, err := publicnames.OpenAuthority(statedir.AzurePath(s.config.State))
	if err != nil {
		return err
	}
	config := authority.TLSConfig(nil)
	config.NextProtos = []string{"h2", "http/1.1"}
	proxy, err := publicnames.NewProxy(publicnames.ProxyConfig{
		TLS: config, Names: s.controlHandler, Metadata: s.metadataHandler, Log: s.log,
		Connections: s.httpPort().connections,
	})
	if err != nil {
		return err
	}
	return proxy.Serve(ctx, s.proxyLn)
}
