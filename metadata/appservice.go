package metadata

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// The versions of the protocol: one for IDENTITY_ENDPOINT and IDENTITY_HEADER, the
// older one for MSI_ENDPOINT and MSI_SECRET, which Azure Machine Learning uses still.
const (
	appServiceVersion = "2019-08-01"
	oldVersion        = "2017-09-01"
)

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
// Azure's older version has a date there, which today's SDKs cannot read or take for
// long past; every one of them reads the number.
// Source: Azure App Service, "REST endpoint reference" of managed identities.
type appServiceAnswer struct {
	AccessToken string `json:"access_token"`
	ClientID    string `json:"client_id"`
	ExpiresOn   string `json:"expires_on"`
	NotBefore   string `json:"not_before"`
	Resource    string `json:"resource"`
	TokenType   string `json:"token_type"`
}

// appServiceDialect tells the two versions apart, which share a path here.
func appServiceDialect(r *http.Request) dialect {
	d := dialect{
		secretHeader: identityHeader,
		demanded:     true,
		parse:        func(r *http.Request) (query, *failure) { return parseAppService(r, plainGrammar, appServiceVersion) },
		choose:       chooseAppService,
		answer:       appServiceGrant,
		refuse:       appServiceRefusal,
	}
	if values, err := url.ParseQuery(r.URL.RawQuery); err == nil && values.Get("api-version") == oldVersion {
		d.secretHeader = oldHeader
		d.parse = func(r *http.Request) (query, *failure) { return parseAppService(r, oldGrammar, oldVersion) }
	}
	return d
}

func parseAppService(r *http.Request, g grammar, version string) (query, *failure) {
	if r.Method != http.MethodGet {
		return query{}, badMethod(http.MethodGet)
	}
	if f := forwarded(r); f != nil {
		return query{}, f
	}
	q, err := g.parse(r.URL.RawQuery)
	switch {
	case err != nil:
		return q, badRequest("Bad request: " + err.Error() + ".")
	case q.version != version:
		return q, badRequest("The api-version '" + clip.Text(q.version) + "' is not supported. Use " + appServiceVersion + ".")
	case q.resource == "":
		return q, &failure{status: http.StatusBadRequest, reason: reasonAudience}
	}
	return q, nil
}

// chooseAppService takes the system-assigned identity unless another is named: App
// Service picks no user-assigned one by itself.
func chooseAppService(w midas.Workload, s selector) (midas.Identity, *failure) {
	if s.by == "" && w.System == nil {
		return midas.Identity{}, noIdentity(noSystemIdentity)
	}
	id, f := choose(w, s)
	if f != nil {
		f = noIdentity(noNamedIdentity)
	}
	return id, f
}

func appServiceGrant(_ *Endpoint, q query, id midas.Identity, t midas.Token) any {
	return appServiceAnswer{
		AccessToken: t.Raw, ClientID: id.ClientID, Resource: q.resource, TokenType: "Bearer",
		ExpiresOn: strconv.FormatInt(t.Expiry.Unix(), 10), NotBefore: strconv.FormatInt(t.NotBefore.Unix(), 10),
	}
}

func appServiceRefusal(f *failure) any {
	text := f.text
	switch f.reason {
	case reasonAudience:
		text = "The resource '" + clip.Text(f.text) + "' is missing or is no application id URI, such as " + midas.Resource + "."
	case reasonSource:
		text = "Unauthorized: " + f.text + "."
	case reasonInternal:
		// The spelling is Microsoft's; clients have it in their tests.
		text = "An unexpected error occured while fetching the AAD Token."
	}
	return appServiceError{StatusCode: f.status, Message: text, CorrelationID: uuid.NewString()}
}
