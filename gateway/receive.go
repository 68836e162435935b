package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"

	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/wire"
)

// newNonce returns the bytes that a client mixes into a hashed password. Nothing is
// verified against them here, but a client may stop at a NUL.
func newNonce() []byte {
	nonce := make([]byte, wire.NonceSize)
	rand.Read(nonce)
	for i := range nonce {
		nonce[i] = nonce[i]&0x7f | 0x01
	}
	return nonce
}

// greet sends a greeting, with the id by which KILL may name the connection.
//
// It never names mysql_clear_password: several clients would then put the token
// into their very first packet, before a connection without TLS can be refused.
func (c *client) greet(g wire.Greeting, id uint32) (nonce []byte, err error) {
	g.ConnectionID, g.AuthData, g.Plugin = id, newNonce(), wire.PluginCachingSHA2
	g.Capabilities |= wire.ClientSSL
	c.greeting = g
	return g.AuthData, c.send(g.Append(nil))
}

// secure refuses a client that does not start TLS, and reads its login packet
// from inside TLS when it does.
func (c *client) secure(ctx context.Context, config *tls.Config) error {
	first, err := c.read()
	if err != nil {
		return err
	}
	if !wire.IsSSLRequest(first) {
		// Remembered for the audit log only. Whatever the packet carries beside the
		// name is not looked at: it came in the clear.
		if login, err := wire.ParseHandshakeResponse(first); err == nil {
			c.login.User = clip.To(login.User, maxName)
		}
		return errInsecureTransport
	}
	if err := c.startTLS(ctx, config); err != nil {
		return err
	}
	login, err := c.read()
	if err != nil {
		return err
	}
	c.login, err = wire.ParseHandshakeResponse(login)
	if err != nil || len(c.login.User) > maxName {
		c.login.User = clip.To(c.login.User, maxName)
		return errBadHandshake
	}
	c.login.Capabilities &= c.greeting.Capabilities&^wire.ClientSSL | wire.ClientLongPassword
	return nil
}

// receive gets the token in the way that this client can send it. The first answer
// is usually a hash of the token, made for the plugin of the greeting: useless here. An empty one
// is of a client that has no password and may have a token all the same: one that sends it to
// mysql_clear_password alone, when it is asked by that name (the authPlugins of mysql2, the
// authentication plugins of Connector/J).
//
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
func (c *client) receive(nonce []byte) (token []byte, err error) {
	c.plugin = wire.PluginClear
	switch {
	case c.login.Plugin == wire.PluginClear && len(c.login.AuthData) > 0:
		token = c.login.AuthData
	case c.login.Plugin == wire.PluginCachingSHA2 && !isEmpty(c.login.AuthData):
		c.plugin = wire.PluginCachingSHA2
		token, err = c.fullAuthentication(c.login.AuthData)
	case !c.login.Capabilities.Has(wire.ClientPluginAuth):
		return nil, errNoPluginAuth
	default:
		// 20 bytes and a NUL, though the plugin has no use for them: sqlx takes
		// nothing else but an empty field.
		token, err = c.ask(wire.AuthSwitchRequest{Plugin: wire.PluginClear, Data: append(nonce, 0)}.Append(nil))
	}
	if err != nil {
		return nil, err
	}
	if token = wire.CutToken(token); len(token) == 0 {
		return nil, errNoToken
	}
	return token, nil
}

// fullAuthentication asks a client that sent a caching_sha2_password hash for what it
// hashed. Inside TLS the client sends it as it is, and no client needs a flag for it.
func (c *client) fullAuthentication(hash []byte) ([]byte, error) {
	if isEmpty(hash) {
		return nil, errNoToken
	}
	return c.ask(wire.AuthMoreData{Data: []byte{wire.CachingSHA2FullAuth}}.Append(nil))
}

// isEmpty tells the answer of a client without a password, which has no hash.
func isEmpty(hash []byte) bool { return len(hash) <= 1 }
