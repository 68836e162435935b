package metadata

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// appServiceVersion is the one version of the protocol that there is for
// IDENTITY_ENDPOINT and IDENTITY_HEADER.
const appServiceVersion = "2019-08-01"

// Why no identity could be chosen, in the words of App Service.
const (
	noSystemIdentity = "No Managed Identity found for specified ClientId/ResourceId/PrincipalId."
	noNamedIdentity  = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
)

// appServiceError is the body of every refusal.
type appServiceError struct {
	StatusCode    int    `json:"statusCode"`
	Message       string `json:"message"`
	CorrelationID string `json:"correlationId"`
}

// appServiceAnswer is a token. It has no expires_in: SDKs read expires_on, a string.
// Source: Azure App Service, "REST endpoint reference" of managed identities.
type appServiceAnswer struct {
	AccessToken string `json:"access_token"`
	ClientID    string `json:"client_id"`
	ExpiresOn   string `json:"expires_on"`
	NotBefore   string `json:"not_before"`
	Resource    string `json:"resource"`
	TokenType   string `json:"token_type"`
}

// serveAppService answers GET $IDENTITY_ENDPOINT.
func (e *Endpoint) serveAppService(w http.ResponseWriter, r *http.Request) {
	answer, status, err := e.appService(r)
	if err == nil {
		write(w, http.StatusOK, answer)
		return
	}
	refused := appServiceError{StatusCode: status, Message: err.Error(), CorrelationID: uuid.NewString()}
	switch {
	case status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet)
	case status == http.StatusUnauthorized:
		e.log.Warn("identity request of an unknown source", "remote", r.RemoteAddr, "reason", err, "correlation", refused.CorrelationID)
	case status >= http.StatusInternalServerError:
		e.log.Error("identity request failed", "remote", r.RemoteAddr, "error", err, "correlation", refused.CorrelationID)
		// The spelling is Microsoft's; clients have it in their tests.
		refused.Message = "An unexpected error occured while fetching the AAD Token."
	}
	write(w, status, refused)
}

// appService returns a token, or a status with its reason. Without a selector only the
// system-assigned identity counts: App Service picks no user-assigned one by itself.
func (e *Endpoint) appService(r *http.Request) (appServiceAnswer, int, error) {
	fail := func(status int, text string) (appServiceAnswer, int, error) {
		return appServiceAnswer{}, status, errors.New(text)
	}
	if r.Method != http.MethodGet {
		return fail(http.StatusMethodNotAllowed, "Only GET is supported.")
	}
	workload, err := e.identify(r)
	switch {
	case midas.CodeOf(err) == midas.Unauthenticated:
		return fail(http.StatusUnauthorized, "Unauthorized: "+err.Error()+".")
	case err != nil:
		return fail(http.StatusInternalServerError, err.Error())
	}
	q, err := parseQuery(r.URL.RawQuery)
	switch {
	case err != nil:
		return fail(http.StatusBadRequest, "Bad request: "+err.Error()+".")
	case q.version != appServiceVersion:
		return fail(http.StatusBadRequest, "The api-version '"+clip(q.version)+"' is not supported. Use "+appServiceVersion+".")
	case !validResource(q.resource):
		return fail(http.StatusBadRequest, "The resource '"+clip(q.resource)+"' is missing or is no application id URI, such as "+midas.Resource+".")
	case q.selector.by == "" && workload.System == nil:
		return fail(http.StatusBadRequest, noSystemIdentity)
	}
	id, err := choose(workload, q.selector)
	if err != nil {
		return fail(http.StatusBadRequest, noNamedIdentity)
	}
	t, err := e.tokens.get(r.Context(), id, workload.ResourceID, q.resource, q.fresh)
	if err != nil {
		return fail(http.StatusInternalServerError, err.Error())
	}
	return appServiceAnswer{
		AccessToken: t.Raw, ClientID: id.ClientID, Resource: q.resource, TokenType: "Bearer",
		ExpiresOn: strconv.FormatInt(t.Expiry.Unix(), 10), NotBefore: strconv.FormatInt(t.NotBefore.Unix(), 10),
	}, 0, nil
}
