package metadata

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// fabricVersions are what SDKs ask for.
var fabricVersions = []string{"2019-07-01-preview", "2020-05-01"}

// fabricAnswer is a token of Service Fabric. Microsoft's page has expires_on as a
// number, its service sends text, and SDKs read either.
type fabricAnswer struct {
	TokenType   string `json:"token_type"`
	AccessToken string `json:"access_token"`
	ExpiresOn   string `json:"expires_on"`
	Resource    string `json:"resource"`
}

// fabric is GET $IDENTITY_ENDPOINT with the header Secret, over TLS: clients compare the
// certificate's SHA-1 digest with IDENTITY_SERVER_THUMBPRINT and ask no authority.
// Source: Microsoft Learn, "Service Fabric: use a managed identity with an application".
var fabric = dialect{
	secretHeader: oldHeader,
	demanded:     true,
	parse:        parseFabric,
	choose:       choose,
	answer: func(_ *Endpoint, q query, _ midas.Identity, t midas.Token) any {
		return fabricAnswer{"Bearer", t.Raw, strconv.FormatInt(t.Expiry.Unix(), 10), q.resource}
	},
	refuse: fabricRefusal,
}

func parseFabric(r *http.Request) (query, *failure) {
	switch {
	case r.TLS == nil:
		return query{}, &failure{
			status: http.StatusNotFound, reason: reasonNotFound,
			text: "Service Fabric's endpoint is served over https only, at the control address.",
		}
	case r.Method != http.MethodGet:
		return query{}, badMethod(http.MethodGet)
	case len(r.Header.Values(oldHeader)) == 0:
		return query{}, &failure{status: http.StatusBadRequest, reason: reasonSecret, text: "Secret is not found in the request headers."}
	}
	if f := forwarded(r); f != nil {
		return query{}, f
	}
	q, err := fabricGrammar.parse(r.URL.RawQuery)
	switch {
	case err != nil:
		return q, badRequest("Bad request: " + err.Error() + ".")
	case !slices.Contains(fabricVersions, q.version):
		return q, &failure{status: http.StatusBadRequest, reason: reasonVersion, text: "The api-version '" + clip.Text(q.version) + "' is not supported. Use " + fabricVersions[0] + "."}
	case q.resource == "":
		return q, &failure{status: http.StatusBadRequest, reason: reasonAudience}
	}
	return q, nil
}

func fabricRefusal(f *failure) any {
	var out codedError
	out.Error.Code, out.Error.Message, out.Error.CorrelationID = "BadRequest", f.text, uuid.NewString()
	switch f.reason {
	case reasonSecret:
		out.Error.Code = "SecretHeaderNotFound"
	case reasonSource:
		out.Error.Code, out.Error.Message = "ManagedIdentityNotFound", "Managed identity not found for the specified application host: "+f.text+"."
	case reasonIdentity:
		out.Error.Code = "ManagedIdentityNotFound"
	case reasonVersion:
		out.Error.Code = "InvalidApiVersion"
	case reasonMethod:
		out.Error.Code = "MethodNotAllowed"
	case reasonNotFound:
		out.Error.Code = "NotFound"
	case reasonThrottled:
		out.Error.Code = "TooManyRequests"
	case reasonAudience:
		out.Error.Code, out.Error.Message = "ArgumentNullOrEmpty", "The parameter 'resource' is missing or is no application id URI, such as "+midas.Resource+"."
	case reasonInternal:
		out.Error.Code, out.Error.Message = "InternalServerError", "An unexpected error occurred. For details see the log of midas."
	}
	return out
}
