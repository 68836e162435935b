package metadata

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/midas-mysql/midas"
)

// imdsError is the body of every refusal.
// Source: Microsoft Learn, "How to use managed identities on an Azure VM to acquire an
// access token", error handling.
type imdsError struct {
	Error       string   `json:"error"`
	Description string   `json:"error_description,omitempty"`
	Newest      []string `json:"newest-versions,omitempty"`
}

// imdsAnswer is a token. Numbers are strings, which clients rely on: Microsoft's own
// sample reads the whole as a map of strings.
type imdsAnswer struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	ExpiresIn    string `json:"expires_in"`
	ExpiresOn    string `json:"expires_on"`
	ExtExpiresIn string `json:"ext_expires_in"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	TokenType    string `json:"token_type"`
	// The selector is echoed: a client of Azure Arc takes a token for that of the
	// wrong identity without it.
	ObjectID   string `json:"object_id,omitempty"`
	ResourceID string `json:"msi_res_id,omitempty"`
}

// serveIMDS answers GET /metadata/identity/oauth2/token.
func (e *Endpoint) serveIMDS(w http.ResponseWriter, r *http.Request) {
	status, body := e.imds(r)
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodGet)
	}
	write(w, status, body)
}

func (e *Endpoint) imds(r *http.Request) (status int, body any) {
	if status, refused := preconditions(r); refused != nil {
		return status, refused
	}
	q, err := parseQuery(r.URL.RawQuery)
	switch {
	case err != nil:
		return invalid("Bad request: " + err.Error() + ". Fix the request and retry.")
	case q.version == "" || !slices.Contains(identityVersions, q.version):
		return http.StatusBadRequest, imdsError{
			Error: "Bad request. api-version is invalid or was not specified in the request. " +
				"For more information refer to aka.ms/azureimds", Newest: newestVersions(),
		}
	case q.resource == "":
		return invalid("Missing required parameter \"resource\". Fix the request and retry.")
	}
	workload, err := e.identify(r)
	if err != nil {
		return e.unknownSource(r, err)
	}
	if !validResource(q.resource) {
		return http.StatusBadRequest, imdsError{Error: "invalid_resource", Description: fmt.Sprintf(
			"AADSTS500011: The resource principal named %s was not found in the tenant. "+
				"A resource is an application id URI, such as %s.", clip(q.resource), midas.Resource)}
	}
	id, err := choose(workload, q.selector)
	if err != nil {
		return e.imdsRefusal(r, err)
	}
	t, err := e.tokens.get(r.Context(), id, workload.ResourceID, q.resource, q.fresh)
	if err != nil {
		return e.imdsRefusal(r, err)
	}
	return http.StatusOK, e.imdsToken(q, id, t)
}

// preconditions are what IMDS asks of every request. They keep it from answering
// somebody who can make a program on the machine send a request (server-side request
// forgery): such a request has rarely a header of the attacker's choice, and comes
// through a proxy often.
func preconditions(r *http.Request) (int, any) {
	if r.Method != http.MethodGet {
		return http.StatusMethodNotAllowed, imdsError{Error: "method_not_allowed", Description: "Only GET is supported."}
	}
	if _, forwarded := r.Header["X-Forwarded-For"]; forwarded {
		return invalid("A request with the header X-Forwarded-For is refused: it came through a proxy.")
	}
	if given := r.Header.Values("Metadata"); len(given) != 1 || given[0] != "true" {
		return invalid("Required metadata header not specified")
	}
	return 0, nil
}

func invalid(description string) (int, any) {
	return http.StatusBadRequest, imdsError{Error: "invalid_request", Description: description}
}

func (e *Endpoint) imdsToken(q query, id midas.Identity, t midas.Token) imdsAnswer {
	left := strconv.FormatInt(int64(t.Expiry.Sub(e.now()).Seconds()), 10)
	out := imdsAnswer{
		AccessToken: t.Raw, ClientID: id.ClientID, Resource: q.resource, TokenType: "Bearer",
		ExpiresIn: left, ExtExpiresIn: left,
		ExpiresOn: strconv.FormatInt(t.Expiry.Unix(), 10), NotBefore: strconv.FormatInt(t.NotBefore.Unix(), 10),
	}
	switch q.selector.by {
	case "object_id", "principal_id":
		out.ObjectID = id.PrincipalID
	case "msi_res_id", "mi_res_id":
		out.ResourceID = q.selector.id
	}
	return out
}

// unknownSource refuses a caller that is no workload of ours. Which secrets or
// machines exist is not told.
func (e *Endpoint) unknownSource(r *http.Request, err error) (int, any) {
	if midas.CodeOf(err) != midas.Unauthenticated {
		return e.imdsRefusal(r, err)
	}
	e.log.Warn("metadata request of an unknown source", "remote", r.RemoteAddr, "reason", err)
	return http.StatusUnauthorized, imdsError{
		Error:       "unknown_source",
		Description: "Unknown Source: " + err.Error() + ". Run the program as a machine: midas vm run NAME -- COMMAND, or with the variables of midas env --vm NAME.",
	}
}

// imdsRefusal answers 400 for a choice that cannot be made, never 404: clients take
// that for a passing state and try again, for minutes.
func (e *Endpoint) imdsRefusal(r *http.Request, err error) (int, any) {
	var refused refusal
	if errors.As(err, &refused) {
		return invalid(string(refused))
	}
	e.log.Error("metadata request failed", "remote", r.RemoteAddr, "error", err)
	return http.StatusInternalServerError, imdsError{
		Error: "unknown", Description: "Failed to retrieve token from the Active directory. For details see the log of midas.",
	}
}

// write sends one JSON object. An error here means that the client is gone.
func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}

// clip keeps a stranger's text short in an answer.
func clip(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
