package metadata

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/feed"
	"github.com/midas-mysql/midas/internal/peer"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/midas-mysql/midas/token"
)

// Workloads tells which machines there are, which identities they have and by which
// matches they are known.
type Workloads interface {
	// WorkloadByVMID returns the machine, or NotFound.
	WorkloadByVMID(ctx context.Context, vmID string) (midas.Workload, error)
	// WorkloadByID returns the machine with that ARM id, or NotFound.
	WorkloadByID(ctx context.Context, resourceID string) (midas.Workload, error)
	// WorkloadMatches returns the matches of all machines.
	WorkloadMatches(ctx context.Context) ([]directory.WorkloadMatch, error)
	// Feed tells which of the answers may have changed: as ChangeWorkload those about a
	// machine, as ChangeWorkloadMatch those about its matches.
	midas.Feed
}

// Config says whose tokens are handed out. Workloads, Minter and Secret are required.
type Config struct {
	Workloads Workloads
	Minter    midas.Minter
	// Keys are the published ones of the Minter: a token is handed out again only while
	// its key is there. nil when none is ever revoked.
	Keys token.KeySet
	// Secret is what the machine with that id proves itself with until then: the id, a full
	// stop, the time in seconds since 1970, a full stop and a proof of both, so that it can
	// be checked without being stored.
	Secret func(vmID string, until time.Time) string
	// SecretLifetime is how far away the end of a secret may be; 0 for any time.
	SecretLifetime time.Duration
	// Limits are how much each machine may ask for; nil for AzureLimits.
	Limits *Limits
	// Arc is where Azure Arc's dialect puts its key files; the zero value switches that
	// dialect off.
	Arc ArcConfig
	// Faults makes requests for tokens go wrong; nil for none.
	Faults Faults
	// Names are those by which clients may call the endpoint, beside its addresses and
	// localhost.
	Names []string
	Now   func() time.Time // nil for time.Now
	Log   *slog.Logger     // nil for silence
}

// Endpoint answers for IMDS, App Service, Azure Arc, Cloud Shell, Azure ML and Service
// Fabric. It is safe for concurrent use.
type Endpoint struct {
	workloads Workloads
	secrets   secrets
	limits    Limits
	names     []string
	now       func() time.Time
	log       *slog.Logger
	refusals  *throttledlog.Log
	peer      func(source, here netip.AddrPort) (peer.Owner, error)

	changes   *feed.Follower
	machines  *machines
	listeners listeners
	matches   workloadMatchCache
	cgroups   *peer.Cgroups
	arc       *arc
	tokens    granter
}

var _ http.Handler = (*Endpoint)(nil)

// New returns an endpoint, or an Internal error when something that it needs is
// missing.
func New(cfg Config) (*Endpoint, error) {
	if cfg.Workloads == nil || cfg.Minter == nil || cfg.Secret == nil {
		return nil, midas.Errorf(midas.Internal, "the metadata endpoint needs workloads, a minter and a secret")
	}
	e := &Endpoint{
		workloads: cfg.Workloads, limits: AzureLimits, names: append([]string{"localhost"}, cfg.Names...),
		now: cfg.Now, log: cfg.Log, peer: peer.Of, changes: feed.NewFollower(cfg.Workloads),
	}
	if cfg.Limits != nil {
		e.limits = *cfg.Limits
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.refusals = throttledlog.New(e.log, e.now)
	e.tokens = cachedTokens{e.now}
	if cfg.Faults != nil {
		e.tokens = newFaulty(e.tokens, cfg.Faults, cfg.Minter, e.refusals)
	}
	e.secrets = secrets{cfg.Secret, cfg.SecretLifetime, e.now}
	var err error
	if e.cgroups, err = peer.NewCgroups(); err != nil {
		return nil, err
	}
	if e.arc, err = newArc(cfg.Arc, e.now); err != nil {
		return nil, err
	}
	e.machines, err = newMachines(cfg.Workloads, cfg.Minter, cfg.Keys, e.limits)
	return e, err
}

// Close removes the key files that are out. Nothing may be served afterwards.
func (e *Endpoint) Close() { e.arc.close() }

// ServeHTTP answers one request. Every process that can reach the listener may send one.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.serve(w, r, caller{}) }

// Own returns the handler of a listener that only the machine with that ARM id can
// reach: whatever comes there is the machine's. The machine need not exist yet.
func (e *Endpoint) Own(resourceID string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.serve(w, r, caller{machine: resourceID}) })
}

// Fabric returns the handler for Service Fabric's path alone. It is for a listener with
// TLS, which that dialect demands, and knows machines by their secret only.
func (e *Endpoint) Fabric() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, _, ok := route(r); !ok || path != fabricToken {
			e.noSuchPath(w, r)
			return
		}
		e.serve(w, r, caller{stranger: true})
	})
}

// Proxied returns the handler for a listener to which a proxy passes requests on, with the
// machine's secret in them: it knows machines by that alone.
func (e *Endpoint) Proxied() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.serve(w, r, caller{proxied: true}) })
}

// The paths of the dialects, in the form that route gives them.
const (
	imdsToken       = "metadata/identity/oauth2/token"
	imdsInfo        = "metadata/identity/info"
	imdsVersions    = "metadata/versions"
	imdsInstance    = "metadata/instance"
	imdsEvents      = "metadata/scheduledevents"
	appServiceToken = "msi/token"
	arcToken        = "arc/" + imdsToken
	cloudShellToken = "cloudshell/oauth2/token"
	fabricToken     = "servicefabric/token"
)

// SecretPath is the folder below which a machine's secret may stand in the path, for
// dialects that have no header for it: "/as/SECRET/metadata/identity/oauth2/token".
const SecretPath = "/as/"

// serve never redirects: an SDK that probes for IMDS must get its answer at once, and a
// redirect would send the workload's secret elsewhere.
func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request, c caller) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path, secret, ok := route(r)
	if c.secret = secret; !ok {
		http.Error(w, "Invalid request", http.StatusBadRequest)
		return
	}
	if f := e.fromBrowser(r, c); f != nil {
		e.refuse(w, r, f, refusalOf(path))
		return
	}
	if f := withBody(r); f != nil && path != cloudShellToken { // which has POST alone, and says so
		e.refuse(w, r, f, refusalOf(path))
		return
	}
	switch path {
	case imdsToken:
		e.serveToken(w, r, c, imds)
	case imdsInfo:
		e.serveInfo(w, r, c)
	case imdsVersions:
		e.serveVersions(w, r, c)
	case imdsEvents:
		e.serveEvents(w, r, c)
	case appServiceToken:
		e.serveToken(w, r, c, appServiceDialect(r))
	case arcToken:
		e.serveToken(w, r, c, e.arc.dialect())
	case cloudShellToken:
		e.serveToken(w, r, c, cloudShell)
	case fabricToken:
		e.serveToken(w, r, c, fabric)
	default:
		if below, is := strings.CutPrefix(path, imdsInstance); is && (below == "" || below[0] == '/') {
			e.serveInstance(w, r, c)
			return
		}
		e.noSuchPath(w, r)
	}
}

// refusalOf is the shape of refusals at a path: a client reads no other dialect's.
func refusalOf(path string) func(*failure) any {
	switch path {
	case appServiceToken:
		return appServiceRefusal
	case cloudShellToken:
		return cloudShellRefusal
	case fabricToken:
		return fabricRefusal
	}
	return imdsRefusal
}

func (e *Endpoint) noSuchPath(w http.ResponseWriter, r *http.Request) {
	e.refuse(w, r, &failure{
		status: http.StatusNotFound, reason: reasonNotFound,
		text: "There is no such resource: the token is at /" + imdsToken + ".",
	}, imdsRefusal)
}
