package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/internal/ca"
	"github.com/midas-mysql/midas/internal/publicnames"
)

// byHost is the control address: requests that came by a public name of Azure go to
// whoever answers for it, others are told apart by their path.
func (s *stack) byHost(manager, people http.Handler) http.Handler {
	fabric := s.metadata.Fabric()
	byPath := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case firstSegment(r.URL.Path) == "servicefabric":
			fabric.ServeHTTP(w, r)
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

// azureAuthority opens the authority for Azure's public names, which only the proxy and
// vm run use, and only their clients are told to trust. It is not the one of the gateway
// and the control address: people may have made their machine trust that.
func azureAuthority(stateDir string) (*ca.CA, error) {
	return ca.Open(ca.Config{Dir: filepath.Join(stateDir, "ca-azure"), Only: publicnames.All()})
}

// serveProxy answers for Azure's public names until ctx ends.
func (s *stack) serveProxy(ctx context.Context) error {
	authority, err := azureAuthority(s.State)
	if err != nil {
		return err
	}
	config := authority.TLSConfig(nil)
	config.NextProtos = []string{"h2", "http/1.1"}
	proxy, err := publicnames.NewProxy(publicnames.ProxyConfig{
		TLS: config, Names: s.controlHandler, Metadata: s.metadataHandler, Log: s.Log,
	})
	if err != nil {
		return err
	}
	return proxy.Serve(ctx, s.proxyLn)
}
