package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
)

// A client is greeted before it says which server it wants. On the listener of one server it
// hears what the backend of that server says. Where several share a listener it hears the
// least that all of them can do, so that any of them can be relayed. No greeting is true for
// MySQL and MariaDB both: the family of the oldest server that has greeted is the listener's, and a sign-in
// to a server of the other family is refused. So one that is made later keeps nobody out.

// relayable are the capabilities that work between a client and the backend when
// nobody in between parses results: both sides must then agree on the same ones.
//
// Left out: compression, which would hide the commands; multi-factor sign-in, which
// ends at the gateway; COM_MULTI, which packs several commands into one; and LOAD DATA
// LOCAL, which makes a client's packets something else than commands. The backend decides
// where such a file ends: a client that interrupts it at the right moment has the backend
// read bytes of the file as commands that the gateway has not seen, one that signs in as
// another account among them.
const relayable = ^(wire.ClientSSL | wire.ClientCompress | wire.ClientZstdCompression | wire.ClientLocalFiles |
	wire.ClientMultiFactorAuthentication | wire.ClientCapabilityExtension |
	wire.ClientSSLVerifyServerCert | wire.ClientRememberOptions | wire.MariaDBComMulti)

// relearnPause is how long a backend that did not greet is left alone.
const relearnPause = 10 * time.Second

// greetings are what clients are greeted with.
type greetings struct {
	choice   serverChoice
	backends *backends
	timeout  time.Duration // of a backend that is asked for its greeting
	now      func() time.Time

	learning sync.WaitGroup

	mu   sync.Mutex
	last map[string]wire.Greeting // by listener, for when the servers cannot be listed
}

func newGreetings(choice serverChoice, behind *backends, timeout time.Duration, now func() time.Time) *greetings {
	return &greetings{choice: choice, backends: behind, timeout: timeout, now: now, last: map[string]wire.Greeting{}}
}

// of returns the greeting of a listener.
func (g *greetings) of(ctx context.Context, listener string) wire.Greeting {
	servers, err := g.choice.on(ctx, listener)
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if last, ok := g.last[listener]; ok {
			return last
		}
		return offer(unknown)
	}
	known := g.heard(ctx, servers)
	if len(known) == 0 {
		return offer(unknown)
	}
	greeting := offer(least(known))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last[listener] = greeting
	return greeting
}

// heard returns the greetings of those servers whose backend has greeted. The others are
// asked; a client waits for them only where none has.
func (g *greetings) heard(ctx context.Context, servers []midas.Server) []wire.Greeting {
	known, silent := g.known(servers)
	var asked []<-chan struct{}
	for _, server := range silent {
		asked = append(asked, g.learn(ctx, server))
	}
	if len(known) > 0 {
		return known
	}
	limit, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	for _, answered := range asked {
		select {
		case <-answered:
		case <-limit.Done():
		}
	}
	known, _ = g.known(servers)
	return known
}

// known returns the greetings of those that have greeted, first those that count first.
func (g *greetings) known(servers []midas.Server) (known []wire.Greeting, silent []midas.Server) {
	var turned []wire.Greeting
	for _, server := range servers {
		switch greeting, ok := g.backends.about(server).last(); {
		case !ok:
			silent = append(silent, server)
		case g.backends.about(server).greetedAnother():
			turned = append(turned, greeting)
		default:
			known = append(known, greeting)
		}
	}
	return append(known, turned...), silent
}

// learnAll asks all backends, for a while, and returns why none greets if there are some that
// were not stopped.
func (g *greetings) learnAll(ctx context.Context) error {
	servers, err := g.choice.plane.Servers(ctx)
	if err != nil || len(servers) == 0 {
		return nil // each client asks again
	}
	if len(g.heard(ctx, servers)) > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	var failed error
	for _, server := range servers { // each takes its time, or has a reason
		switch err := g.ask(ctx, server); {
		case err == nil:
			return nil
		case !errors.Is(err, ErrStopped) && failed == nil:
			failed = err
		}
	}
	return failed
}

// learn asks one backend for its greeting, once for all that want it, and not again within
// relearnPause. It goes on when they have left. The channel is closed when it is over.
func (g *greetings) learn(ctx context.Context, server midas.Server) <-chan struct{} {
	answered, mine := g.backends.about(server).beginAsking(g.now(), relearnPause)
	if mine {
		g.learning.Go(func() {
			defer close(answered)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.timeout)
			defer cancel()
			if servers, err := g.choice.plane.Servers(ctx); err == nil {
				g.backends.keep(servers)
			}
			_ = g.ask(ctx, server) // whether it did is seen by what is known then
		})
	}
	return answered
}

func (g *greetings) ask(ctx context.Context, server midas.Server) error {
	dialer, err := g.backends.source.Backend(ctx, server)
	if err != nil {
		return err
	}
	conn, err := dialer.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	greeting, err := readGreeting(conn)
	if err != nil {
		return midas.Errorf(midas.Unavailable, "the backend of server '%s' does not greet as a MySQL server: %w", server.Name, err)
	}
	g.backends.about(server).remember(greeting)
	return nil
}

// offer is the part of a greeting that can be relayed, with what the gateway itself can do.
func offer(g wire.Greeting) wire.Greeting {
	g.Capabilities = g.Capabilities&relayable | own
	return g
}
