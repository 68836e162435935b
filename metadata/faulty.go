package metadata

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/injection"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/midas-mysql/midas/token"
)

// Faults decides which requests for tokens go wrong on purpose.
type Faults interface {
	// Take returns the fault that affects a request of the machine, if there is one.
	Take(vmID string) (injection.Fault, bool)
}

// faulty is a granter that goes wrong where it is ordered to, and else leaves the request to
// the one that it wraps.
type faulty struct {
	granter
	faults Faults
	minter midas.Minter
	log    *throttledlog.Log
	rogue  func() (token.SigningKey, error)
}

func newFaulty(g granter, faults Faults, minter midas.Minter, log *throttledlog.Log) *faulty {
	return &faulty{g, faults, minter, log, sync.OnceValues(func() (token.SigningKey, error) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return token.SigningKey{KeyID: "rotated-" + strings.ToLower(rand.Text()), Private: key}, err
	})}
}

func (g *faulty) grant(w http.ResponseWriter, r *http.Request, v *visit, d dialect, q query) (id midas.Identity, t midas.Token, f *failure) {
	fault, ordered := g.faults.Take(v.workload.VMID)
	if !ordered {
		return g.granter.grant(w, r, v, d, q)
	}
	g.log.Known(slog.LevelWarn, v.workload.VMID, "injected fault", "fault", fault.Kind, "machine", v.workload.ResourceID)
	if f = replace(w, r, fault); f != nil {
		return id, t, f
	}
	if id, f = chosen(v, d, q); f != nil {
		return id, t, f
	}
	t, err := g.token(r.Context(), fault, midas.TokenRequest{Identity: id, Resource: q.resource, Host: v.workload.ResourceID})
	if err != nil {
		return id, t, internal(err)
	}
	return id, t, nil
}

// replace returns the answer that a fault gives in place of a token, or nil. It waits where the
// fault is a delay.
func replace(w http.ResponseWriter, r *http.Request, f injection.Fault) *failure {
	switch f.Kind {
	case injection.Throttled:
		return throttled()
	case injection.NotFound:
		return &failure{status: http.StatusNotFound, reason: reasonNotFound, text: "The service is being updated."}
	case injection.Gone:
		return &failure{status: http.StatusGone, reason: reasonNotFound, text: "The service is being updated and is back within 70 seconds."}
	case injection.ServerError:
		return &failure{status: http.StatusInternalServerError, reason: reasonInternal}
	case injection.Empty:
		return &failure{status: http.StatusOK, silent: true}
	case injection.NotJSON:
		return &failure{status: http.StatusOK, raw: &rawBody{"text/html", "<!DOCTYPE html><html><body>Sign in to the network</body></html>\n"}}
	case injection.Slow:
		// The server's own patience must not end first.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(f.Delay + time.Minute))
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	return nil
}

// elsewhere is an audience that no server here has.
const elsewhere = "https://wrong-audience.invalid"

// token mints the token that a fault hands out. None of them is cached. A faulty one opens
// nothing: it has expired, has another audience, or is signed with a key that is thrown away.
func (g *faulty) token(ctx context.Context, f injection.Fault, r midas.TokenRequest) (midas.Token, error) {
	switch f.Kind {
	case injection.Expired:
		r.Expired = true
	case injection.WrongAudience:
		r.Resource = elsewhere
	}
	t, err := g.minter.Mint(ctx, r)
	if err != nil || f.Kind != injection.UnknownKey {
		return t, err
	}
	return g.resign(t)
}

// resign gives t the signature of a key that is not published.
func (g *faulty) resign(t midas.Token) (midas.Token, error) {
	_, claims, err := token.DecodeUnverified(t.Raw)
	if err != nil {
		return midas.Token{}, err
	}
	key, err := g.rogue()
	if err != nil {
		return midas.Token{}, midas.Errorf(midas.Internal, "make a key for a fault: %w", err)
	}
	t.KeyID = key.KeyID
	t.Raw, err = token.Sign(key, claims)
	return t, err
}
