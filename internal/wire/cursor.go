package wire

import (
	"bytes"
	"encoding/binary"
)

// cursor reads a payload from front to back. The first field that does not fit
// makes it fail for good: later reads return zero values, so that a decoder can be
// written straight down and ask for the error once.
type cursor struct {
	packet string // for the error
	b      []byte
	off    int
	err    error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = &MalformedError{Packet: c.packet, What: what, Offset: c.off}
		c.off = len(c.b)
	}
}

func (c *cursor) left() int { return len(c.b) - c.off }

// take returns the next n bytes, capped, so that nobody can append into what follows.
func (c *cursor) take(n int, what string) []byte {
	if n > c.left() {
		c.fail(what + " is cut short")
	}
	if c.err != nil {
		return nil
	}
	b := c.b[c.off : c.off+n : c.off+n]
	c.off += n
	return b
}

func (c *cursor) rest() []byte { return c.take(c.left(), "rest") }

func (c *cursor) u8(what string) byte {
	if b := c.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16(what string) uint16 {
	if b := c.take(2, what); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32(what string) uint32 {
	if b := c.take(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// header consumes the first byte of the payload, which must be want.
func (c *cursor) header(want byte) {
	if c.left() == 0 || c.b[c.off] != want {
		c.fail("it begins with another byte")
		return
	}
	c.off++
}

// lenenc reads a length-encoded integer. The first bytes 0xfb (NULL) and 0xff (an
// error packet) are no integers.
func (c *cursor) lenenc(what string) uint64 {
	var n int
	switch first := c.u8(what); first {
	case 0xfb, 0xff:
		c.off--
		c.fail(what + " is no length-encoded integer")
		return 0
	case 0xfc:
		n = 2
	case 0xfd:
		n = 3
	case 0xfe:
		n = 8
	default:
		return uint64(first)
	}
	var wide [8]byte
	copy(wide[:], c.take(n, what))
	return binary.LittleEndian.Uint64(wide[:])
}

// lenBytes reads a length-encoded string.
func (c *cursor) lenBytes(what string) []byte {
	n := c.lenenc(what)
	// Compared as uint64: an announced length of 2^63 must not turn negative.
	if n > uint64(c.left()) {
		c.fail(what + " is longer than the packet")
		return nil
	}
	return c.take(int(n), what)
}

// nulString reads up to a NUL, and past it.
func (c *cursor) nulString(what string) string {
	i := bytes.IndexByte(c.b[c.off:], 0)
	if i < 0 {
		c.fail(what + " has no end")
		return ""
	}
	s := c.take(i, what)
	c.off++
	return string(s)
}

// lastString reads like nulString but also takes the end of the packet for an end,
// as servers do for fields that clients leave unterminated or leave out.
func (c *cursor) lastString(what string) string {
	if bytes.IndexByte(c.b[c.off:], 0) < 0 {
		return string(c.rest())
	}
	return c.nulString(what)
}

func appendLenenc(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfb:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), n)
}

func appendLenBytes[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(appendLenenc(dst, uint64(len(s))), s...)
}

// appendNulString ends s at its first NUL: a NUL inside would let a name inject the
// fields that follow it.
func appendNulString[T ~string | ~[]byte](dst []byte, s T) []byte {
	for i := range len(s) {
		if s[i] == 0 {
			return append(dst, s[:i+1]...)
		}
	}
	return append(append(dst, s...), 0)
}
