package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
)

// hop is the way from a client to the backend of its server.
type hop struct {
	client  *client
	server  midas.Server
	backend backend
}

// unreachable is the error of a backend that fails.
func (h hop) unreachable(err error) error {
	return unreachable(h.client.refusals, h.server.Name, err)
}

// credentials are what the gateway signs in to the backend with. They never leave it.
type credentials struct{ user, secret string }

// pluginSHA256 is not signed in with: caching_sha2_password took its place.
const pluginSHA256 = "sha256_password"

// otherPlugin says that the account is to prove itself by a plugin that none of midas's
// accounts has.
type otherPlugin struct{ user, plugin string }

func (o *otherPlugin) Error() string {
	return fmt.Sprintf("the database asks user '%s' for plugin '%s', which midas does not sign in with", o.user, o.plugin)
}

// login is one sign-in to the backend: the client's side of the protocol.
type login struct {
	hop      hop
	as       credentials
	conn     net.Conn
	seq      byte
	greeting wire.Greeting
	nonce    []byte
	secure   bool // nobody between here and the backend can read along
}

func (l *login) run(ctx context.Context) (*backendConn, error) {
	greeting, err := readGreeting(l.conn)
	if err != nil {
		return nil, l.broken(err)
	}
	l.hop.backend.learned.remember(greeting)
	l.greeting, l.nonce, l.seq = greeting, nonceOf(greeting.AuthData), 1
	caps, err := l.capabilities()
	if err != nil {
		return nil, err
	}
	response := l.response(caps)
	l.secure = l.conn.RemoteAddr().Network() != "tcp"
	if config := l.hop.backend.hopTLS(l.as.user, greeting); config != nil {
		if err := l.startTLS(ctx, config, response); err != nil {
			return nil, err
		}
	}
	response.AuthData, err = l.answer(response.Plugin)
	if err != nil {
		return nil, err
	}
	if err := l.send(response.Append(nil)); err != nil {
		return nil, err
	}
	return l.exchange(caps)
}

// capabilities are those of the client that the backend has, with those of the gateway's own.
func (l *login) capabilities() (wire.Capability, error) {
	told, here := familyOf(l.hop.client.greeting), familyOf(l.greeting)
	if told != "" && told != here {
		return 0, unreachablef("server '%s' is %s, and this address greeted as %s: connect again, or, where servers of both share the address, give this one its own (listen:)", l.hop.server.Name, here, told)
	}
	caps := l.hop.client.caps()&^own | own&l.greeting.Capabilities
	if missing := caps &^ (l.greeting.Capabilities | wire.ClientLongPassword); missing != 0 {
		return 0, unreachablef("the database behind server '%s' was replaced by one that can do less; connect again", l.hop.server.Name)
	}
	return caps, nil
}

func (l *login) response(caps wire.Capability) wire.HandshakeResponse {
	r := l.hop.client.login
	r.User, r.Capabilities, r.Plugin = l.as.user, caps&^wire.ClientConnectWithDB, l.greeting.Plugin
	if r.Database != "" {
		r.Capabilities |= wire.ClientConnectWithDB
	}
	if r.Plugin != wire.PluginNative && r.Plugin != wire.PluginCachingSHA2 {
		// The server's default is one of its own; it will ask for this account's.
		r.Plugin = wire.PluginNative
	}
	return r
}

func (l *login) startTLS(ctx context.Context, config *tls.Config, r wire.HandshakeResponse) error {
	if !l.greeting.Capabilities.Has(wire.ClientSSL) {
		return unreachablef("the database behind server '%s' offers no TLS, and its backend is set to require it", l.hop.server.Name)
	}
	request := wire.SSLRequest{Capabilities: r.Capabilities | wire.ClientSSL, MaxPacket: r.MaxPacket, Charset: r.Charset}
	if err := l.send(request.Append(nil)); err != nil {
		return err
	}
	secured := tls.Client(l.conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return l.broken(err)
	}
	l.conn, l.secure = secured, true
	return nil
}

// exchange answers what the backend asks until it says OK or ERR.
func (l *login) exchange(caps wire.Capability) (*backendConn, error) {
	// Two rounds are the most that a server needs; a bound keeps a broken one from
	// asking for ever.
	for range 8 {
		payload, err := l.read()
		if err != nil {
			return nil, err
		}
		switch {
		case wire.IsOK(payload):
			ok, err := wire.ParseOK(payload, caps)
			if err != nil {
				return nil, l.broken(err)
			}
			return &backendConn{Conn: l.conn, id: l.greeting.ConnectionID, ok: payload, status: ok.Status}, nil
		case wire.IsERR(payload):
			refused, err := wire.ParseERR(payload)
			if err != nil {
				return nil, l.broken(err)
			}
			return nil, refused
		case wire.IsAuthSwitch(payload):
			err = l.switchTo(payload)
		case wire.IsAuthMoreData(payload):
			err = l.more(payload)
		default:
			err = l.broken(errors.New("an answer that is no part of a sign-in"))
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, l.broken(errors.New("the sign-in does not come to an end"))
}

func (l *login) switchTo(payload []byte) error {
	request, err := wire.ParseAuthSwitchRequest(payload)
	if err != nil {
		return l.broken(err)
	}
	l.nonce = nonceOf(request.Data)
	answer, err := l.answer(request.Plugin)
	if err != nil {
		return err
	}
	return l.send(answer)
}

// answer proves the secret in the words of plugin.
func (l *login) answer(plugin string) ([]byte, error) {
	switch {
	case plugin == wire.PluginNative:
		return wire.NativeScramble(l.as.secret, l.nonce), nil
	case plugin == wire.PluginCachingSHA2:
		return wire.CachingSHA2Scramble(l.as.secret, l.nonce), nil
	case plugin == wire.PluginClear && l.secure:
		return append([]byte(l.as.secret), 0), nil
	case plugin == pluginSHA256:
		// MySQL asks so for accounts that do not exist, to seem to have them. Hanging up
		// would count as an error of this host, which it blocks after a hundred.
		return []byte{0}, nil
	}
	return nil, &otherPlugin{l.as.user, plugin}
}

// more goes on with caching_sha2_password: the server has the hash at hand, or wants
// the secret itself.
func (l *login) more(payload []byte) error {
	data, err := wire.ParseAuthMoreData(payload)
	if err != nil {
		return l.broken(err)
	}
	switch {
	case len(data.Data) == 1 && data.Data[0] == wire.CachingSHA2FastAuthOK:
		return nil
	case len(data.Data) == 1 && data.Data[0] == wire.CachingSHA2FullAuth && l.secure:
		return l.send(append([]byte(l.as.secret), 0))
	case !l.hop.backend.dialer.Verified():
		// Anybody who took the backend's address has an RSA key.
		return unreachablef("the database behind server '%s' wants a secret encrypted under a key that nobody has verified: its backend URL needs TLS, or a unix socket", l.hop.server.Name)
	case len(data.Data) == 1 && data.Data[0] == wire.CachingSHA2FullAuth:
		return l.send([]byte{wire.CachingSHA2RequestPublicKey})
	}
	// The server's RSA key, asked for above: without TLS the secret goes encrypted.
	key, err := wire.ParsePublicKey(data.Data)
	if err != nil {
		return l.broken(err)
	}
	sealed, err := wire.EncryptPassword(l.as.secret, l.nonce, key)
	if err != nil {
		return l.broken(err)
	}
	return l.send(sealed)
}

func (l *login) read() ([]byte, error) {
	payload, seq, err := wire.ReadPacket(l.conn, nil, maxGreeting)
	if err != nil {
		return nil, l.broken(err)
	}
	l.seq = seq + 1
	return payload, nil
}

func (l *login) send(payload []byte) error {
	if _, err := l.conn.Write(wire.AppendPacket(nil, l.seq, payload)); err != nil {
		return l.broken(err)
	}
	l.seq++
	return nil
}

func (l *login) broken(err error) error { return l.hop.unreachable(err) }

// nonceOf cuts the NUL that ends a nonce on the wire.
func nonceOf(data []byte) []byte {
	if len(data) == wire.NonceSize+1 && data[wire.NonceSize] == 0 {
		return data[:wire.NonceSize]
	}
	return data
}
