package wire

import (
	"bytes"
	"encoding/binary"
)

const (
	protocolVersion = 10
	authDataPart1   = 8
	// minAuthDataPart2 holds the NUL that ends the second part.
	minAuthDataPart2 = 13
	// MaxGreetingAuthData is the most that a greeting can carry: its length byte
	// also counts a final NUL.
	MaxGreetingAuthData = 254
)

// Greeting is the server's first packet, HandshakeV10. An ERR packet may come in its
// place (too many connections, host blocked): see IsERR.
type Greeting struct {
	// Version as the server tells it. MariaDB before 11 puts "5.5.5-" in front, which
	// is kept, as it is what replication clients of old look for.
	Version      string
	ConnectionID uint32
	// AuthData is the nonce, without the NUL that ends it on the wire: 20 bytes from
	// each server of today. With ClientSecureConnection it has at least 20 bytes (and
	// exactly 20 without ClientPluginAuth), else 8; Append pads with zeros.
	AuthData     []byte
	Capabilities Capability
	Charset      byte // low byte of the collation's number
	Status       Status
	Plugin       string // with ClientPluginAuth
}

// Append appends the payload of g to dst.
func (g Greeting) Append(dst []byte) []byte {
	data := g.AuthData[:min(len(g.AuthData), MaxGreetingAuthData)]
	if want := NonceSize; len(data) < want {
		data = append(make([]byte, 0, want), data...)[:want]
	}
	dst = appendNulString(append(dst, protocolVersion), g.Version)
	dst = binary.LittleEndian.AppendUint32(dst, g.ConnectionID)
	dst = append(append(dst, data[:authDataPart1]...), 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Capabilities))
	dst = append(dst, g.Charset)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Status))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Capabilities>>16))
	if g.Capabilities.Has(ClientPluginAuth) {
		dst = append(dst, byte(len(data)+1))
	} else {
		dst = append(dst, 0)
		data = data[:NonceSize]
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, g.Capabilities.extended())
	if g.Capabilities.Has(ClientSecureConnection) {
		dst = append(append(dst, data[authDataPart1:]...), 0)
	}
	if g.Capabilities.Has(ClientPluginAuth) {
		dst = appendNulString(dst, g.Plugin)
	}
	return dst
}

// ParseGreeting decodes a HandshakeV10 payload.
func ParseGreeting(payload []byte) (Greeting, error) {
	c := &cursor{packet: "greeting", b: payload}
	c.header(protocolVersion)
	var g Greeting
	g.Version = c.nulString("server version")
	g.ConnectionID = c.u32("connection id")
	data := bytes.Clone(c.take(authDataPart1, "authentication data"))
	c.take(1, "filler")
	low := c.u16("capabilities")
	g.Charset = c.u8("character set")
	g.Status = Status(c.u16("status"))
	g.Capabilities = Capability(low) | Capability(c.u16("capabilities"))<<16
	size := int(c.u8("length of the authentication data"))
	c.take(6, "filler")
	g.Capabilities = g.Capabilities.withExtended(c.u32("filler"))
	if g.Capabilities.Has(ClientSecureConnection) {
		if !g.Capabilities.Has(ClientPluginAuth) {
			size = 0
		}
		data = append(data, c.authDataPart2(size)...)
		if size == 0 {
			// Nothing tells a longer nonce from the byte after a usual one.
			data = data[:min(len(data), NonceSize)]
		}
	}
	g.AuthData = data[:min(len(data), MaxGreetingAuthData)]
	if g.Capabilities.Has(ClientPluginAuth) {
		// Servers before 5.5.10 and 5.6.2 left the NUL out.
		g.Plugin = c.lastString("plugin name")
	}
	if c.err != nil {
		return Greeting{}, c.err
	}
	return g, nil
}

// authDataPart2 reads the second part, whose length is max(13, size-8), and cuts the
// NUL that ends it. A packet may end before the NUL.
func (c *cursor) authDataPart2(size int) []byte {
	n := max(minAuthDataPart2, size-authDataPart1)
	if c.left() == minAuthDataPart2-1 {
		n = c.left()
	}
	b := c.take(n, "authentication data")
	if len(b) >= minAuthDataPart2 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
