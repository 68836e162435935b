package arm

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/rest"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// maxBody is the largest request that Resource Manager takes, 4 MiB.
const maxBody = 4 << 20

// maxLoggedPath is how much the log has of a path, which may be a stranger's.
const maxLoggedPath = 512

// Audiences returns the audiences by which tokens name Resource Manager. The first
// is the one that clients are told to ask for; it is that of Azure's public cloud,
// so that az works with and without a registered cloud.
func Audiences() []string {
	return []string{"https://management.core.windows.net/", "https://management.azure.com", "https://management.azure.com/"}
}

// Config is what an API needs.
type Config struct {
	Directory Directory
	// Verifier tells whose a bearer token is. Whatever it accepts, a token for another
	// audience than Audiences is refused: one that was handed to a database must not
	// open the control plane.
	Verifier midas.Verifier
	// BaseURL is where this API is reached, without a final slash.
	BaseURL func() string
	// LoginURL is the authority to sign in at; nil for BaseURL()/adfs. A last segment of
	// "adfs" keeps every MSAL from asking login.microsoftonline.com about it.
	LoginURL func() string
	// DefaultAdmin administers servers that are made without an administrator; nil for
	// none.
	DefaultAdmin *midas.Administrator
	// MetadataURL and WorkloadSecret are what a program needs to act as a machine: the
	// base URL of the metadata endpoint and the machine's secret there. When either is
	// nil, listIdentityEndpoint does not exist.
	MetadataURL    func() string
	WorkloadSecret func(vmID string, until time.Time) string
	// SecretLifetime is how long such a secret lasts at most, and when no time is asked for;
	// 0 for a day.
	SecretLifetime time.Duration
	// SigningKeys are the token issuer's; nil when it is elsewhere.
	SigningKeys SigningKeys
	// Faults is the switch of the metadata endpoint's faults; nil when there is none.
	Faults Faults
	// ServersDeleted is called after servers were deleted and before the answer, so that
	// what they have elsewhere can be dropped; nil when they have nothing there. It does
	// not fail: the directory remembers who departed. The context may end at any time.
	ServersDeleted func(ctx context.Context)

	// Backends are the databases behind the servers; nil when they are elsewhere.
	Backends Backends
	// Settings are the parameters of those databases; nil when none can be set.
	Settings Settings
	// Databases are those of the servers; nil when nobody can tell.
	Databases Databases
	// Accounts are those of the servers; nil when they are elsewhere.
	Accounts Accounts

	Now func() time.Time // nil for time.Now
	Log *slog.Logger     // nil for silence
}

// API answers requests to Resource Manager. It routes by the escaped path itself, so
// it must be given requests as they came: behind http.ServeMux, which redirects
// double slashes, some clients fail.
type API struct {
	Config
	routes   []route
	refusals *throttledlog.Log
}

var _ http.Handler = (*API)(nil)

// New returns the API, or an error when something that it needs is missing.
func New(cfg Config) (*API, error) {
	if cfg.Directory == nil || cfg.Verifier == nil || cfg.BaseURL == nil {
		return nil, midas.Errorf(midas.Internal, "arm needs a directory, a verifier and a base URL")
	}
	if cfg.LoginURL == nil {
		cfg.LoginURL = func() string { return cfg.BaseURL() + "/adfs" }
	}
	if cfg.ServersDeleted == nil {
		cfg.ServersDeleted = func(context.Context) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.SecretLifetime <= 0 {
		cfg.SecretLifetime = 24 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{Config: cfg, refusals: throttledlog.New(cfg.Log, cfg.Now)}
	a.routes = a.table()
	return a, nil
}

// call is one request on its way to a handler.
type call struct {
	*http.Request
	id     string            // x-ms-request-id
	route  *route            // nil without one
	scope  string            // ARM id at which route.action is needed
	vars   map[string]string // variables of the route, unescaped
	query  map[string]string // by name in lower case
	base   string            // where the client reaches this API, without a final slash
	who    midas.Principal   // zero on an open route
	access directory.Access  // what who may do; nothing on an open route
	body   []byte
	op     *directory.Operation // of a request that is no read
	// filtered says that the handler has read $filter.
	filtered bool
}

// deed is why a success is an event of the activity log though the directory did not
// change.
type deed int

const (
	noDeed deed = iota
	handedOut
	changedElsewhere
)

// answer is what a handler has to say. A nil body is an empty one.
type answer struct {
	status int
	body   any
	etag   string // of a resource, unquoted
	made   string // ARM id of what was made, for kinds whose answer names it in a header
	// deed is set of an operation that did something which the directory does not know of.
	deed deed
	// monitor and location are where a client may ask what has come of the operation.
	monitor, location string
}

// ServeHTTP answers one request, with the two ids by which ARM's support finds it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := a.Now()
	c := &call{Request: r, id: uuid.NewString(), base: rest.Origin(r, a.BaseURL(), publicNames...)}
	h := w.Header()
	h.Set("x-ms-request-id", c.id)
	h.Set("x-ms-correlation-request-id", correlation(r, c.id))
	if client := r.Header.Get("x-ms-client-request-id"); uuid.Validate(client) == nil && strings.EqualFold(r.Header.Get("x-ms-return-client-request-id"), "true") {
		h.Set("x-ms-client-request-id", client)
	}
	// Answers may hold what only this caller may see.
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")

	ans, err := a.handle(w, c)
	code := ""
	if err != nil {
		ans, code = a.render(w, c, err)
	}
	a.note(c, ans, code)
	ans.header(h)
	rest.SendJSON(w, r, ans.status, "application/json; charset=utf-8", ans.body)
	a.log(c, ans, a.Now().Sub(start))
}

// log tells who changed what, and whose attempt to was refused. None of it fills the log: a
// principal may repeat what it may do, and a stranger what it may not.
func (a *API) log(c *call, ans answer, took time.Duration) {
	path := clip.To(c.URL.EscapedPath(), maxLoggedPath)
	args := []any{
		"method", clip.To(c.Method, 16), "path", path, "status", ans.status,
		"object", c.who.ObjectID, "client", c.who.ClientID, "id", c.id, "took", took,
	}
	changes := c.Method != http.MethodGet && c.Method != http.MethodHead
	switch {
	case !changes:
		a.Log.DebugContext(c.Context(), "request", args...)
	case c.who.ObjectID == "":
		a.refusals.Info(c.RemoteAddr, "request refused", args...)
	case ans.status >= http.StatusBadRequest:
		a.refusals.Known(slog.LevelInfo, c.who.ObjectID, "request refused", args...)
	default:
		segments, _ := rest.SplitPath(c.URL.EscapedPath())
		a.refusals.Known(slog.LevelInfo, strings.ToLower(c.who.ObjectID+" "+c.Method+" "+rest.JoinPath(segments)), "request", args...)
	}
}

// handle takes the steps that no route can skip, in this order: the caller, the action,
// whether the caller may, and only then anything that tells what exists.
func (a *API) handle(w http.ResponseWriter, c *call) (answer, error) {
	segments, ok := rest.SplitPath(c.URL.EscapedPath())
	long := len(c.URL.EscapedPath()) > maxPath
	if !ok || long {
		segments = nil // matches no route
	}
	found, methods := a.match(c, segments)
	if found == nil || found.audience != open {
		if err := a.authenticate(c); err != nil {
			return answer{}, err
		}
		a.begin(w, c)
		if err := a.authorize(c, found); err != nil {
			return answer{}, err
		}
	}
	if long {
		return answer{}, errLongPath
	}
	if err := readQuery(c); err != nil {
		return answer{}, err
	}
	if found == nil {
		if len(methods) > 0 {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			return answer{}, errMethod(c.Method)
		}
		return answer{}, errNoRoute(segments, c.query["api-version"])
	}
	if _, own := a.Directory.Tenant(); c.vars["sub"] != "" && !strings.EqualFold(c.vars["sub"], own) {
		return answer{}, errSubscription(c.vars["sub"])
	}
	var err error
	if c.body, err = rest.ReadBody(w, c.Request, maxBody); err != nil {
		return answer{}, err
	}
	return a.run(c)
}

// run does what the call's route does. Roles and locks are judged when the content has come,
// in the transaction of the change or, where the directory keeps none of it, before it: a
// caller that lost its role while it sent the content does nothing with it.
func (a *API) run(c *call) (answer, error) {
	if c.route.admit {
		if err := a.Directory.Admit(c.Context(), c.op); err != nil {
			return answer{}, c.denied(err)
		}
	}
	ans, err := c.unfiltered(c.route.do(c))
	return ans, c.denied(err)
}

// match finds the route of a request; without one, methods lists those that the path
// has.
func (a *API) match(c *call, segments []string) (found *route, methods []string) {
	for i := range a.routes {
		r := &a.routes[i]
		vars, ok := r.vars(segments)
		if !ok {
			continue
		}
		if r.method == c.Method {
			c.route, c.vars, c.scope = r, vars, r.scopeIn(segments)
			return r, nil
		}
		if !slices.Contains(methods, r.method) {
			methods = append(methods, r.method)
		}
	}
	return nil, methods
}

// publicNames are those by which clients that know only Azure reach this API, through a
// proxy or a namespace.
var publicNames = []string{"management.azure.com", "management.core.windows.net"}

func correlation(r *http.Request, id string) string {
	if given := r.Header.Get("x-ms-correlation-request-id"); uuid.Validate(given) == nil {
		return given
	}
	return id
}
