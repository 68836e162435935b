package graph

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/rest"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// maxBody is the largest request that is read, 4 MiB as of Graph's own limit.
const maxBody = 4 << 20

// AppID is the application id of Microsoft Graph, by which tokens may name it too.
const AppID = "00000003-0000-0000-c000-000000000000"

// publicName is that by which clients that know only Azure reach this API, through a proxy
// or a namespace.
const publicName = "graph.microsoft.com"

// Audiences returns the audiences by which tokens name Graph at base, a URL without a
// final slash. Clients make one of the endpoint that their cloud's definition has.
func Audiences(base string) []string {
	return []string{"https://graph.microsoft.com", "https://graph.microsoft.com/", AppID, base + "/graph", base + "/graph/"}
}

// Config says what the API needs.
type Config struct {
	Directory Directory
	// Verifier tells whose a bearer token is. Whatever it accepts, a token for another
	// audience than Audiences is refused: one that was handed to a database must not
	// open the directory.
	Verifier midas.Verifier
	// BaseURL is where the control plane is reached, without a final slash.
	BaseURL func() string
	// LoginURL is the authority to sign in at; nil for BaseURL()/adfs.
	LoginURL func() string

	Now func() time.Time // nil for time.Now
	Log *slog.Logger     // nil for silence
}

// API answers requests to /v1.0/… and /graph/v1.0/…, and the same under beta. It
// routes by the escaped path itself, so it must be given requests as they came.
type API struct {
	Config
	routes   []route
	refusals *throttledlog.Log
}

var _ http.Handler = (*API)(nil)

// New returns the API, or an error when something that it needs is missing.
func New(cfg Config) (*API, error) {
	if cfg.Directory == nil || cfg.Verifier == nil || cfg.BaseURL == nil {
		return nil, midas.Errorf(midas.Internal, "graph needs a directory, a verifier and a base URL")
	}
	if cfg.LoginURL == nil {
		cfg.LoginURL = func() string { return cfg.BaseURL() + "/adfs" }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{Config: cfg, refusals: throttledlog.New(cfg.Log, cfg.Now)}
	a.routes = a.table()
	return a, nil
}

// Serves tells whether a path is one of this API, for who shares an address with it.
func Serves(path string) bool {
	first, rest, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	if strings.EqualFold(first, "graph") {
		first, _, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
	}
	return version(first)
}

func version(segment string) bool {
	return strings.EqualFold(segment, "v1.0") || strings.EqualFold(segment, "beta")
}

// call is one request on its way to a handler.
type call struct {
	*http.Request
	id    string            // request-id
	base  string            // where the client reaches this API, without a final slash
	root  string            // URL of the service: https://host/graph/v1.0
	vars  map[string]string // variables of the route, unescaped
	keyed string            // name of the alternate key that {id} is a value of: "appid", or ""
	query options
	who   midas.Principal
	op    *directory.Operation // what a route that changes something does; nil for the others
	body  []byte
}

// answer is what a handler has to say. A nil body is an empty one.
type answer struct {
	status int
	body   any
}

const contentType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// ServeHTTP answers one request, with the two ids by which its trace is found.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := a.Now()
	c := &call{Request: r, id: uuid.NewString(), base: rest.Origin(r, a.BaseURL(), publicName)}
	h := w.Header()
	h.Set("request-id", c.id)
	h.Set("client-request-id", c.clientID())
	h.Set("OData-Version", "4.0")
	// Answers may hold what only this caller may see.
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")

	ans, err := a.handle(w, c)
	if err != nil {
		ans = a.fault(w, c, err)
	}
	if n, ok := ans.body.(count); ok {
		n.send(w, r)
	} else {
		rest.SendJSON(w, r, ans.status, contentType, ans.body)
	}
	a.log(c, ans, a.Now().Sub(start))
}

// log tells who changed what, and whose attempt to was refused. None of it fills the log: a
// principal may repeat what it may do, and a stranger what it may not.
func (a *API) log(c *call, ans answer, took time.Duration) {
	args := []any{
		"method", clip.Text(c.Method), "path", clip.Text(c.URL.EscapedPath()), "status", ans.status,
		"object", c.who.ObjectID, "client", c.who.ClientID, "id", c.id, "took", took,
	}
	changes := c.Method != http.MethodGet && c.Method != http.MethodHead
	switch {
	case !changes:
		a.Log.DebugContext(c.Context(), "graph request", args...)
	case c.who.ObjectID == "":
		a.refusals.Info(c.RemoteAddr, "graph request refused", args...)
	case ans.status >= http.StatusBadRequest:
		a.refusals.Known(slog.LevelInfo, c.who.ObjectID, "graph request refused", args...)
	default:
		segments, _ := rest.SplitPath(c.URL.EscapedPath())
		a.refusals.Known(slog.LevelInfo, strings.ToLower(c.who.ObjectID+" "+c.Method+" "+rest.JoinPath(segments)), "graph request", args...)
	}
}

// clientID is the client's own id of the request, or ours when it has none.
func (c *call) clientID() string {
	if given := c.Header.Get("client-request-id"); uuid.Validate(given) == nil && len(given) == 36 {
		return given
	}
	return c.id
}

// handle takes the steps that no route can skip, in this order: who the caller is, what it
// wants, whether it may, and only then anything that tells what exists.
func (a *API) handle(w http.ResponseWriter, c *call) (answer, error) {
	if err := a.authenticate(c); err != nil {
		return answer{}, err
	}
	segments, err := c.locate()
	if err != nil {
		return answer{}, err
	}
	found, allowed := a.match(c, segments)
	if found == nil {
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			return answer{}, errMethod
		}
		return answer{}, errSegment(segments)
	}
	if err := a.authorize(c, found); err != nil {
		return answer{}, err
	}
	if c.query, err = parseOptions(c.URL.RawQuery); err != nil {
		return answer{}, err
	}
	if c.body, err = rest.ReadBody(w, c.Request, maxBody); err != nil {
		return answer{}, err
	}
	ans, err := found.do(c)
	if errors.As(err, new(*directory.Denied)) {
		return answer{}, errDenied
	}
	return ans, err
}

// fault turns an error into an answer; what is ours to mend goes to the log, not to
// the caller.
func (a *API) fault(w http.ResponseWriter, c *call, err error) answer {
	f := faultOf(err)
	if f.status >= http.StatusInternalServerError {
		a.refusals.Error(c.RemoteAddr, "graph request failed", "id", c.id, "error", err, midas.HintAttr(err))
	}
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", a.challenge())
	}
	if f.close {
		w.Header().Set("Connection", "close")
	}
	return answer{f.status, f.envelope(a.Now(), c)}
}
