package gateway

import (
	"context"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/wire"
)

// charsetUTF8MB4 is utf8mb4_general_ci, which every server has.
const charsetUTF8MB4 = 45

// changeUser signs the client in anew on the same connection, with a token as at the
// first time. The session moves to a new upstream, because the old one is signed in
// as somebody else. As on a server, a refusal ends the connection.
//
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_change_user.html
func (r *relayed) changeUser(ctx context.Context) error {
	payload, err := r.read()
	if err != nil {
		return err
	}
	if err := r.settled(); err != nil {
		return err
	}
	r.conn.SetDeadline(time.Now().Add(r.SignInTimeout))
	defer r.conn.SetDeadline(time.Time{})
	signing, cancel := context.WithTimeout(ctx, r.SignInTimeout)
	defer cancel()
	next, err := r.signInAgain(signing, payload)
	r.audit(err)
	if err != nil {
		r.refuse(err)
		return err
	}
	r.login.AuthData, r.login.Attributes = nil, nil
	r.endAnswers()
	r.up, r.in.dst = next, next.conn
	r.attach(next)
	r.noteBasis()
	r.resetSession()
	r.multi = r.caps().Has(wire.ClientMultiStatements)
	if err := r.send(next.ok); err != nil {
		return err
	}
	r.copyAnswers()
	return nil
}

func (r *relayed) signInAgain(ctx context.Context, payload []byte) (upstream, error) {
	asked, err := wire.ParseChangeUser(payload, r.caps())
	if err != nil || len(asked.User) > maxName {
		return upstream{}, errBadHandshake
	}
	r.login.User, r.login.Database = asked.User, asked.Database
	r.login.Plugin, r.login.AuthData, r.login.Attributes = asked.Plugin, asked.AuthData, asked.Attributes
	switch {
	case asked.Charset > 255: // one of many of the same character set, which a login cannot name
		r.login.Charset = charsetUTF8MB4
	case asked.Charset != 0:
		r.login.Charset = byte(asked.Charset)
	}
	r.principal, r.server, r.account, r.isAdmin = midas.Principal{}, midas.Server{}, account.Account{}, false
	// What came with the command answers the first nonce, for a plugin that takes no
	// token. A new question settles which plugin speaks now.
	token, err := r.ask(wire.AuthSwitchRequest{Plugin: r.plugin, Data: append(newNonce(), 0)}.Append(nil))
	if err != nil {
		return upstream{}, err
	}
	if r.plugin == wire.PluginCachingSHA2 {
		token, err = r.fullAuthentication(token)
		if err != nil {
			return upstream{}, err
		}
	}
	if token = wire.CutToken(token); len(token) == 0 {
		return upstream{}, errNoToken
	}
	return r.signInWith(ctx, token)
}
