//go:build linux || darwin || freebsd || netbsd || openbsd

package relay

import (
	"net"
	"runtime"
	"testing"
	"time"
)

// A connection tells what nobody has read, also while somebody waits to read it.
func TestUnread(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := NewGuarded(conn)
	if c.Unread() {
		t.Error("unread before anything was sent")
	}
	peer.Write([]byte("x"))
	for end := time.Now().Add(5 * time.Second); !c.Unread(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("not unread after it was sent")
		}
	}
	c.Read(make([]byte, 1))
	reads := make(chan error, 1)
	go func() { _, err := c.Read(make([]byte, 1)); reads <- err }()
	if c.Unread() {
		t.Error("unread after it was read")
	}
	peer.Close()
	<-reads
	if c.Unread() {
		t.Error("a peer that has hung up has moved")
	}
	if NewGuarded(nil).Unread() {
		t.Error("a connection that is no socket")
	}
}
