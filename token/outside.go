package token

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// OutsideConfig says which addresses an issuer that somebody else named may be fetched
// from.
type OutsideConfig struct {
	// Allow are addresses outside the public internet that may be asked all the same.
	Allow []netip.Prefix
	// RootCAs are believed in place of the system's; nil for the system's.
	RootCAs *x509.CertPool
}

// special are the addresses that are not on the public internet and that netip has no
// word for; and those through which an IPv4 address is reached under another name.
// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries; 168.63.129.16 is the
// host of an Azure machine.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	"::ffff:0:0:0/96", "100:0:0:1::/64", "2620:4f:8000::/48", "3fff::/20", "5f00::/16",
)

func prefixes(text ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(text))
	for i, t := range text {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

// NewOutsideClient returns a client for addresses that strangers had a part in naming.
// It reaches the public internet alone: no loopback, private, link-local or metadata
// address unless cfg allows it. That is decided when the connection is made, by the
// address that the name was resolved to, so that a name which resolves to something else
// the second time gains nothing. It uses no proxy, for that would resolve the name again.
func NewOutsideClient(cfg OutsideConfig) *http.Client {
	allow := slices.Clone(cfg.Allow)
	dialer := &net.Dialer{
		Timeout: fetchTimeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return outside(address, allow)
		},
	}
	return &http.Client{Transport: &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    1,
	}}
}

// outside refuses an address that is not on the public internet and not allowed.
func outside(address string, allow []netip.Prefix) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q is no IP address", address)
	}
	ip := at.Addr().Unmap().WithZone("")
	within := func(p netip.Prefix) bool { return p.Contains(ip) }
	if slices.ContainsFunc(allow, func(p netip.Prefix) bool { return within(unmapped(p)) }) {
		return nil
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(special, within) {
		return fmt.Errorf("address %s is not on the public internet, and not among those that may be asked for keys", ip)
	}
	return nil
}

// unmapped is an IPv4 network under its own name, as addresses are compared.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
