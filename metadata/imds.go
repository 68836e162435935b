package metadata

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
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

// imds is GET /metadata/identity/oauth2/token. Azure knows the workload by its network;
// the header is for the forwarder of a machine's private network.
var imds = dialect{
	secretHeader: identityHeader,
	parse:        parseIMDS,
	choose:       choose,
	answer:       imdsGrant,
	refuse:       imdsRefusal,
}

func parseIMDS(r *http.Request) (query, *failure) {
	if f := preconditions(r); f != nil {
		return query{}, f
	}
	q, err := parseQuery(r.URL.RawQuery)
	switch {
	case err != nil:
		return q, badRequest("Bad request: " + err.Error() + ". Fix the request and retry.")
	case !since(q.version, identityVersion):
		return q, badVersion()
	case q.resource == "":
		return q, badRequest("Missing required parameter \"resource\". Fix the request and retry.")
	}
	return q, nil
}

// preconditions refuses requests that an attacker made a program on the machine send
// (server-side request forgery): such a request rarely has a header of the attacker's choice,
// and often comes through a proxy. They are IMDS's own.
func preconditions(r *http.Request) *failure {
	if r.Method != http.MethodGet {
		return badMethod(http.MethodGet)
	}
	if f := forwarded(r); f != nil {
		return f
	}
	if given := r.Header.Values("Metadata"); len(given) != 1 || given[0] != "true" {
		return badRequest("Required metadata header not specified")
	}
	return nil
}

// withBody refuses a GET that has a body, in every dialect: no client sends one, and
// nobody would read it. It is refused for its announcement, before any of it is there.
func withBody(r *http.Request) *failure {
	if r.Method != http.MethodGet || r.ContentLength == 0 {
		return nil
	}
	f := badRequest("The request has a body, and GET has none: send it without.")
	f.header = http.Header{"Connection": {"close"}} // else its body would be waited for
	return f
}

// forwarded refuses what came through a proxy, which would lend its caller the machine.
func forwarded(r *http.Request) *failure {
	if _, there := r.Header["X-Forwarded-For"]; there {
		return badRequest("A request with the header X-Forwarded-For is refused: it came through a proxy.")
	}
	return nil
}

func imdsGrant(e *Endpoint, q query, id midas.Identity, t midas.Token) any {
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

// imdsRefusal is a failure in the words of IMDS: 400 for a choice that cannot be made,
// never 404, which clients take for a passing state and try again, for minutes.
func imdsRefusal(f *failure) any {
	switch f.reason {
	case reasonVersion:
		return imdsError{Error: f.text, Newest: newestVersions()}
	case reasonMethod:
		return imdsError{Error: "method_not_allowed", Description: f.text}
	case reasonNotFound:
		return imdsError{Error: "not_found", Description: f.text}
	case reasonSource:
		return imdsError{
			Error:       "unknown_source",
			Description: "Unknown Source: " + f.text + ". Run the program as a machine: midas vm run NAME -- COMMAND, or with the variables of midas env --vm NAME.",
		}
	case reasonAudience:
		return imdsError{Error: "invalid_resource", Description: fmt.Sprintf(
			"AADSTS500011: The resource principal named %s was not found in the tenant. "+
				"A resource is an application id URI, such as %s.", clip.Text(f.text), midas.Resource)}
	case reasonInternal:
		return imdsError{
			Error: "unknown", Description: "Failed to retrieve token from the Active directory. For details see the log of midas.",
		}
	}
	return imdsError{Error: "invalid_request", Description: f.text}
}
