//go:build !unix

package peer

import "net"

// Behind is an error: this system does not tell.
func Behind(net.Conn) (uint32, error) { return 0, errUnknown }
