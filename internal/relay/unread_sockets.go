//go:build linux || darwin || freebsd || netbsd || openbsd

package relay

import (
	"syscall"
)

// Unread tells whether the peer has sent something that nobody has read yet.
func (c *Guarded) Unread() (there bool) {
	under, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		there = n > 0 && err == nil
	})
	return there
}
