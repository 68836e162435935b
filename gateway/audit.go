package gateway

import (
	"errors"
	"time"

	"github.com/midas-mysql/midas"
)

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
		record.Reason = err.Error()
	case in.proved():
		record.Account = in.account.User + "@" + in.account.Host
	default:
		record.Account = in.account.User // a native one: its host is the backend's to know
	}
	l.record(record)
}
