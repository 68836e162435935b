// Package sender owns who counts as one where limits are set on each: how far addresses
// can be told from those that the same party may choose among.
//
// It never sets a limit, and knows no product.
package sender

import (
	"net"
	"net/netip"
)

// Sender is whoever sends, as far as addresses tell. The zero Sender is this machine: each
// of its programs may choose any address of 127.0.0.0/8 for each connection, so all of
// them are one.
type Sender struct {
	// Subscriber is an address, or the part of an IPv6 network that one subscriber has.
	Subscriber netip.Prefix
	// Network is the part of an IPv6 network that one customer of a provider may have
	// (RFC 6177). It is invalid for IPv4, where addresses are dear.
	Network netip.Prefix
}

// Of returns the sender at an address. One that is none (of a Unix socket, say) is of this
// machine.
func Of(a netip.Addr) Sender {
	a = a.Unmap()
	switch {
	case !a.IsValid(), a.IsLoopback():
		return Sender{}
	case a.Is6():
		return Sender{Subscriber(a), prefix(a, 48)}
	}
	return Sender{Subscriber: Subscriber(a)}
}

// OfConn returns the sender at the other end of a connection. This machine is itself by any
// of its addresses.
func OfConn(conn net.Conn) Sender {
	remote, local := addressOf(conn.RemoteAddr()), addressOf(conn.LocalAddr())
	if remote == local {
		return Sender{}
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

// Parse is Of an address as text, with a port or without.
func Parse(remote string) Sender {
	if at, err := netip.ParseAddrPort(remote); err == nil {
		return Of(at.Addr())
	}
	a, _ := netip.ParseAddr(remote)
	return Of(a)
}

// Subscriber is what one subscriber has of the network that an address is in. Of this
// machine, it is the address.
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

// Party is what takes turns with other senders: one customer of a provider where networks
// tell them apart, else the subscriber.
func (s Sender) Party() netip.Prefix {
	if s.Network.IsValid() {
		return s.Network
	}
	return s.Subscriber
}

// Local reports whether the sender is this machine.
func (s Sender) Local() bool { return s == Sender{} }

// String is how logs name the sender.
func (s Sender) String() string {
	switch {
	case s.Local():
		return "loopback"
	case s.Subscriber.IsSingleIP():
		return s.Subscriber.Addr().String()
	}
	return s.Subscriber.String()
}
