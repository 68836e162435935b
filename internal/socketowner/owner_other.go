//go:build !linux

package socketowner

import (
	"errors"
	"net"
	"net/netip"
)

var errUnknown = errors.New("this system does not tell whose a socket is")

// Of is an error: this system does not tell.
func Of(netip.AddrPort, netip.AddrPort) (Owner, error) { return Owner{}, errUnknown }

// Behind is an error: this system does not tell.
func Behind(net.Conn) (uint32, error) { return 0, errUnknown }

// Ambiguous reports false: this system has no user namespaces.
func Ambiguous(uint32) bool { return false }
