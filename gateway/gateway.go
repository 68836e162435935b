package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/lane"
	"github.com/midas-mysql/midas/internal/passwordthrottle"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// Gateway accepts MySQL clients. Make one with New.
type Gateway struct {
	gate      *gate
	limits    *limits
	listeners map[string][]net.Listener
	log       *slog.Logger
	lastID    atomic.Uint32

	// Sessions outlive the context of Serve, and what they ask of the directory with them.
	drainBegun context.Context
	beginDrain context.CancelFunc
	lifetime   context.Context
	endOfLife  context.CancelFunc
	rechecking sync.Once
	background sync.WaitGroup
}

// firstID starts connection ids far from those of any backend, so that KILL can
// tell an id that this gateway gave from one that the backend gave, and far from those
// of another gateway behind the same balancer, or of this one before its restart.
func firstID() uint32 { return 1<<30 | rand.Uint32()>>2 }

// New checks cfg and asks the backends what they can do, so that the first client is greeted
// with what both sides can relay. Servers whose backend does not answer are served as soon as it
// does: an administrator may have spoiled theirs, and that must not keep midas from starting.
func New(ctx context.Context, cfg Config) (*Gateway, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		limits: newLimits(cfg.MaxSigningIn, cfg.MaxSigningInPerSource), log: cfg.Log, listeners: cfg.Listeners,
	}
	g.drainBegun, g.beginDrain = context.WithCancel(context.Background())
	g.lifetime, g.endOfLife = context.WithCancel(context.Background())
	g.lastID.Store(firstID())
	g.gate = newGate(cfg, g.drainBegun)
	if err := g.gate.greetings.learnAll(ctx); err != nil {
		cfg.Log.ErrorContext(ctx, "no database server answers: sign-ins wait for the first that does", "error", err, midas.HintAttr(err))
	}
	return g, nil
}

// newGate wires the parts that connections pass.
func newGate(cfg Config, draining context.Context) *gate {
	p := newPlane(planeConfig{Servers: cfg.Servers, Exists: cfg.Exists, Groups: cfg.Groups, Feed: cfg.Feed})
	choice := serverChoice{plane: p, addresses: map[string]string{}, hosts: []string{localhost}}
	for _, name := range cfg.Names {
		choice.hosts = append(choice.hosts, strings.ToLower(name))
	}
	for server, own := range cfg.Listeners {
		choice.addresses[strings.ToLower(server)] = own[0].Addr().String()
	}
	behind, told := newBackends(cfg.Backends, cfg.MaxSigningIn, cfg.MaxSigningInPerSource), throttledlog.New(cfg.Log, cfg.Now)
	ins := &signIns{
		verifier: cfg.Verifier, plane: p, choice: choice, backends: behind, tokens: lane.New[netip.Prefix](tokensAtOnce), timeout: cfg.SignInTimeout,
		shares: newShares(cfg.MaxSessions), refusals: told,
		passwords: &passwords{choice: choice, backends: behind, throttle: passwordthrottle.New(passwordLimits), refusals: told, now: cfg.Now},
	}
	signInLog, all := signInLog{record: cfg.Audit, now: cfg.Now}, newSessions()
	return &gate{
		tls: newListenerTLS(cfg.TLS, cfg.Listeners), greetings: newGreetings(choice, behind, cfg.SignInTimeout, cfg.Now), signIns: ins,
		changer: changer{signIns: ins, log: signInLog, timeout: cfg.SignInTimeout},
		log:     signInLog, refusals: told, sessions: all, ids: newConnectionIDs(),
		recheck: &recheck{sessions: all, plane: p, feed: cfg.Feed, every: cfg.Recheck, log: cfg.Log},
		plane:   p, backends: behind, draining: draining, signInTimeout: cfg.SignInTimeout, writeTimeout: cfg.WriteTimeout,
	}
}

// Serve accepts from ln, and from the listeners that servers have to themselves, until ctx
// ends or Shutdown is called; they are then closed. Sessions go on until Shutdown, which is
// to be called once afterwards.
func (g *Gateway) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.drainBegun, cancel)()
	g.rechecking.Do(func() { g.background.Go(func() { g.gate.recheck.run(g.lifetime) }) })
	var others sync.WaitGroup
	for server, own := range g.listeners {
		for _, ln := range own {
			others.Go(func() { g.accept(ctx, ln, server) })
		}
	}
	g.accept(ctx, ln, "")
	cancel()
	others.Wait()
	return nil
}

// accept runs the connections of a listener. server is the one that it is for, or "".
func (g *Gateway) accept(ctx context.Context, ln net.Listener, server string) {
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	defer ln.Close()
	pause := time.Millisecond
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = time.Millisecond
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			// Out of descriptors, most likely: those in use will be given back, and
			// ending here would turn a full house into a closed one.
			g.log.Warn("accept failed, trying again", "error", err, "in", pause)
			if !sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		g.handle(conn, server)
	}
}

func (g *Gateway) handle(conn net.Conn, server string) {
	client := newClient(conn, server, g.limits, g.log, g.gate.refusals)
	c := &connection{id: g.lastID.Add(1), client: client, handle: &handle{client: client.raw}, gate: g.gate}
	if !g.gate.sessions.run(c.handle, func() {
		defer g.gate.ids.forget(c.id)
		c.run(g.lifetime)
	}) {
		conn.Close()
	}
}

// Sessions is how many connections there are now.
func (g *Gateway) Sessions() int { return g.gate.sessions.count() }

// Shutdown refuses new connections and ends each session, with error 1053, as soon as no
// statement of it runs and no transaction is open. When ctx is done the rest ends wherever
// it is.
func (g *Gateway) Shutdown(ctx context.Context) {
	defer g.background.Wait()
	defer g.gate.greetings.learning.Wait()
	defer g.endOfLife()
	g.gate.sessions.close()
	g.beginDrain()
	g.gate.sessions.end(ctx.Done())
}
