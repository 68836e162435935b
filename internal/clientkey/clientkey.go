// Package clientkey owns the rate-limit key of a client's address: which addresses one party
// may choose among, and so must share one limit.
//
// It never sets a limit, and knows no product.
package clientkey

import (
	"net"
	"net/netip"
)

// Key is the rate-limit key of one client. The zero Key is this machine: each of its
// programs may choose any address of 127.0.0.0/8 for each connection, so all of them share
// one limit.
type Key struct {
	// Subscriber is an address, or the part of an IPv6 network that one subscriber has.
	Subscriber netip.Prefix
	// Network is the part of an IPv6 network that one customer of a provider may have
	// (RFC 6177). It is invalid for IPv4, where addresses are dear.
	Network netip.Prefix
}

// Of returns the key of an address. An invalid address (that of a Unix socket, say) has the
// key of this machine.
func Of(a netip.Addr) Key {
	a = a.Unmap()
	switch {
	case !a.IsValid(), a.IsLoopback():
		return Key{}
	case a.Is6():
		return Key{Subscriber(a), prefix(a, 48)}
	}
	return Key{Subscriber: Subscriber(a)}
}

// OfConn returns the key of the other end of a connection. A connection from one of this
// machine's own addresses to the same address has the key of this machine.
func OfConn(conn net.Conn) Key {
	remote, local := addressOf(conn.RemoteAddr()), addressOf(conn.LocalAddr())
	if remote == local {
		return Key{}
	}
	return Of(remote)
}

func addressOf(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{} // of a Unix socket, say
	}
	return at.Addr().Unmap().WithZone("")
}

// Parse returns the key of an address that is written with a port or without.
func Parse(remote string) Key {
	if at, err := netip.ParseAddrPort(remote); err == nil {
		return Of(at.Addr())
	}
	a, _ := netip.ParseAddr(remote)
	return Of(a)
}

// Subscriber returns the network that one subscriber has around an address: a /64 of IPv6,
// the address alone of IPv4 and of loopback.
func Subscriber(a netip.Addr) netip.Prefix {
	if a = a.Unmap(); a.Is6() && !a.IsLoopback() {
		return prefix(a, 64)
	}
	return prefix(a, a.BitLen())
}

func prefix(a netip.Addr, bits int) netip.Prefix {
	p, _ := a.WithZone("").Prefix(bits) // of an invalid address, an invalid one
	return p
}

// Party returns the network that takes turns with others as a whole: that of a provider's
// customer for IPv6, the subscriber's for IPv4.
func (k Key) Party() netip.Prefix {
	if k.Network.IsValid() {
		return k.Network
	}
	return k.Subscriber
}

// Local reports whether the client is on this machine.
func (k Key) Local() bool { return k == Key{} }

// String returns the key as logs show it.
func (k Key) String() string {
	switch {
	case k.Local():
		return "loopback"
	case k.Subscriber.IsSingleIP():
		return k.Subscriber.Addr().String()
	}
	return k.Subscriber.String()
}
