package metadata

import (
	"context"
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/feed"
)

// caller is what listener and URL prove about the caller.
type caller struct {
	// machine is the ARM id of the machine whose own listener the request came to.
	machine string
	// host is the ARM id of the machine that a caller without a match is taken for, in a
	// dialect that demands another proof.
	host string
	// secret stood in the path.
	secret string
	// stranger is set where neither address nor process say anything: a listener that
	// is not on this machine's own network.
	stranger bool
	// proxied is set where they are those of a proxy. The name that the client called is
	// its own all the same.
	proxied bool
}

// enter finds out which machine asks, by the strongest evidence there is: its own
// listener, its secret, its address, the process. Evidence that contradicts other
// evidence, or that is wrong, is a refusal and never passed over for a weaker kind.
func (e *Endpoint) enter(r *http.Request, c caller, header string) (*visit, *failure) {
	// Before anything is read: what is changed from here on may be seen or not.
	at, err := e.changes.CatchUp(r.Context())
	if err != nil {
		return nil, internal(err)
	}
	state := feedState{e.changes, at}
	vmID, err := e.vmOf(r, c, header, state)
	var m *machine
	var w midas.Workload
	if err == nil {
		m, w, err = e.machines.get(r.Context(), state, vmID)
	}
	switch midas.CodeOf(err) {
	case midas.Unauthenticated:
		return nil, unknownSource(err.Error())
	case midas.NotFound:
		// The secret was issued, or the match was made, for a machine that has been deleted
		// since.
		return nil, unknownSource("the machine exists no more")
	}
	if err != nil {
		return nil, internal(err)
	}
	return &visit{state: state, machine: m, workload: w}, nil
}

func (e *Endpoint) vmOf(r *http.Request, c caller, header string, state feedState) (string, error) {
	given, spelling := r.Header.Values(header), strings.Clone
	if c.secret != "" {
		// Some clients write the whole address in lower case. What is left of the secret
		// is more than enough to be none that can be guessed.
		given, spelling = append([]string{strings.ToLower(c.secret)}, given...), strings.ToLower
		header = "secret in the path"
	}
	switch {
	case c.machine != "":
		vmID, err := e.listeners.vmID(r.Context(), e.workloads, state, c.machine)
		if err != nil || len(given) == 0 {
			return vmID, err
		}
		if proved, err := e.vmOfSecret(given, header, spelling); err != nil || !strings.EqualFold(proved, vmID) {
			return "", midas.Errorf(midas.Unauthenticated, "the %s is not of this machine, or not any more", header)
		}
		return vmID, nil
	case len(given) > 0:
		return e.vmOfSecret(given, header, spelling)
	case c.stranger, c.proxied:
		return "", midas.Errorf(midas.Unauthenticated, "the request carries no %s", header)
	}
	vmID, err := e.vmOfMatch(r, state, header)
	if midas.CodeOf(err) == midas.Unauthenticated && c.host != "" {
		return e.listeners.vmID(r.Context(), e.workloads, state, c.host)
	}
	return vmID, err
}

// vmOfSecret returns the machine that the one secret given is of.
func (e *Endpoint) vmOfSecret(given []string, header string, spelling func(string) string) (string, error) {
	if len(given) > 1 {
		return "", midas.Errorf(midas.Unauthenticated, "the request carries %d secrets", len(given))
	}
	return e.secrets.machine(given[0], header, spelling)
}

// vmOfMatch returns the machine that a match of the request is of: one of its source address
// or, failing that, of its process. A request that came through a proxy has the proxy's
// address and process, so none of its matches counts.
func (e *Endpoint) vmOfMatch(r *http.Request, state feedState, header string) (string, error) {
	none := midas.Errorf(midas.Unauthenticated, "the request carries no %s", header)
	known, err := e.matches.get(r.Context(), e.workloads, state)
	if err != nil {
		return "", err
	}
	if known.empty() {
		return "", none
	}
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip"} {
		if _, there := r.Header[name]; there {
			return "", midas.Errorf(midas.Unauthenticated, "the request came through a proxy (%s), and carries no %s", name, header)
		}
	}
	source, here := endpoints(r)
	if !source.IsValid() {
		return "", none
	}
	passedOver := ""
	if vmID, ok := known.byAddress(source.Addr(), func() bool {
		own := e.isOwn(source, here)
		if own {
			passedOver = ": its workload matches do not count for this machine's own addresses, which each of its users has"
		}
		return own
	}); ok {
		return vmID, nil
	}
	if known.processes() && here.IsValid() {
		return e.vmOfProcess(r.Context(), known, source, here)
	}
	return "", midas.Errorf(midas.Unauthenticated, "the request carries no %s, and its address %s is of no machine here%s", header, source.Addr(), passedOver)
}

// unknownSource refuses a caller that is no workload of ours. Which secrets or
// machines exist is not told.
func unknownSource(why string) *failure {
	return &failure{status: http.StatusUnauthorized, reason: reasonSource, text: why}
}

// listeners remembers which machine an own listener is of, by ARM id.
type listeners struct{ known cache[string, string] }

func (l *listeners) vmID(ctx context.Context, ws Workloads, state feedState, resourceID string) (string, error) {
	return l.known.get(state, resourceID, func() (string, feed.Thing, error) {
		w, err := ws.WorkloadByID(ctx, resourceID)
		return w.VMID, feed.Thing{Kind: midas.ChangeWorkload, ID: w.ResourceID}, err
	})
}
