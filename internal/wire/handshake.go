package wire

import "encoding/binary"

// sslRequestSize is 4 (capabilities) + 4 (packet size) + 1 (character set) + 19
// (filler) + 4 (MariaDB's capabilities, else filler). A handshake response begins
// with the same fields.
const sslRequestSize = 32

// SSLRequest asks for TLS. It is the head of a handshake response, sent alone; the
// TLS handshake follows at once and the whole response inside it.
type SSLRequest struct {
	Capabilities Capability
	MaxPacket    uint32 // bytes; some clients say 0, which means nothing
	Charset      byte
}

// IsSSLRequest tells whether a client's first packet asks for TLS.
func IsSSLRequest(payload []byte) bool {
	return len(payload) == sslRequestSize &&
		Capability(binary.LittleEndian.Uint32(payload)).Has(ClientSSL|ClientProtocol41)
}

// Append appends the payload of r to dst.
func (r SSLRequest) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(r.Capabilities))
	dst = binary.LittleEndian.AppendUint32(dst, r.MaxPacket)
	dst = append(dst, r.Charset)
	dst = append(dst, make([]byte, 19)...)
	return binary.LittleEndian.AppendUint32(dst, r.Capabilities.extended())
}

// ParseSSLRequest decodes an SSLRequest payload.
func ParseSSLRequest(payload []byte) (SSLRequest, error) {
	c := &cursor{packet: "TLS request", b: payload}
	r := c.handshakeHead()
	if c.err == nil && c.left() > 0 {
		c.fail("something follows it")
	}
	if c.err == nil && !r.Capabilities.Has(ClientSSL) {
		c.off = 0
		c.fail("it does not ask for TLS")
	}
	if c.err != nil {
		return SSLRequest{}, c.err
	}
	return r, nil
}

func (c *cursor) handshakeHead() SSLRequest {
	var r SSLRequest
	r.Capabilities = Capability(c.u32("capabilities"))
	if c.err == nil && !r.Capabilities.Has(ClientProtocol41) {
		c.off = 0
		c.fail("the client speaks a protocol older than 4.1")
	}
	r.MaxPacket = c.u32("packet size")
	r.Charset = c.u8("character set")
	c.take(19, "filler")
	r.Capabilities = r.Capabilities.withExtended(c.u32("filler"))
	return r
}

// HandshakeResponse is the client's side of the handshake, HandshakeResponse41.
type HandshakeResponse struct {
	// Capabilities decide which of the fields are sent. The SSL bit says nothing
	// here: MariaDB Connector/J asks for TLS and leaves it out of what follows.
	Capabilities Capability
	MaxPacket    uint32
	Charset      byte
	User         string
	// AuthData answers the greeting's plugin; empty for no password. Its length goes
	// before it with ClientPluginAuthLenencClientData (any length) or
	// ClientSecureConnection (up to 255 bytes: Append sends none rather than a part
	// of more), and a NUL behind it with neither.
	AuthData   []byte
	Database   string      // with ClientConnectWithDB
	Plugin     string      // with ClientPluginAuth
	Attributes []Attribute // with ClientConnectAttrs
	ZstdLevel  byte        // with ClientZstdCompression
}

// Append appends the payload of r to dst.
func (r HandshakeResponse) Append(dst []byte) []byte {
	dst = SSLRequest{Capabilities: r.Capabilities, MaxPacket: r.MaxPacket, Charset: r.Charset}.Append(dst)
	dst = appendNulString(dst, r.User)
	if r.Capabilities.Has(ClientPluginAuthLenencClientData) {
		dst = appendLenBytes(dst, r.AuthData)
	} else {
		dst = appendShortAuthData(dst, r.AuthData, r.Capabilities)
	}
	if r.Capabilities.Has(ClientConnectWithDB) {
		dst = appendNulString(dst, r.Database)
	}
	if r.Capabilities.Has(ClientPluginAuth) {
		dst = appendNulString(dst, r.Plugin)
	}
	if r.Capabilities.Has(ClientConnectAttrs) {
		dst = appendAttributes(dst, r.Attributes)
	}
	if r.Capabilities.Has(ClientZstdCompression) {
		dst = append(dst, r.ZstdLevel)
	}
	return dst
}

// ParseHandshakeResponse decodes a HandshakeResponse41 payload. Fields behind the
// authentication data that the capabilities promise may be missing, as the servers
// allow.
func ParseHandshakeResponse(payload []byte) (HandshakeResponse, error) {
	c := &cursor{packet: "handshake response", b: payload}
	head := c.handshakeHead()
	r := HandshakeResponse{Capabilities: head.Capabilities, MaxPacket: head.MaxPacket, Charset: head.Charset}
	caps := r.Capabilities
	r.User = c.nulString("user name")
	if caps.Has(ClientPluginAuthLenencClientData) {
		r.AuthData = copyOf(c.lenBytes("authentication data"))
	} else {
		r.AuthData = c.shortAuthData(caps)
	}
	if caps.Has(ClientConnectWithDB) {
		r.Database = c.lastString("database")
	}
	if caps.Has(ClientPluginAuth) {
		r.Plugin = c.lastString("plugin name")
	}
	if caps.Has(ClientConnectAttrs) && c.left() > 0 {
		r.Attributes = c.attributes()
	}
	if caps.Has(ClientZstdCompression) && c.left() > 0 {
		r.ZstdLevel = c.u8("zstd level")
	}
	if c.err != nil {
		return HandshakeResponse{}, c.err
	}
	return r, nil
}

// appendShortAuthData writes authentication data without a length-encoded length.
func appendShortAuthData(dst, data []byte, caps Capability) []byte {
	if !caps.Has(ClientSecureConnection) {
		return appendNulString(dst, data)
	}
	if len(data) > 255 {
		data = nil
	}
	return append(append(dst, byte(len(data))), data...)
}

// shortAuthData reads it: the length is one plain byte, in which 0xfb to 0xff mean
// 251 to 255.
func (c *cursor) shortAuthData(caps Capability) []byte {
	if !caps.Has(ClientSecureConnection) {
		return copyOf([]byte(c.nulString("authentication data")))
	}
	n := c.u8("length of the authentication data")
	return copyOf(c.take(int(n), "authentication data"))
}

// ChangeUser is COM_CHANGE_USER: the client signs in anew on the same connection.
// The server may answer with an AuthSwitchRequest, and the exchange goes on from
// there as at the first sign-in, with sequence numbers that go on too.
type ChangeUser struct {
	User string
	// AuthData answers the plugin and nonce of the first sign-in. Its length is one
	// byte, whatever ClientPluginAuthLenencClientData says; Append sends none rather
	// than a part of more than 255 bytes.
	AuthData   []byte
	Database   string
	Charset    uint16      // collation; 0 when the client leaves it out
	Plugin     string      // with ClientPluginAuth
	Attributes []Attribute // with ClientConnectAttrs
}

// Append appends the payload of u, command byte included, to dst.
func (u ChangeUser) Append(dst []byte, caps Capability) []byte {
	dst = appendNulString(append(dst, byte(ComChangeUser)), u.User)
	dst = appendShortAuthData(dst, u.AuthData, caps)
	dst = appendNulString(dst, u.Database)
	dst = binary.LittleEndian.AppendUint16(dst, u.Charset)
	if caps.Has(ClientPluginAuth) {
		dst = appendNulString(dst, u.Plugin)
	}
	if caps.Has(ClientConnectAttrs) {
		dst = appendAttributes(dst, u.Attributes)
	}
	return dst
}

// ParseChangeUser decodes a COM_CHANGE_USER payload, command byte included. The
// fields behind the database may be missing.
func ParseChangeUser(payload []byte, caps Capability) (ChangeUser, error) {
	c := &cursor{packet: "COM_CHANGE_USER", b: payload}
	c.header(byte(ComChangeUser))
	var u ChangeUser
	u.User = c.nulString("user name")
	u.AuthData = c.shortAuthData(caps)
	u.Database = c.lastString("database")
	if c.left() > 0 {
		u.Charset = c.u16("character set")
	}
	if caps.Has(ClientPluginAuth) {
		u.Plugin = c.lastString("plugin name")
	}
	if caps.Has(ClientConnectAttrs) && c.left() > 0 {
		u.Attributes = c.attributes()
	}
	if c.err != nil {
		return ChangeUser{}, c.err
	}
	return u, nil
}

// Attribute is what a client says about itself: _client_name, _pid, program_name …
// Nothing of it is proven.
type Attribute struct {
	Key, Value string
}

func appendAttributes(dst []byte, attrs []Attribute) []byte {
	size := 0
	for _, a := range attrs {
		size += lenStringSize(a.Key) + lenStringSize(a.Value)
	}
	dst = appendLenenc(dst, uint64(size))
	for _, a := range attrs {
		dst = appendLenBytes(appendLenBytes(dst, a.Key), a.Value)
	}
	return dst
}

func lenStringSize(s string) int {
	var b [9]byte
	return len(appendLenenc(b[:0], uint64(len(s)))) + len(s)
}

// attributes reads a block of attributes, nil when it is empty. Their strings share
// one copy of the block, so that many tiny ones cost one allocation.
func (c *cursor) attributes() []Attribute {
	start := c.off
	block := c.lenBytes("connection attributes")
	in := &cursor{packet: c.packet, b: block}
	text := string(block)
	field := func(what string) string {
		b := in.lenBytes(what)
		return text[in.off-len(b) : in.off]
	}
	var attrs []Attribute
	for in.err == nil && in.left() > 0 {
		key := field("attribute name")
		value := field("attribute value")
		attrs = append(attrs, Attribute{Key: key, Value: value})
	}
	if in.err != nil && c.err == nil {
		c.off = start
		c.fail("connection attributes do not fill their block")
	}
	return attrs
}
