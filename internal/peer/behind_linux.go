package peer

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Behind returns the user of the process that accepted conn, which this process dialled:
// over a unix socket, or over TCP within this machine. Over TCP it first waits for the
// other end's first byte, which it leaves to be read: before a process has accepted the
// connection, its socket has no owner. A deadline of conn bounds the wait.
func Behind(conn net.Conn) (uint32, error) {
	switch c := conn.(type) {
	case *net.UnixConn:
		return unixPeer(c)
	case *net.TCPConn:
		if err := awaitFirstByte(c); err != nil {
			return 0, err
		}
		o, err := Of(c.RemoteAddr().(*net.TCPAddr).AddrPort(), c.LocalAddr().(*net.TCPAddr).AddrPort())
		return o.UserID, err
	}
	return 0, fmt.Errorf("a %T has no owner", conn)
}

func unixPeer(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *unix.Ucred
	failed := raw.Control(func(fd uintptr) {
		credentials, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(failed, err); err != nil {
		return 0, fmt.Errorf("ask the kernel for a socket's user: %w", err)
	}
	return credentials.Uid, nil
}

func awaitFirstByte(c *net.TCPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	n := 0
	failed := raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return fmt.Errorf("wait for a greeting: %w", err)
	case n == 0:
		return errors.New("the connection was closed without a greeting")
	}
	return nil
}
