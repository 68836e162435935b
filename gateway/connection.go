package gateway

import (
	"context"
	"time"

	"github.com/midas-mysql/midas/internal/throttledlog"
)

// connection is the life of a client's connection, from accept to close. What a sign-in in
// it comes to is a session.
type connection struct {
	id     uint32 // what the greeting says, and KILL may name
	client *client
	handle *handle
	gate   *gate
}

// gate is what all connections pass.
type gate struct {
	tls       listenerTLS
	greetings *greetings
	signIns   *signIns
	changer   changer
	log       signInLog
	refusals  *throttledlog.Log
	sessions  *sessions
	ids       *connectionIDs
	plane     *plane
	backends  *backends
	recheck   *recheck
	draining  context.Context // done when the gateway begins to drain

	signInTimeout time.Duration
	writeTimeout  time.Duration
}

// run takes the connection through its states. It owns the client's connection and closes it.
func (c *connection) run(ctx context.Context) {
	defer c.client.raw.Close()
	defer func() { c.client.place.leave() }()
	if !c.client.takePlace() {
		c.gate.refusals.Warn(c.client.remote(), "connection refused: all places are taken by sign-ins under way", "source", c.client.source)
		c.client.refuse(errTooManyConnections, false)
		return
	}
	c.client.raw.SetDeadline(time.Now().Add(c.gate.signInTimeout))
	undrained := c.hurry()
	signing, cancel := context.WithTimeout(ctx, c.gate.signInTimeout)
	as, err := c.signIn(signing)
	cancel()
	if err == nil {
		defer as.conn.Close()
	}
	if !undrained() && err == nil {
		err = errShutdown
	}
	if err != nil {
		c.gate.log.add(c.client, as, err)
		c.client.refuse(err, as.proved())
		return
	}
	c.session(as).open(ctx)
}

// hurry leaves a sign-in one more second once the gateway drains. stop reports false when
// the drain has begun: the client is then refused, since its session would end at once.
func (c *connection) hurry() (stop func() bool) {
	return context.AfterFunc(c.gate.draining, func() { c.client.raw.SetReadDeadline(time.Now().Add(time.Second)) })
}

// signIn is everything up to the backend's OK, which is left for the session to send.
func (c *connection) signIn(ctx context.Context) (signedIn, error) {
	nonce, err := c.client.greet(c.gate.greetings.of(ctx, c.client.listener), c.id)
	if err != nil {
		return signedIn{}, err
	}
	if err := c.client.secure(ctx, c.gate.tls.of(c.client.listener)); err != nil {
		return signedIn{}, err
	}
	secret, err := c.client.receive(nonce)
	if err != nil {
		return signedIn{}, err
	}
	if !c.client.place.working() {
		return signedIn{}, &connLost{errNoPlace}
	}
	return c.gate.signIns.run(ctx, c.client, secret)
}

// session is the one that a sign-in opens.
func (c *connection) session(as signedIn) *session {
	g := c.gate
	x := newExchange(c.client, c.handle, as.conn, g.signInTimeout, g.writeTimeout)
	follows := &follower{x: x, recheck: g.recheck, log: c.client.log}
	return &session{
		client: c.client, handle: c.handle, as: as, x: x, changer: g.changer, ids: g.ids, id: c.id,
		statements: &statements{x: x, plane: g.plane, follower: follows, timeout: g.signInTimeout, log: c.client.log},
		follower:   follows,
		lull:       &lull{x: x},
	}
}
