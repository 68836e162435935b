//go:build gms_pure_go

package embedded

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

func TestPipeIsAConnection(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		a, b := newPipe("host")
		return a, b, func() { a.Close(); b.Close() }, nil
	})
}

func TestPipeHasRoom(t *testing.T) {
	a, b := newPipe("host")
	defer a.Close()
	defer b.Close()
	want := bytes.Repeat([]byte("0123456789abcdef"), pipeRoom/16)
	if n, err := a.Write(want); n != pipeRoom || err != nil { // nobody reads
		t.Fatalf("wrote %d, %v", n, err)
	}
	a.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := a.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d beyond the room, %v", n, err)
	}
	got := make([]byte, pipeRoom)
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read something else, %v", err)
	}
}

func TestPipeClosesOneWay(t *testing.T) {
	a, b := newPipe("host")
	defer b.Close()
	a.Write([]byte("question"))
	a.CloseWrite()
	if _, err := a.Write([]byte("more")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("wrote after CloseWrite: %v", err)
	}
	if question, err := io.ReadAll(b); err != nil || string(question) != "question" {
		t.Errorf("read %q, %v", question, err)
	}
	select {
	case <-b.peer.closed:
		t.Error("closed, and not only one way")
	case <-b.peer.ended:
	}
	b.Write([]byte("answer"))
	b.Close()
	if answer, err := io.ReadAll(a); err != nil || string(answer) != "answer" {
		t.Errorf("read %q, %v", answer, err)
	}
	a.Close()
	a.Close()
	if _, err := a.Read(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}
