package gateway

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestStreamForwardsEveryByteInOrder(t *testing.T) {
	sizes := []int{0, 1, 4, restingBuffer - 1, restingBuffer, restingBuffer + 1, largeBuffer, 3*largeBuffer + 5}
	readers := map[string]func(io.Reader) io.Reader{
		"whole":  func(r io.Reader) io.Reader { return r },
		"halves": iotest.HalfReader,
		"bytes":  iotest.OneByteReader,
		"eof":    iotest.DataErrReader,
	}
	for name, wrap := range readers {
		for _, size := range sizes {
			want := noise(size + 10)
			var got bytes.Buffer
			s := newStream(wrap(bytes.NewReader(want)), &got)
			head, err := s.peek(10)
			if err != nil || !bytes.Equal(head, want[:10]) {
				t.Fatalf("%s %d: peek %x, %v", name, size, head, err)
			}
			if err := s.forward(size + 10); err != nil {
				t.Fatalf("%s %d: %v", name, size, err)
			}
			if err := s.flush(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s %d: the backend got other bytes", name, size)
			}
			if _, err := s.peek(1); !errors.Is(err, io.EOF) {
				t.Errorf("%s %d: at the end: %v", name, size, err)
			}
		}
	}
}

func TestStreamReadTakesBytesOutAndKeepsOrder(t *testing.T) {
	var got bytes.Buffer
	s := newStream(bytes.NewReader([]byte("beforeTAKENafter")), &got)
	s.forward(6)
	taken := make([]byte, 5)
	if _, err := io.ReadFull(s, taken); err != nil || string(taken) != "TAKEN" {
		t.Fatalf("took %q, %v", taken, err)
	}
	if got.String() != "before" {
		t.Fatalf("before the answer to what was taken, the backend must have %q, has %q", "before", &got)
	}
	s.forward(5)
	s.flush()
	if got.String() != "beforeafter" {
		t.Fatalf("the backend got %q", &got)
	}
}

func TestStreamTellsACutPacketFromAnEnd(t *testing.T) {
	for _, n := range []int{20, 2 * largeBuffer} {
		s := newStream(bytes.NewReader(noise(10)), io.Discard)
		if err := s.forward(n); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes of 10: %v", n, err)
		}
	}
}
