package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/peer"
)

// A port of this machine, and a socket in a folder that others can write to, is anyone's
// while the database is down: a process of another user that listens there would be sent
// passwords. So on this machine midas speaks to processes of root, of its own user, and
// of the user whose process it found at its first contact. Where the system does not tell
// whose a process is (in a container, or outside Linux), the server's certificate takes
// the user's place.

// userBehind is replaced by tests, for systems that do not tell.
var userBehind = peer.Behind

// localPeer verifies which process or key serves one address of this machine.
type localPeer struct {
	address, file string
	byCertificate bool

	mu    sync.Mutex
	known identity
}

// trustedUser tells whether processes of that user may have all that midas has: what root
// and midas's own user want to know they can read.
func trustedUser(id uint32) bool { return id == 0 || id == uint32(os.Geteuid()) }

// verifyUser refuses a connection that a process of an unknown user has accepted.
func (p *localPeer) verifyUser(ctx context.Context, conn net.Conn) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(dialTimeout)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = conn.SetDeadline(deadline)
	id, err := userBehind(conn)
	if err != nil {
		return midas.Errorf(midas.Unavailable, "backend %s: cannot tell who serves it: %w", p.address, cause(err))
	}
	if !stop() {
		return midas.Errorf(midas.Unavailable, "backend %s: %w", p.address, ctx.Err())
	}
	_ = conn.SetDeadline(time.Time{})
	if trustedUser(id) || p.knows(func(known identity) bool { return known.isUser(id) }) {
		return nil
	}
	return p.stranger(identity{User: &id})
}

// verifyCertificate is a tls.Config's VerifyConnection.
func (p *localPeer) verifyCertificate(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	shown := identity{Certificate: fingerprint(s.PeerCertificates[0])}
	if p.knows(func(known identity) bool { return known.Certificate == shown.Certificate }) {
		return nil
	}
	return p.stranger(shown)
}

// knows asks the file again when the answer is no: the operator may have said meanwhile that
// another is to be trusted.
func (p *localPeer) knows(matches func(identity) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if matches(p.known) {
		return true
	}
	all, err := readKnown(p.file)
	if err != nil || !matches(all[p.address]) {
		return false
	}
	p.known = all[p.address]
	return true
}

func (p *localPeer) stranger(who identity) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return midas.Errorf(midas.Forbidden, "backend %s is served by %s, and not by %s any more: nothing was sent to it", p.address, who, p.known).
		WithHint("if that is your database server: midas backend trust %s", p.address)
}
