package gateway

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/wire"
)

// signedIn is what a sign-in has come to. The session holds it, and COM_CHANGE_USER replaces
// it whole: nothing of one sign-in is left in the next. Of a sign-in that failed it holds
// what was found out before, for the audit log.
type signedIn struct {
	principal midas.Principal // zero when a password proved the account
	server    midas.Server
	backend   backend // of server
	account   account.Account
	conn      *backendConn
}

// backendConn is a connection to the backend, signed in.
type backendConn struct {
	net.Conn
	id     uint32      // the backend's connection id
	ok     []byte      // the payload of its OK, for the client
	status wire.Status // of that OK
	share  func()      // gives the session's place back; nil before it has one
}

// Close gives up the session's place, too. A TLS connection ends without its last word, which waits
// for what is being written: a server that reads nothing, and asks for one new key after the other,
// would hold up recheck, and sessions of all servers would outlive what admitted them.
func (b *backendConn) Close() error {
	if b.share != nil {
		b.share()
	}
	if secured, ok := b.Conn.(*tls.Conn); ok {
		return secured.NetConn().Close()
	}
	return b.Conn.Close()
}

// proved tells whether the client's token held.
func (in signedIn) proved() bool { return in.principal.Issuer != "" }

// isAdmin is true for the server's Entra administrator.
func (in signedIn) isAdmin() bool { return in.account.Admin }

// byGroup is true when the principal was admitted as a member of a group.
func (in signedIn) byGroup() bool {
	alone := in.principal
	alone.Groups = nil
	if in.isAdmin() {
		return !administers(in.server, alone)
	}
	return in.proved() && account.Admit(in.account, alone) != nil
}

// administers tells whether p is the administrator of server.
func administers(server midas.Server, p midas.Principal) bool {
	return server.Admin != nil && account.Admit(administratorOf(*server.Admin), p) == nil
}

// administratorOf is the account that the administrator of a server is to have.
func administratorOf(admin midas.Administrator) account.Account {
	return account.Account{User: admin.Login, Host: "%", ID: admin.ObjectID, Admin: true}
}

// signInLog writes each sign-in to the audit log.
type signInLog struct {
	record func(midas.SignIn)
	now    func() time.Time
}

// add records how a sign-in of client ended; in is how far it came. A client that left, or
// said no name, is no sign-in.
func (l signInLog) add(c *client, in signedIn, err error) {
	var lost *connLost
	if errors.As(err, &lost) || c.login.User == "" && err != nil {
		return
	}
	record := midas.SignIn{
		Time: l.now(), Remote: c.remote(), Server: in.server.Name,
		User: c.login.User, Principal: in.principal, Outcome: outcomeOf(err),
	}
	switch {
	case err != nil:
		record.Reason, record.Hint = err.Error(), midas.HintOf(err)
	case in.proved():
		record.Account = in.account.User + "@" + in.account.Host
	default:
		record.Account = in.account.User // a native one: its host is the backend's to know
	}
	l.record(record)
}
