package gateway

import (
	"context"
	"time"

	"github.com/midas-mysql/midas/internal/wire"
)

// changer signs clients in anew on the same connection, with a token as at the first time.
//
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_change_user.html
type changer struct {
	signIns *signIns
	log     signInLog
	timeout time.Duration
}

// signIn signs in as a COM_CHANGE_USER says. It tells the client of a refusal.
func (u changer) signIn(ctx context.Context, c *client, payload []byte) (signedIn, error) {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	var as signedIn
	secret, err := u.ask(c, payload)
	if err == nil {
		as, err = u.signIns.run(ctx, c, secret)
	}
	u.log.add(c, as, err)
	if err != nil {
		c.refuse(err, as.proved())
	}
	return as, err
}

// ask takes over what the command says, and asks the client for its token or password.
func (u changer) ask(c *client, payload []byte) (secret []byte, err error) {
	asked, err := wire.ParseChangeUser(payload, c.caps())
	if err != nil || len(asked.User) > maxName {
		return nil, errBadHandshake
	}
	c.login.User, c.login.Database = asked.User, asked.Database
	c.login.Plugin, c.login.AuthData, c.login.Attributes = asked.Plugin, asked.AuthData, asked.Attributes
	switch {
	case asked.Charset > 255: // one of many of the same character set, which a login cannot name
		c.login.Charset = charsetUTF8MB4
	case asked.Charset != 0:
		c.login.Charset = byte(asked.Charset)
	}
	// What came with the command answers the first nonce, for a plugin that takes no
	// token. A new question says which plugin is to answer.
	secret, err = c.ask(wire.AuthSwitchRequest{Plugin: c.plugin, Data: append(newNonce(), 0)}.Append(nil))
	if err != nil {
		return nil, err
	}
	if c.plugin == wire.PluginCachingSHA2 {
		if secret, err = c.fullAuthentication(secret); err != nil {
			return nil, err
		}
	}
	if secret = wire.CutToken(secret); len(secret) == 0 {
		return nil, errNoToken
	}
	return secret, nil
}
