package gateway

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/refusals"
	"github.com/midas-mysql/midas/internal/relay"
	"github.com/midas-mysql/midas/internal/sender"
)

// Servers tells which MySQL servers this gateway fronts.
type Servers interface {
	// Server finds a server by short or full name, NotFound otherwise.
	Server(ctx context.Context, name string) (midas.Server, error)
	Servers(ctx context.Context) ([]midas.Server, error)
}

// Accounts are the AADUSER accounts of one server. *account.Store is one.
type Accounts interface {
	Lookup(ctx context.Context, user string) ([]account.Account, error)
	// Native returns the hosts of the accounts of that name, if a password proves them.
	Native(ctx context.Context, user string) (hosts []string, err error)
	EnsureAdministrator(ctx context.Context, login, objectID string) (account.Account, error)
	Create(ctx context.Context, r account.CreateRequest, ifNotExists bool) (account.Created, error)
	Secret(a account.Account) string
	// Reassert gives the backend account its secret again. changed is true when somebody had
	// changed it, so that another sign-in there is worth trying.
	Reassert(ctx context.Context, a account.Account) (changed bool, err error)
	// Unproven returns the AADUSERs of that name whose account is locked, as it cannot be
	// proven to be theirs.
	Unproven(ctx context.Context, user string) ([]account.Account, error)
	// RequiresTLS tells whether the backend lets an account of that name in over TLS alone.
	RequiresTLS(ctx context.Context, user string) (bool, error)
	// Live returns the accounts that the backend has, by mapping, and when the look at it
	// began that found them, maxAge ago at most.
	Live(ctx context.Context, maxAge time.Duration) (live map[string]account.Account, at time.Time, err error)
	// Sweep puts right what statements at the backend changed about accounts.
	Sweep(ctx context.Context) error
	// EndConnection ends a connection of the backend with what it is doing.
	EndConnection(ctx context.Context, id uint32) error
	// Bereft returns the ids of the other servers on the backend whose Sweep has an account
	// to follow that was dropped or renamed.
	Bereft(ctx context.Context) (servers []string, err error)
}

// Backend is the MySQL behind: where sessions are signed in to.
type Backend interface {
	Dial(ctx context.Context) (net.Conn, error) // before the server's greeting
	TLS() *tls.Config                           // nil: this hop stays as dialled
	Verified() bool                             // Dial itself has found out who answers
	DB() *sql.DB                                // privileged, for account storage
}

// Config is what a Gateway needs. Verifier, Servers, Backend, Accounts and TLS are
// required.
type Config struct {
	Verifier midas.Verifier
	Servers  Servers
	Backend  Backend
	// Accounts opens the account store of a server; it is called once per sign-in
	// and is expected to keep what it opened.
	Accounts func(ctx context.Context, s midas.Server) (Accounts, error)
	TLS      *tls.Config
	// Exists tells whether a principal that a token proved is still there; nil when nobody
	// can be asked. It must say so of principals of issuers that it does not know.
	Exists func(ctx context.Context, p midas.Principal) (bool, error)
	// Groups returns the object ids of the groups that a principal is in now, nested ones
	// included. They take the place of those that its token lists; nil when nobody can be
	// asked. known is false for principals of issuers that it does not know.
	Groups func(ctx context.Context, p midas.Principal) (ids []string, known bool, err error)

	// Feed says what changed in the directory behind Servers, Exists and Groups. With it
	// their answers are remembered, and a sign-in asks for what it names alone; nil: they are
	// asked each time.
	Feed midas.Feed

	// Audit receives every sign-in, admitted or refused. It must not block.
	Audit func(midas.SignIn)

	SignInTimeout         time.Duration // from accept to OK; default 10 s
	MaxSigningIn          int           // connections signing in at once; default 2048
	MaxSigningInPerSource int           // the same from one source; default half of MaxSigningIn
	// WriteTimeout is how long a session may take nothing of what it is sent before it is
	// ended; default 10 min, which is what JDBC drivers ask of a server for results that
	// are read slowly.
	WriteTimeout time.Duration
	Recheck      time.Duration // how often identities and accounts of sessions are asked for; default 2 s
	Now          func() time.Time
	Log          *slog.Logger
}

// The settings of a Config that are left zero.
const (
	DefaultMaxSigningIn = 2048
	DefaultWriteTimeout = 10 * time.Minute
)

// Gateway accepts MySQL clients. Make one with New.
type Gateway struct {
	Config
	plane       *plane
	limits      *limits
	tokens      *lane // the sign-ins by token under way
	passwords   *lane
	guesses     *guesses
	refusals    *refusals.Log
	reasserting singleflight.Group
	lastID      atomic.Uint32
	hello       hello
	requireTLS  *requireTLS

	mu          sync.Mutex
	sessions    map[*session]struct{}
	upstreamIDs map[uint32]uint32 // connection ids that clients know → those of the backend
	closing     bool
	running     sync.WaitGroup

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

// New checks cfg and asks the backend what it can do, so that the first client is
// greeted with what both sides can relay. It fails when the backend does not answer.
func New(ctx context.Context, cfg Config) (*Gateway, error) {
	if cfg.Verifier == nil || cfg.Servers == nil || cfg.Backend == nil || cfg.Accounts == nil || cfg.TLS == nil {
		return nil, midas.Errorf(midas.Internal, "gateway: Verifier, Servers, Backend, Accounts and TLS are required")
	}
	cfg.SignInTimeout = orDefault(cfg.SignInTimeout, 10*time.Second)
	cfg.MaxSigningIn = orDefault(cfg.MaxSigningIn, DefaultMaxSigningIn)
	cfg.MaxSigningInPerSource = orDefault(cfg.MaxSigningInPerSource, max(1, cfg.MaxSigningIn/2))
	cfg.WriteTimeout = orDefault(cfg.WriteTimeout, DefaultWriteTimeout)
	cfg.Recheck = orDefault(cfg.Recheck, 2*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Audit == nil {
		cfg.Audit = func(midas.SignIn) {}
	}
	g := &Gateway{
		plane:       newPlane(cfg),
		Config:      cfg,
		limits:      newLimits(cfg.MaxSigningIn, cfg.MaxSigningInPerSource),
		tokens:      newLane(tokensAtOnce),
		passwords:   newLane(passwordsAtOnce),
		guesses:     newGuesses(),
		requireTLS:  newRequireTLS(),
		refusals:    refusals.New(cfg.Log, cfg.Now),
		sessions:    map[*session]struct{}{},
		upstreamIDs: map[uint32]uint32{},
	}
	g.drainBegun, g.beginDrain = context.WithCancel(context.Background())
	g.lifetime, g.endOfLife = context.WithCancel(context.Background())
	g.lastID.Store(firstID())
	if err := g.hello.learn(ctx, cfg.Backend); err != nil {
		return nil, err
	}
	return g, nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Serve accepts from ln until ctx ends or Shutdown is called; ln is then closed. Sessions
// go on until Shutdown, which is to be called once afterwards.
func (g *Gateway) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.drainBegun, cancel)()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	defer ln.Close()
	g.rechecking.Do(func() { g.background.Go(func() { g.recheck(g.lifetime) }) })
	pause := time.Millisecond
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = time.Millisecond
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		default:
			// Out of descriptors, most likely: those in use will be given back, and
			// ending here would turn a full house into a closed one.
			g.Log.Warn("accept failed, trying again", "error", err, "in", pause)
			if !sleep(ctx, pause) {
				return nil
			}
			pause = min(2*pause, time.Second)
			continue
		}
		g.handle(conn)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *Gateway) handle(conn net.Conn) {
	guarded := relay.NewGuarded(conn)
	s := &session{Gateway: g, raw: guarded, source: sender.OfConn(conn), id: g.lastID.Add(1), validateIDs: true}
	client := &listening{Guarded: guarded, session: s}
	s.conn, s.from = client, client
	g.mu.Lock()
	if g.closing {
		g.mu.Unlock()
		conn.Close()
		return
	}
	g.sessions[s] = struct{}{}
	g.running.Add(1)
	g.mu.Unlock()
	go func() {
		defer g.running.Done()
		defer func() {
			g.mu.Lock()
			delete(g.sessions, s)
			delete(g.upstreamIDs, s.id)
			g.mu.Unlock()
		}()
		s.run(g.lifetime)
	}()
}

// Sessions is how many connections there are now.
func (g *Gateway) Sessions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

func (g *Gateway) each(do func(*session)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.sessions {
		do(s)
	}
}

func sourceOf(conn net.Conn) netip.Addr {
	if ap, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		return ap.Addr().Unmap()
	}
	return netip.Addr{}
}
