package main

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/usage"
)

// checkAddresses refuses what nothing can listen on, before the state is touched.
func checkAddresses(cfg stack.Config) error {
	for _, a := range []struct {
		flag, address   string
		optional, plain bool
	}{
		{flag: "control", address: cfg.Control},
		{flag: "metadata", address: cfg.Metadata, plain: true},
		{flag: "mysql", address: cfg.MySQL},
		{flag: "ops", address: cfg.Ops, optional: true, plain: true},
		{flag: "proxy", address: cfg.Proxy, optional: true, plain: true},
	} {
		if a.address == "" && a.optional {
			continue
		}
		host, port, err := net.SplitHostPort(a.address)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return usage.Errorf("--%s %q: %v", a.flag, a.address, err).WithHint("an address is host:port, such as 127.0.0.1:7169")
		}
		if !a.plain {
			continue
		}
		if err := requireLoopback(a.flag, host, a.address); err != nil {
			return err
		}
	}
	return nil
}

// requireLoopback refuses an address that others can reach for what is served there
// in plain text: the metadata endpoint answers with tokens.
func requireLoopback(flag, host, address string) error {
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return usage.Errorf("--%s %s is plain text and would be reachable from outside this machine", flag, address).
			WithHint("use a loopback address, such as 127.0.0.1:7169")
	}
	return nil
}

// checkControlURL refuses what no client could sign in at.
func checkControlURL(address, control string) (string, error) {
	host, _, err := net.SplitHostPort(control)
	if ip := net.ParseIP(host); address == "" && err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return "", usage.Errorf("--control %s is every address of this machine: by which name or address is it reached?", control).
			WithHint("say so with --control-url https://NAME:PORT; tokens name it as their issuer")
	}
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", usage.Errorf("--control-url %q is not https://NAME:PORT", address)
	}
	return "https://" + strings.ToLower(u.Host), nil
}

// checkCertificate refuses half of a certificate.
func checkCertificate(cfg stack.Config) error {
	switch {
	case cfg.TLSKey == "" && cfg.TLSCert != "":
		return usage.Errorf("--tls-cert %s has no key", cfg.TLSCert).WithHint("name it with --tls-key")
	case cfg.TLSCert == "" && cfg.TLSKey != "":
		return usage.Errorf("--tls-key %s has no certificate", cfg.TLSKey).WithHint("name it with --tls-cert")
	}
	return nil
}
