package main

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/usage"
)

// checkAddresses refuses what nothing can listen on, before the state is touched.
func checkAddresses(cfg stack.Config, remote remoteFlags) error {
	for _, a := range []struct {
		flag, address   string
		optional, plain bool
		hint            string // of a plain one
	}{
		{flag: "control", address: cfg.Control},
		{flag: "metadata", address: cfg.Metadata, plain: !remote.metadata, hint: "use a loopback address, such as 127.0.0.1:7169; or, if all who reach that network may have the tokens of the machines there, --insecure-remote-metadata"},
		{flag: "mysql", address: cfg.MySQL},
		{flag: "ops", address: cfg.Ops, optional: true, plain: !remote.ops && remote.opsTokenFile == "", hint: "use a loopback address, such as 127.0.0.1:7090; serve it over TLS to those who have a token, with --ops-token-file; or, if all who reach it may read it, --insecure-remote-ops"},
		{flag: "proxy", address: cfg.Proxy, optional: true, plain: true, hint: "use a loopback address, such as 127.0.0.1:7080"},
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
		if err := requireLoopback(a.flag, host, a.address, a.hint); err != nil {
			return err
		}
	}
	return nil
}

// requireLoopback refuses an address that others can reach for what is served there
// in plain text: the metadata endpoint answers with tokens.
func requireLoopback(flag, host, address, hint string) error {
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return usage.Errorf("--%s %s is plain text and would be reachable from outside this machine", flag, address).
			WithHint("%s", hint)
	}
	return nil
}

// remoteFlags say what may be served in plain text beyond this machine.
type remoteFlags struct {
	metadata, ops bool
	opsTokenFile  string
}

func (r *remoteFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&r.metadata, "insecure-remote-metadata", false, "allow a network address for --metadata: tokens then travel in plain text, to any machine there that has the address of a VM")
	flags.BoolVar(&r.ops, "insecure-remote-ops", false, "allow a network address for --ops: all who reach it can then read, in plain text, the numbers of sign-ins and sessions and whether midas is ready")
	flags.StringVar(&r.opsTokenFile, "ops-token-file", "", "serve --ops over TLS, and only to clients that send the token in this file (Authorization: Bearer TOKEN); only you may read the file")
}

// opsToken is what the file holds, "" without one.
func (r *remoteFlags) opsToken() (string, error) {
	if r.opsTokenFile == "" {
		return "", nil
	}
	token, err := readSecret(r.opsTokenFile, "the token for --ops")
	if err == nil && len(token) < shortestToken {
		err = midas.Errorf(midas.Invalid, "the token in %s has %d characters: it could be guessed", r.opsTokenFile, len(token)).
			WithHint("make one: openssl rand -hex 32")
	}
	return token, err
}

// shortestToken is the least that a random token of 128 bits has.
const shortestToken = 22

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
