package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/lane"
	"github.com/midas-mysql/midas/internal/wire"
)

// Backends binds each server to the MySQL behind it. Both methods are called once per sign-in
// and are expected to keep what they opened.
type Backends interface {
	// Backend returns the MySQL of s, started if need be. It wraps ErrStopped for a server that
	// was stopped on purpose, which no client starts.
	Backend(ctx context.Context, s midas.Server) (Backend, error)
	// Accounts returns the account store of s, which is in that MySQL.
	Accounts(ctx context.Context, s midas.Server) (Accounts, error)
}

// ErrStopped is why a server that was stopped has no sessions.
var ErrStopped = errors.New("the server is stopped")

// Backend is the MySQL that sessions of a server are signed in to.
type Backend interface {
	Dial(ctx context.Context) (net.Conn, error) // before the server's greeting
	TLS() *tls.Config                           // nil: this hop stays as dialled
	Verified() bool                             // Dial itself has verified the process that answers
}

// Accounts are the AADUSER accounts of one server. *account.Store is one.
type Accounts interface {
	Lookups
	Secrets
	Watch
}

// Lookups tell whom a user name may open to.
type Lookups interface {
	Lookup(ctx context.Context, user string) ([]account.Account, error) // account.ErrDoubtful calls for Mend
	Mend(ctx context.Context, user string) ([]account.Account, error)
	// Native returns the hosts of the accounts of that name, if a password proves them.
	Native(ctx context.Context, user string) (hosts []string, err error)
	// Unproven returns the AADUSERs of that name whose account is locked, as it cannot be
	// proven to be theirs.
	Unproven(ctx context.Context, user string) ([]account.Account, error)
	// RequiresTLS tells whether the backend lets an account of that name in over TLS alone.
	RequiresTLS(ctx context.Context, user string) (bool, error)
}

// Secrets make accounts, and tell how to sign in as them.
type Secrets interface {
	EnsureAdministrator(ctx context.Context, login, objectID string) (account.Account, error)
	Create(ctx context.Context, r account.CreateRequest, ifNotExists bool) (account.Created, error)
	Secret(a account.Account) string
	// Reassert gives the backend account its secret again. changed is true when somebody had
	// changed it, so that another sign-in there is worth trying.
	Reassert(ctx context.Context, a account.Account) (changed bool, err error)
}

// Watch looks after the accounts while sessions last.
type Watch interface {
	// Live returns the accounts that the backend has, by mapping, and when the look at it
	// began that found them, maxAge ago at most.
	Live(ctx context.Context, maxAge time.Duration) (live map[string]account.Account, at time.Time, err error)
	// Sweep puts right what statements at the backend changed about accounts.
	Sweep(ctx context.Context) error
	// EndConnection ends a connection of the backend with what it is doing.
	EndConnection(ctx context.Context, id uint32) error
}

// own are the capabilities of the gateway itself, whatever the backend can do.
const own = wire.ClientProtocol41 | wire.ClientSecureConnection | wire.ClientPluginAuth |
	wire.ClientPluginAuthLenencClientData | wire.ClientConnectAttrs | wire.ClientConnectWithDB

// maxGreeting bounds what a backend may say before sign-in.
const maxGreeting = 64 << 10

// unknown is the greeting where no backend has greeted yet. It promises nothing but what the
// gateway itself can do.
var unknown = wire.Greeting{Version: "8.0.0-midas", Capabilities: wire.ClientLongPassword, Charset: charsetUTF8MB4, Status: wire.StatusAutocommit}

// charsetUTF8MB4 is utf8mb4_general_ci, which every server has.
const charsetUTF8MB4 = 45

// familyOf tells MySQL from MariaDB; "" of the greeting of no backend.
func familyOf(g wire.Greeting) string {
	switch {
	case g.Version == unknown.Version:
		return ""
	case strings.Contains(g.Version, "MariaDB"):
		return "MariaDB"
	}
	return "MySQL"
}

// backend is what is behind one server, and what the gateway has learned of it.
type backend struct {
	dialer   Backend
	accounts Accounts
	learned  *learned
}

// learned is what sign-ins to the backend of one server have shown. It stays when the server
// is bound anew.
type learned struct {
	mu       sync.Mutex
	greeting wire.Greeting // zero before the backend has greeted
	met      bool          // it greeted once
	family   string        // of its first greeting, see greetedAnother
	tried    time.Time     // when it was last asked for its greeting alone
	asking   chan struct{} // closed when that is over

	requireTLS  *requireTLS
	reasserting singleflight.Group
	// The sign-ins under way: by password, and by token, first those that look for their account.
	checking  *lane.Lane[netip.Prefix]
	admitting *lane.Lane[netip.Prefix]
	entering  *lane.Lane[accountAt]
}

// backends are those of all servers.
type backends struct {
	source Backends
	// mostWaiting is how many sign-ins of one account and source may wait for their turn.
	mostWaiting int
	underWay    *underWay

	mu      sync.Mutex
	learned map[string]*learned // by the server's unique id
}

// newBackends makes those of a gateway in which so many connections sign in at once.
func newBackends(source Backends, signingIn, perSource int) *backends {
	return &backends{
		source: source, mostWaiting: perSource / 2, underWay: newUnderWay(signingIn, perSource),
		learned: map[string]*learned{},
	}
}

// of returns the backend of a server.
func (b *backends) of(ctx context.Context, s midas.Server) (backend, error) {
	dialer, err := b.source.Backend(ctx, s)
	if err != nil {
		return backend{}, err
	}
	accounts, err := b.source.Accounts(ctx, s)
	if err != nil {
		return backend{}, err
	}
	return backend{dialer, accounts, b.about(s)}, nil
}

// about returns what has been learned of a server's backend.
func (b *backends) about(s midas.Server) *learned {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.learned[s.UniqueID]
	if known == nil {
		known = &learned{
			requireTLS: newRequireTLS(), checking: lane.New[netip.Prefix](passwordsAtOnce),
			admitting: lane.New[netip.Prefix](tokensAtOnce), entering: lane.New[accountAt](enteringAtOnce),
		}
		known.entering.Most = b.mostWaiting
		b.learned[s.UniqueID] = known
	}
	return known
}

// keep forgets what was learned of all servers but these.
func (b *backends) keep(servers []midas.Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.learned) <= len(servers) {
		return
	}
	there := make(map[string]*learned, len(servers))
	for _, s := range servers {
		if known := b.learned[s.UniqueID]; known != nil {
			there[s.UniqueID] = known
		}
	}
	b.learned = there
}

// beginAsking tells whether the caller is to ask for the greeting now, and returns a channel
// that is closed when it has been asked. A backend that did not greet is left alone for pause.
func (l *learned) beginAsking(now time.Time, pause time.Duration) (over chan struct{}, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asking != nil && now.Sub(l.tried) < pause {
		return l.asking, false
	}
	l.asking, l.tried = make(chan struct{}), now
	return l.asking, true
}

// hopTLS is the configuration for the connection that user signs in with, or nil.
func (b backend) hopTLS(user string, greeting wire.Greeting) *tls.Config {
	if config := b.dialer.TLS(); config != nil {
		return config
	}
	if b.learned.requireTLS.has(user) && greeting.Capabilities.Has(wire.ClientSSL) {
		return b.learned.requireTLS.config
	}
	return nil
}

// reassert sets an account's secret anew, once for all sign-ins that find it wrong at the same
// time: after a change many do, and each new secret would undo the last.
func (b backend) reassert(ctx context.Context, a account.Account, timeout time.Duration) (changed bool, err error) {
	done, err, _ := b.learned.reasserting.Do(a.Mapping, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		changed, err := b.accounts.Reassert(ctx, a)
		if midas.CodeOf(err) == midas.Forbidden {
			err = nil // it may not be mended; looking it up again says so
		}
		return changed, err
	})
	changed, _ = done.(bool)
	return changed, err
}

// maxRequireTLS bounds the names that are remembered. One that is forgotten is refused and
// asked about again.
const maxRequireTLS = 4 << 10

// requireTLS are the names of accounts that a backend lets in over TLS alone. An account that
// has REQUIRE SSL is let in so, and a unix socket is none. The hop to a backend that Dial has
// verified needs no TLS and has none, for speed: for these accounts it is started there all the
// same. Which they are is asked when the backend has refused one.
type requireTLS struct {
	names  *lru.Cache[string, struct{}]
	config *tls.Config
}

func newRequireTLS() *requireTLS {
	names, err := lru.New[string, struct{}](maxRequireTLS)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &requireTLS{names, &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // Dial has verified the process that answers
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}}
}

func (r *requireTLS) has(user string) bool {
	_, required := r.names.Get(user)
	return required
}

func (r *requireTLS) add(user string) { r.names.Add(user, struct{}{}) }

// readGreeting reads a server's first packet; an ERR in its place is the error.
func readGreeting(r io.Reader) (wire.Greeting, error) {
	payload, _, err := wire.ReadPacket(r, nil, maxGreeting)
	if err != nil {
		return wire.Greeting{}, err
	}
	if wire.IsERR(payload) {
		refused, err := wire.ParseERR(payload)
		if err != nil {
			return wire.Greeting{}, err
		}
		return wire.Greeting{}, midas.Errorf(midas.Unavailable, "%s", strings.TrimSpace(refused.Message))
	}
	return wire.ParseGreeting(payload)
}
