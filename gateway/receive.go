package gateway

import (
	"crypto/rand"

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

// receive gets the token in the way that this client can send it. The first answer
// is usually a hash of the token, made for the plugin of the greeting: useless here.
//
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
func (s *session) receive(nonce []byte) (token []byte, err error) {
	s.plugin = wire.PluginClear
	switch {
	case s.login.Plugin == wire.PluginClear && len(s.login.AuthData) > 0:
		token = s.login.AuthData
	case s.login.Plugin == wire.PluginCachingSHA2:
		s.plugin = wire.PluginCachingSHA2
		token, err = s.fullAuthentication(s.login.AuthData)
	case !s.login.Capabilities.Has(wire.ClientPluginAuth):
		return nil, errNoPluginAuth
	default:
		// 20 bytes and a NUL, though the plugin has no use for them: sqlx takes
		// nothing else but an empty field.
		token, err = s.ask(wire.AuthSwitchRequest{Plugin: wire.PluginClear, Data: append(nonce, 0)}.Append(nil))
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
func (s *session) fullAuthentication(hash []byte) ([]byte, error) {
	if len(hash) <= 1 {
		return nil, errNoToken // an empty password has no hash
	}
	return s.ask(wire.AuthMoreData{Data: []byte{wire.CachingSHA2FullAuth}}.Append(nil))
}

func (s *session) ask(question []byte) (answer []byte, err error) {
	if err := s.send(question); err != nil {
		return nil, err
	}
	return s.read()
}
