//go:build unix && !linux

package peer

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Behind returns the user whom a unix socket's path belongs to. Of TCP this system does not
// tell.
func Behind(conn net.Conn) (uint32, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, errUnknown
	}
	var s unix.Stat_t
	if err := unix.Lstat(c.RemoteAddr().String(), &s); err != nil {
		return 0, fmt.Errorf("ask whose a socket is: %w", err)
	}
	return s.Uid, nil
}
