package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/internal/ca"
	"github.com/midas-mysql/midas/internal/publicnames"
)

// machinePath is where the metadata endpoint is at the control address, for vm run: over
// TLS, a machine's secret reaches no other process that has taken the port.
const machinePath = "/machine"

// byHost is the control address: requests that came by a public name of Azure go to
// whoever answers for it, others are told apart by their path.
func (s *stack) byHost(manager, people http.Handler) http.Handler {
	fabric, machines := s.metadata.Fabric(), http.StripPrefix(machinePath, s.metadata.Proxied())
	byPath := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case firstSegment(r.URL.Path) == "servicefabric":
			fabric.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, machinePath+"/"):
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

// controlURL is how the control address is reached, and the beginning of the issuer in
// tokens.
func (s *stack) controlURL() string {
	if s.ControlURL != "" {
		return s.ControlURL
	}
	return "https://" + s.controlLn.Addr().String()
}

// controlNames are what the certificate of the control address names besides localhost.
func (s *stack) controlNames(string) []string {
	u, err := url.Parse(s.ControlURL)
	if err != nil || u.Hostname() == "" || u.Hostname() == "localhost" {
		return nil
	}
	return []string{u.Hostname()}
}

// checkControlURL refuses what no client could sign in at.
func checkControlURL(address, control string) (string, error) {
	host, _, err := net.SplitHostPort(control)
	if ip := net.ParseIP(host); address == "" && err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return "", usagef("--control %s is every address of this machine: by which name or address is it reached?", control).
			WithHint("say so with --control-url https://NAME:PORT; tokens name it as their issuer")
	}
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", usagef("--control-url %q is not https://NAME:PORT", address)
	}
	return "https://" + strings.ToLower(u.Host), nil
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
		Connections: s.httpPort().connections,
	})
	if err != nil {
		return err
	}
	return proxy.Serve(ctx, s.proxyLn)
}
