package wire

import "bytes"

// Names of the authentication plugins.
const (
	PluginNative      = "mysql_native_password"
	PluginCachingSHA2 = "caching_sha2_password"
	PluginClear       = "mysql_clear_password"
	PluginOld         = "mysql_old_password" // before 4.1; never use it
)

// What caching_sha2_password says in one byte. The server's go in an AuthMoreData;
// the client's is a packet of its own.
const (
	CachingSHA2RequestPublicKey byte = 0x02 // client: send me your RSA key
	CachingSHA2FastAuthOK       byte = 0x03 // server: the scramble was right, OK follows
	CachingSHA2FullAuth         byte = 0x04 // server: send the password (in TLS, or encrypted)
)

const (
	headerAuthMoreData = 0x01
	headerAuthSwitch   = 0xfe
)

// AuthSwitchRequest tells the client to sign in with another plugin. The answer is a
// packet of that plugin's bytes alone.
type AuthSwitchRequest struct {
	// Plugin is PluginOld for the one-byte request of servers before 5.5, which has
	// no data and goes by the greeting's.
	Plugin string
	// Data is the plugin's, as sent: for the scrambling plugins a nonce of 20 bytes
	// and a NUL. Some clients take nothing but 21 bytes or none.
	Data []byte
}

// Append appends the payload of r to dst.
func (r AuthSwitchRequest) Append(dst []byte) []byte {
	dst = append(dst, headerAuthSwitch)
	if r.Plugin == PluginOld && len(r.Data) == 0 {
		return dst
	}
	return append(appendNulString(dst, r.Plugin), r.Data...)
}

// ParseAuthSwitchRequest decodes an AuthSwitchRequest payload, new or old.
func ParseAuthSwitchRequest(payload []byte) (AuthSwitchRequest, error) {
	c := &cursor{packet: "authentication switch request", b: payload}
	c.header(headerAuthSwitch)
	if c.err == nil && c.left() == 0 {
		return AuthSwitchRequest{Plugin: PluginOld}, nil
	}
	r := AuthSwitchRequest{Plugin: c.nulString("plugin name"), Data: copyOf(c.rest())}
	if c.err != nil {
		return AuthSwitchRequest{}, c.err
	}
	return r, nil
}

// AuthMoreData carries a plugin's further bytes from the server.
type AuthMoreData struct {
	Data []byte
}

// Append appends the payload of d to dst.
func (d AuthMoreData) Append(dst []byte) []byte {
	return append(append(dst, headerAuthMoreData), d.Data...)
}

// ParseAuthMoreData decodes an AuthMoreData payload.
func ParseAuthMoreData(payload []byte) (AuthMoreData, error) {
	c := &cursor{packet: "authentication data", b: payload}
	c.header(headerAuthMoreData)
	d := AuthMoreData{Data: copyOf(c.rest())}
	return d, c.err
}

// IsAuthSwitch reports whether payload, an answer to a handshake response, is an
// AuthSwitchRequest. See also IsAuthMoreData, IsOK and IsERR.
func IsAuthSwitch(payload []byte) bool { return begins(payload, headerAuthSwitch) }

// IsAuthMoreData reports whether payload is an AuthMoreData packet.
func IsAuthMoreData(payload []byte) bool { return begins(payload, headerAuthMoreData) }

func begins(payload []byte, header byte) bool { return len(payload) > 0 && payload[0] == header }

// copyOf is bytes.Clone but nil for nothing, so that equal messages compare equal.
func copyOf(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

// CutToken returns what a client sent as a clear password without the NUL behind it.
// Exactly one is cut: most clients send one, MySql.Data and older PHP none, and
// nothing else may be taken off a credential.
func CutToken(payload []byte) []byte {
	if n := len(payload); n > 0 && payload[n-1] == 0 {
		return payload[: n-1 : n-1]
	}
	return payload
}
