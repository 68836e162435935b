package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
)

// login is one sign-in to the backend: the client's side of the protocol.
type login struct {
	credentials
	conn     net.Conn
	session  *session
	seq      byte
	greeting wire.Greeting
	nonce    []byte
	secure   bool // nobody between here and the backend can read along
}

func (l *login) run(ctx context.Context) (upstream, error) {
	greeting, err := readGreeting(l.conn)
	if err != nil {
		return upstream{}, l.broken(err)
	}
	l.session.hello.remember(greeting)
	l.greeting, l.nonce, l.seq = greeting, nonceOf(greeting.AuthData), 1
	caps := l.session.caps()&^own | own&greeting.Capabilities
	if missing := caps &^ (greeting.Capabilities | wire.ClientLongPassword); missing != 0 {
		return upstream{}, unreachablef("the database behind server '%s' was replaced by one that can do less; connect again", l.session.server.Name)
	}
	response := l.response(caps)
	l.secure = l.conn.RemoteAddr().Network() != "tcp"
	if config := l.session.hopTLS(l.user, greeting); config != nil {
		if err := l.startTLS(ctx, config, response); err != nil {
			return upstream{}, err
		}
	}
	response.AuthData, err = l.answer(response.Plugin)
	if err != nil {
		return upstream{}, err
	}
	if err := l.send(response.Append(nil)); err != nil {
		return upstream{}, err
	}
	return l.exchange(caps)
}

func (l *login) response(caps wire.Capability) wire.HandshakeResponse {
	r := l.session.login
	r.User, r.Capabilities, r.Plugin = l.user, caps&^wire.ClientConnectWithDB, l.greeting.Plugin
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
		return unreachablef("the database behind server '%s' offers no TLS, and its backend is set to require it", l.session.server.Name)
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
func (l *login) exchange(caps wire.Capability) (upstream, error) {
	// Two rounds are the most that a server needs; a bound keeps a broken one from
	// asking for ever.
	for range 8 {
		payload, err := l.read()
		if err != nil {
			return upstream{}, err
		}
		switch {
		case wire.IsOK(payload):
			ok, err := wire.ParseOK(payload, caps)
			if err != nil {
				return upstream{}, l.broken(err)
			}
			return upstream{conn: l.conn, id: l.greeting.ConnectionID, ok: payload, status: ok.Status}, nil
		case wire.IsERR(payload):
			refused, err := wire.ParseERR(payload)
			if err != nil {
				return upstream{}, l.broken(err)
			}
			return upstream{}, refused
		case wire.IsAuthSwitch(payload):
			err = l.switchTo(payload)
		case wire.IsAuthMoreData(payload):
			err = l.more(payload)
		default:
			err = l.broken(errors.New("an answer that is no part of a sign-in"))
		}
		if err != nil {
			return upstream{}, err
		}
	}
	return upstream{}, l.broken(errors.New("the sign-in does not come to an end"))
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
		return wire.NativeScramble(l.secret, l.nonce), nil
	case plugin == wire.PluginCachingSHA2:
		return wire.CachingSHA2Scramble(l.secret, l.nonce), nil
	case plugin == wire.PluginClear && l.secure:
		return append([]byte(l.secret), 0), nil
	case plugin == pluginSHA256:
		// MySQL asks so for accounts that do not exist, to seem to have them. Hanging up
		// would count as an error of this host, which it blocks after a hundred.
		return []byte{0}, nil
	}
	return nil, &otherPlugin{l.user, plugin}
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
		return l.send(append([]byte(l.secret), 0))
	case !l.session.Backend.Verified():
		// Anybody who took the backend's address has an RSA key.
		return unreachablef("the database behind server '%s' wants a secret encrypted under a key that nobody has verified: its backend URL needs TLS, or a unix socket", l.session.server.Name)
	case len(data.Data) == 1 && data.Data[0] == wire.CachingSHA2FullAuth:
		return l.send([]byte{wire.CachingSHA2RequestPublicKey})
	}
	// The server's RSA key, asked for above: without TLS the secret goes encrypted.
	key, err := wire.ParsePublicKey(data.Data)
	if err != nil {
		return l.broken(err)
	}
	sealed, err := wire.EncryptPassword(l.secret, l.nonce, key)
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

func (l *login) broken(err error) error { return l.session.unreachable(err) }

// readGreeting reads a server's first packet; an ERR in its place is the error.
func readGreeting(r io.Reader) (wire.Greeting, error) {
	payload, _, err := wire.ReadPacket(r, nil, maxGreeting)
	if err != nil {
		return wire.Greeting{}, err
	}
	if wire.IsERR(payload) {
		refused, err := wire.ParseERR(payload)
		if err != nil {
			return wire.Greeting{}, err
		}
		return wire.Greeting{}, midas.Errorf(midas.Unavailable, "%s", strings.TrimSpace(refused.Message))
	}
	return wire.ParseGreeting(payload)
}

// nonceOf cuts the NUL that ends a nonce on the wire.
func nonceOf(data []byte) []byte {
	if len(data) == wire.NonceSize+1 && data[wire.NonceSize] == 0 {
		return data[:wire.NonceSize]
	}
	return data
}
