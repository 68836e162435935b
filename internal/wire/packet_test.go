package wire

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestPacketRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 250, 1 << 16, MaxPiece - 1, MaxPiece, MaxPiece + 1, 2 * MaxPiece} {
		payload := bytes.Repeat([]byte{0xa5}, size)
		framed := AppendPacket([]byte("before"), 254, payload)
		pieces := size/MaxPiece + 1
		if want := len("before") + size + pieces*HeaderSize; len(framed) != want {
			t.Errorf("%d bytes become %d, want %d", size, len(framed), want)
		}
		got, seq, err := ReadPacket(bytes.NewReader(framed[6:]), nil, size)
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: read %d bytes, error %v", size, len(got), err)
		}
		if want := byte(254 + pieces - 1); seq != want {
			t.Errorf("%d bytes: sequence number %d, want %d of the last piece", size, seq, want)
		}
	}
}

func TestReadPacketLeavesWhatFollows(t *testing.T) {
	r := bytes.NewReader(AppendPacket(AppendPacket(nil, 0, []byte("one")), 1, []byte("two")))
	buf := make([]byte, 64)
	for i, want := range []string{"one", "two"} {
		got, seq, err := ReadPacket(iotest.OneByteReader(r), buf, 64)
		if err != nil || string(got) != want || seq != byte(i) {
			t.Fatalf("got %q, %d, %v; want %q", got, seq, err, want)
		}
		if &got[0] != &buf[0] {
			t.Errorf("payload %q is not in the buffer given", got)
		}
	}
	if _, _, err := ReadPacket(r, buf, 64); err != io.EOF {
		t.Errorf("after the last packet: %v, want io.EOF", err)
	}
}

func TestReadPacketErrors(t *testing.T) {
	full := string(AppendPacket(nil, 0, bytes.Repeat([]byte{1}, MaxPiece)))
	for _, test := range []struct {
		name, input string
		limit       int
		want        error
	}{
		{"nothing", "", 10, io.EOF},
		{"half a header", "\x01\x00", 10, io.ErrUnexpectedEOF},
		{"header alone", "\x01\x00\x00\x00", 10, io.ErrUnexpectedEOF},
		{"half a payload", "\x04\x00\x00\x00ab", 10, io.ErrUnexpectedEOF},
		{"no second piece", full[:len(full)-HeaderSize], 1 << 25, io.ErrUnexpectedEOF},
		{"second piece out of sequence", full[:len(full)-1] + "\x05", 1 << 25, ErrMalformed},
		{"one byte too many", "\x04\x00\x00\x00abcd", 3, ErrTooLarge},
		{"too many in the second piece", full[:len(full)-HeaderSize] + "\x01\x00\x00\x01a", MaxPiece, ErrTooLarge},
		{"negative limit", "\x00\x00\x00\x00", -1, ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := ReadPacket(strings.NewReader(test.input), nil, test.limit)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// An unauthenticated peer must not choose what is allocated.
func TestReadPacketRefusesBeforeAllocating(t *testing.T) {
	buf := make([]byte, 0, 64)
	r := strings.NewReader("")
	for name, test := range map[string]struct {
		input string
		limit int
		most  uint64
	}{
		"announced beyond the limit":          {"\xff\xff\xff\x00", 64 << 10, 1 << 10},
		"announced within, but never arrived": {"\xff\xff\xff\x00", 64 << 20, 256 << 10},
	} {
		const runs = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			r.Reset(test.input)
			if _, _, err := ReadPacket(r, buf, test.limit); err == nil {
				t.Fatal("no error")
			}
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > test.most {
			t.Errorf("%s: %d bytes allocated, want at most %d", name, got, test.most)
		}
	}
}

func TestReadPacketDoesNotAllocate(t *testing.T) {
	framed := AppendPacket(nil, 0, bytes.Repeat([]byte{1}, 1000))
	buf := make([]byte, 0, 2048)
	r := bytes.NewReader(nil)
	n := testing.AllocsPerRun(100, func() {
		r.Reset(framed)
		if _, _, err := ReadPacket(r, buf, 2000); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a packet that fits the buffer, want none", n)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	_, err := ParseGreeting([]byte("\x0a8.4.0\x00\x01"))
	var malformed *MalformedError
	if !errors.As(err, &malformed) || malformed.Offset != 7 || malformed.Packet != "greeting" {
		t.Fatalf("got %#v", err)
	}
	if want := "malformed greeting at byte 7: connection id is cut short"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	_, _, err = ReadPacket(strings.NewReader("\x05\x00\x00\x00"), nil, 4)
	if want := "packet of at least 5 bytes exceeds the limit of 4"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}
