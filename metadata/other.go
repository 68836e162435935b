package metadata

import (
	"fmt"
	"net/http"
)

// enterOther is what everything of IMDS has to pass that is no token: the header, the
// recognition of the machine and its share.
func (e *Endpoint) enterOther(r *http.Request, c caller) (*visit, *failure) {
	if f := preconditions(r); f != nil {
		return nil, f
	}
	v, f := e.enter(r, c, identityHeader)
	if f == nil {
		f = v.admitOther(e.now())
	}
	return v, f
}

// parameters reads a query of which each parameter is there once at most.
func parameters(r *http.Request, names ...string) (map[string]string, *failure) {
	out := map[string]string{}
	values, err := parseValues(r.URL.RawQuery)
	if err == nil {
		for _, name := range names {
			if out[name], err = (grammar{}).one(values, name); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, badRequest("Bad request: " + err.Error() + ". Fix the request and retry.")
	}
	return out, nil
}

// serveVersions answers GET /metadata/versions, the one thing that needs no version.
func (e *Endpoint) serveVersions(w http.ResponseWriter, r *http.Request, c caller) {
	if _, f := e.enterOther(r, c); f != nil {
		e.refuse(w, r, f, otherRefusal)
		return
	}
	write(w, http.StatusOK, map[string][]string{"apiVersions": versions})
}

// serveInfo answers GET /metadata/identity/info: whose tenant issues the tokens.
func (e *Endpoint) serveInfo(w http.ResponseWriter, r *http.Request, c caller) {
	tenant, f := e.info(r, c)
	if f != nil {
		e.refuse(w, r, f, imdsRefusal)
		return
	}
	write(w, http.StatusOK, map[string]string{"tenantId": tenant})
}

func (e *Endpoint) info(r *http.Request, c caller) (string, *failure) {
	if f := preconditions(r); f != nil {
		return "", f
	}
	given, f := parameters(r, "api-version")
	if f != nil {
		return "", f
	}
	if !since(given["api-version"], identityVersion) {
		return "", badVersion()
	}
	v, f := e.enter(r, c, identityHeader)
	if f != nil {
		return "", f
	}
	// It is of the identity category, and counts there.
	if f := v.admitToken(e.limits, e.now()); f != nil {
		return "", f
	}
	defer v.leave()
	// Azure has none to tell, either, of a machine without an identity.
	switch w := v.workload; {
	case w.System != nil:
		return w.System.TenantID, nil
	case len(w.UserAssigned) > 0:
		return w.UserAssigned[0].TenantID, nil
	}
	return "", noIdentity(notFound)
}

// eventsVersion is the first version with the category of scheduled events.
const eventsVersion = "2017-08-01"

// serveEvents answers GET /metadata/scheduledevents: nothing is ever scheduled for a
// machine that is a record in a directory.
func (e *Endpoint) serveEvents(w http.ResponseWriter, r *http.Request, c caller) {
	_, f := e.enterOther(r, c)
	if f == nil {
		var given map[string]string
		if given, f = parameters(r, "api-version"); f == nil && !since(given["api-version"], eventsVersion) {
			f = badVersion()
		}
	}
	if f != nil {
		e.refuse(w, r, f, otherRefusal)
		return
	}
	write(w, http.StatusOK, map[string]any{"DocumentIncarnation": 1, "Events": []any{}})
}

// otherRefusal is the body of a refusal outside the identity category: one word less.
// Source: specification of the Instance Metadata Service, ErrorResponse.
func otherRefusal(f *failure) any {
	switch f.reason {
	case reasonVersion:
		return imdsError{Error: f.text, Newest: newestVersions()}
	case reasonInternal:
		return imdsError{Error: "Internal server error. For details see the log of midas."}
	case reasonSource:
		return imdsRefusal(f)
	case reasonThrottled:
		return imdsError{Error: "Too many requests"}
	}
	return imdsError{Error: fmt.Sprintf("Bad request. %s", f.text)}
}
