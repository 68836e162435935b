package relay

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// The kernel gives up a peer that has vanished before its own quarter of an hour.
func TestVanishedPeersAreGivenUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	NewGuarded(conn).Guard(time.Minute)
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	option := func(level, name int) (value int) {
		raw.Control(func(fd uintptr) { value, _ = syscall.GetsockoptInt(int(fd), level, name) })
		return value
	}
	if got := option(syscall.IPPROTO_TCP, tcpUserTimeout); got != 120000 {
		t.Errorf("TCP_USER_TIMEOUT is %d ms", got)
	}
	if option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) != 1 {
		t.Error("keepalive is off")
	}
}
