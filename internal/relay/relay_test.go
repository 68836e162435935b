package relay

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tcpPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestCopyKeepsEveryByteAcrossBufferSizes(t *testing.T) {
	for _, size := range []int{0, 1, idleSize - 1, idleSize, idleSize + 1, busySize, 3*busySize + 17} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		var got bytes.Buffer
		n, err := Copy(&got, bytes.NewReader(want))
		if err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("size %d: copied %d, equal %v, err %v", size, n, bytes.Equal(got.Bytes(), want), err)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestCopyReportsTheWritersFailure(t *testing.T) {
	want := errors.New("peer gone")
	if _, err := Copy(failingWriter{want}, bytes.NewReader(make([]byte, 10))); !errors.Is(err, want) {
		t.Fatalf("got %v", err)
	}
}

func TestJoinPassesHalfCloseOn(t *testing.T) {
	client, a := tcpPair(t)
	b, server := tcpPair(t)
	done := make(chan error, 1)
	go func() { done <- Join(a, b) }()

	if _, err := client.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	client.(*net.TCPConn).CloseWrite()
	question, err := io.ReadAll(server) // returns only if the half-close arrives
	if err != nil || string(question) != "question" {
		t.Fatalf("server read %q, %v", question, err)
	}
	server.Write([]byte("answer"))
	server.Close()
	answer, err := io.ReadAll(client)
	if err != nil || string(answer) != "answer" {
		t.Fatalf("client read %q, %v", answer, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestJoinEndsWhenOneSideBreaks(t *testing.T) {
	client, a := tcpPair(t)
	b, server := tcpPair(t)
	done := make(chan error, 1)
	go func() { done <- Join(a, b) }()
	server.(*net.TCPConn).SetLinger(0)
	server.Close() // reset
	if _, err := io.ReadAll(client); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("client saw %v", err)
	}
	<-done
}

func BenchmarkCopy(b *testing.B) {
	src := make([]byte, 1<<20)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Copy(io.Discard, struct{ io.Reader }{bytes.NewReader(src)})
	}
}
