package metadata

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
)

// Workloads tells which identities a workload has.
type Workloads interface {
	// WorkloadByVMID returns the machine, or NotFound.
	WorkloadByVMID(ctx context.Context, vmID string) (midas.Workload, error)
}

// Config says whose tokens are handed out. Workloads, Minter and Secret are required.
type Config struct {
	Workloads Workloads
	Minter    midas.Minter
	// Secret is what the machine with that id proves itself with. It begins with the
	// id and a full stop, so that it can be checked without being stored.
	Secret func(vmID string) string
	Now    func() time.Time // nil for time.Now
	Log    *slog.Logger     // nil for silence
}

// Endpoint answers for IMDS and for App Service. It is safe for concurrent use.
type Endpoint struct {
	workloads Workloads
	minter    midas.Minter
	secret    func(vmID string) string
	now       func() time.Time
	log       *slog.Logger
	tokens    *tokens
}

var _ http.Handler = (*Endpoint)(nil)

// New returns an endpoint, or an Internal error when something that it needs is
// missing.
func New(cfg Config) (*Endpoint, error) {
	if cfg.Workloads == nil || cfg.Minter == nil || cfg.Secret == nil {
		return nil, midas.Errorf(midas.Internal, "the metadata endpoint needs workloads, a minter and a secret")
	}
	e := &Endpoint{workloads: cfg.Workloads, minter: cfg.Minter, secret: cfg.Secret, now: cfg.Now, log: cfg.Log}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	var err error
	e.tokens, err = newTokens(cfg.Minter, e.now)
	return e, err
}

// The paths, in the form that route gives them.
const (
	imdsToken       = "metadata/identity/oauth2/token"
	appServiceToken = "msi/token"
)

// ServeHTTP answers one request. It never redirects: an SDK that probes for IMDS must
// get its answer at once, and a redirect would send the workload's secret elsewhere.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path, ok := route(r)
	switch {
	case !ok:
		http.Error(w, "Invalid request", http.StatusBadRequest)
	case path == imdsToken:
		e.serveIMDS(w, r)
	case path == appServiceToken:
		e.serveAppService(w, r)
	default:
		write(w, http.StatusNotFound, imdsError{Error: "not_found", Description: "There is no such resource: the token is at /" + imdsToken + "."})
	}
}

// route returns the request's path without slashes at its ends and in lower case, as
// Azure matches it, with doubled slashes made one: client libraries make them of a
// base address that ends in a slash. It refuses what could be read in two ways.
func route(r *http.Request) (path string, ok bool) {
	escaped := r.URL.EscapedPath()
	if strings.ContainsAny(escaped, `\%`) {
		return "", false // no path here has a character that needs escaping
	}
	var parts []string
	for part := range strings.SplitSeq(escaped, "/") {
		switch part {
		case "":
		case ".", "..":
			return "", false
		default:
			parts = append(parts, strings.ToLower(part))
		}
	}
	return strings.Join(parts, "/"), true
}

// identify returns the workload whose secret the request carries, or a refusal.
func (e *Endpoint) identify(r *http.Request) (midas.Workload, error) {
	given := r.Header.Values(identityHeader)
	if len(given) != 1 {
		return midas.Workload{}, midas.Errorf(midas.Unauthenticated, "the request carries no %s", identityHeader)
	}
	vmID, _, ok := strings.Cut(given[0], ".")
	if !ok || len(given[0]) > maxSecret || !sameSecret(given[0], e.secret(vmID)) {
		return midas.Workload{}, midas.Errorf(midas.Unauthenticated, "the %s is of no machine here", identityHeader)
	}
	workload, err := e.workloads.WorkloadByVMID(r.Context(), vmID)
	if midas.CodeOf(err) == midas.NotFound {
		// The secret was right once: the machine has been deleted since.
		return midas.Workload{}, midas.Errorf(midas.Unauthenticated, "the machine of this %s exists no more", identityHeader)
	}
	return workload, err
}
