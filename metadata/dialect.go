package metadata

import (
	"net/http"
	"time"

	"github.com/midas-mysql/midas"
)

// dialect is one protocol in which workloads ask for tokens.
type dialect struct {
	// secretHeader carries the secret of the workload.
	secretHeader string
	// demanded is set where there is no answer without it, however the machine is known:
	// the dialect has no other defence against server-side request forgery.
	demanded bool
	// parse reads the request, or says what is wrong with it.
	parse func(*http.Request) (query, *failure)
	// prove asks for more than the recognition of the machine; nil for no more.
	prove func(r *http.Request, vmID string) *failure
	// choose finds the identity that is meant.
	choose func(midas.Workload, selector) (midas.Identity, *failure)
	answer func(*Endpoint, query, midas.Identity, midas.Token) any
	refuse func(*failure) any
}

// serveToken answers a request for a token in dialect d.
func (e *Endpoint) serveToken(w http.ResponseWriter, r *http.Request, c caller, d dialect) {
	q, f := d.parse(r)
	if f != nil {
		e.refuse(w, r, f, d.refuse)
		return
	}
	if d.demanded && c.secret == "" && len(r.Header.Values(d.secretHeader)) == 0 {
		e.refuse(w, r, unknownSource("the request carries no "+d.secretHeader), d.refuse)
		return
	}
	if d.prove != nil {
		c.host = e.arc.machine
	}
	v, f := e.enter(r, c, d.secretHeader)
	if f != nil {
		e.refuse(w, r, f, d.refuse)
		return
	}
	// What follows is charged to the machine: only who has proved to be it spends its share.
	if d.prove != nil {
		if f = d.prove(r, v.workload.VMID); f != nil {
			e.refuse(w, r, f, d.refuse)
			return
		}
	}
	if f = v.admitToken(e.limits, e.now()); f != nil {
		e.refuse(w, r, f, d.refuse)
		return
	}
	defer v.leave()
	id, t, f := e.tokens.grant(w, r, v, d, q)
	if f != nil {
		e.refuse(w, r, f, d.refuse)
		return
	}
	write(w, http.StatusOK, d.answer(e, q, id, t))
}

// granter hands out the token that a request asks for. The machine has proved which one it is,
// and has not exceeded its limits.
type granter interface {
	grant(w http.ResponseWriter, r *http.Request, v *visit, d dialect, q query) (midas.Identity, midas.Token, *failure)
}

// cachedTokens is the granter of every request for which no fault is ordered.
type cachedTokens struct{ now func() time.Time }

func (g cachedTokens) grant(_ http.ResponseWriter, r *http.Request, v *visit, d dialect, q query) (midas.Identity, midas.Token, *failure) {
	id, f := chosen(v, d, q)
	if f != nil {
		return id, midas.Token{}, f
	}
	t, err := v.machine.tokens.get(r.Context(), g.now(), v.state, id, v.workload.ResourceID, q.resource, q.fresh)
	if err != nil {
		return id, t, internal(err)
	}
	return id, t, nil
}

// chosen returns the identity that a request means, once its resource has the form of one.
func chosen(v *visit, d dialect, q query) (midas.Identity, *failure) {
	if !validResource(q.resource) {
		return midas.Identity{}, &failure{status: http.StatusBadRequest, reason: reasonAudience, text: q.resource}
	}
	return d.choose(v.workload, q.selector)
}
