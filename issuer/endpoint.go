package issuer

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/internal/rest"
)

const (
	// maxBody bounds the body of a token request; a federated assertion, the longest
	// thing in one, has a few KiB.
	maxBody = 64 << 10
	// maxParameters bounds what a form becomes: each parameter takes a hundred times the
	// two bytes that it may be sent in. MSAL sends a dozen.
	maxParameters = 100
	// maxResource bounds the audience that a token may be asked for.
	maxResource = 2048
)

// The grants: what a client may trade for a token.
const (
	grantClient   = "client_credentials"
	grantPassword = "password"
	grantRefresh  = "refresh_token"
	grantDevice   = "urn:ietf:params:oauth:grant-type:device_code"
	grantDeviceV1 = "device_code" // the same at version 1
)

// ask is one request at the token endpoint.
type ask struct {
	*http.Request
	form   url.Values
	v2     bool // the version of the endpoint
	client client
}

// issued is what a request is answered with.
type issued struct {
	token    midas.Token
	resource string
	user     *midas.User // nil for an application's own token
	scope    string
	idToken  string
	refresh  string
}

// serveToken answers the token endpoint; v2 is its version. It says nothing about the
// version of the tokens, which is their resource's.
func (i *Issuer) serveToken(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, failed := readForm(w, r)
		if failed != nil {
			i.refuse(w, r, *failed)
			return
		}
		out, failed := i.grant(&ask{Request: r, form: form, v2: v2})
		if failed != nil {
			i.refuse(w, r, *failed)
			return
		}
		i.deliver(w, out, v2)
	}
}

// grant decides about one request.
func (i *Issuer) grant(a *ask) (*issued, *oauthError) {
	grant := a.form.Get("grant_type")
	act, known := map[string]func(*ask) (*issued, *oauthError){
		grantClient: i.grantApplication, grantPassword: i.grantPerson, grantRefresh: i.grantAgain,
		grantDevice: i.grantByDevice, grantDeviceV1: i.grantByDevice,
	}[grant]
	switch {
	case grant == "":
		return nil, missing("grant_type")
	case !known:
		return nil, &oauthError{
			status: http.StatusBadRequest, code: "unsupported_grant_type", number: 70003,
			text: fmt.Sprintf("The app requested an unsupported grant type '%s'.", clip.Text(grant)),
		}
	case grant == grantClient:
		// Before the credential, so that a request that is wrong anyway costs no check.
		if _, failed := i.requestedResource(a.form, a.v2); failed != nil {
			return nil, failed
		}
	}
	var failed *oauthError
	if a.client, failed = i.authenticate(a.Request, a.form); failed != nil {
		return nil, failed
	}
	return act(a)
}

// grantApplication issues a token in which the client speaks for itself.
func (i *Issuer) grantApplication(a *ask) (*issued, *oauthError) {
	if a.client.proof == proofNone {
		return nil, invalidClient(7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")
	}
	resource, failed := i.requestedResource(a.form, a.v2)
	if failed != nil {
		return nil, failed
	}
	how := appToken{proof: a.client.proof, at: i.now(), lifetime: shortestLifetime}
	if a.client.who.ResourceID != "" {
		how.lifetime = identityLifetime // a managed identity, by whichever way it came
	}
	t, err := i.signApp(a.Context(), a.client.who, resource, how)
	if err != nil {
		return nil, i.notIssued(a, resource, err)
	}
	i.refusals.Known(slog.LevelInfo, a.client.id, "token issued", "client", a.client.id, "resource", resource, "expires", t.Expiry)
	return &issued{token: t, resource: resource}, nil
}

func (i *Issuer) notIssued(a *ask, resource string, err error) *oauthError {
	i.fault(a.Request, "token not issued", "client", clip.Text(a.client.id), "resource", resource, "err", err, midas.HintAttr(err))
	return &serverError
}

// deliver answers with a token.
func (i *Issuer) deliver(w http.ResponseWriter, out *issued, v2 bool) {
	left := int64(out.token.Expiry.Sub(i.now().Truncate(time.Second)).Seconds()) - 1
	doc := map[string]any{
		"token_type": "Bearer", "access_token": out.token.Raw,
		"expires_in": left, "ext_expires_in": left, // numbers here, unlike the metadata endpoint
	}
	if out.user != nil {
		doc["scope"], doc["client_info"] = out.scope, clientInfo(*out.user)
	}
	if out.idToken != "" {
		doc["id_token"] = out.idToken
	}
	if out.refresh != "" {
		doc["refresh_token"] = out.refresh
	}
	if !v2 {
		doc["expires_on"] = strconv.FormatInt(out.token.Expiry.Unix(), 10)
		doc["not_before"] = strconv.FormatInt(out.token.NotBefore.Unix(), 10)
		doc["resource"] = out.resource
	}
	noStore(w)
	answer(w, http.StatusOK, doc)
}

// readForm reads the body alone: a secret in the address would be in every log on the
// way.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *oauthError) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return nil, badRequest(900144, "The request body must contain the following parameter: 'grant_type'. The content type must be application/x-www-form-urlencoded.")
	}
	body, err := rest.ReadBody(w, r, maxBody)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		w.Header().Set("Connection", "close")
		return nil, &oauthError{
			status: http.StatusRequestEntityTooLarge, code: "invalid_request", number: 9000410,
			text: fmt.Sprintf("The request body is longer than %d bytes.", maxBody),
		}
	case errors.Is(err, connections.ErrBusy):
		return nil, &busy
	case err != nil, bytes.Count(body, []byte("&")) >= maxParameters:
		return nil, badRequest(9000410, "Malformed form body.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest(9000410, "Malformed form body.")
	}
	// Two values for one name are two readings of one request.
	for name, values := range form {
		if len(values) > 1 {
			return nil, badRequest(9000411, fmt.Sprintf("The request is not properly formatted. The parameter '%s' is duplicated.", clip.Text(name)))
		}
	}
	return form, nil
}

// requestedResource is what the token is for: "resource" of version 1, or "scope", where
// R/.default means R and R//.default means R/.
func (i *Issuer) requestedResource(form url.Values, v2 bool) (string, *oauthError) {
	resource, scope := form.Get("resource"), form.Get("scope")
	switch {
	case v2 && resource != "":
		return "", badRequest(901002, "The 'resource' request parameter is not supported. Use 'scope'.")
	case resource == "" && scope == "" && v2:
		return "", missing("scope")
	case resource == "" && scope == "":
		return "", missing("resource")
	case resource == "":
		var failed *oauthError
		if resource, failed = scopeResource(scope, "/.default"); failed != nil {
			return "", failed
		}
	}
	return resource, i.checkResource(resource)
}

func (i *Issuer) checkResource(resource string) *oauthError {
	if validResource(resource) {
		return nil
	}
	return &oauthError{
		status: http.StatusBadRequest, code: "invalid_resource", number: 500011,
		text: fmt.Sprintf("The resource principal named %s was not found in the tenant named %s.", clip.Text(resource), i.tenant),
	}
}

// scopeResource takes exactly one of the endings off the one scope that is not OpenID
// Connect's own.
func scopeResource(scope string, endings ...string) (string, *oauthError) {
	var asked []string
	for _, s := range strings.Fields(scope) {
		if !ownScope(s) {
			asked = append(asked, s)
		}
	}
	if len(asked) == 1 {
		for _, ending := range endings {
			if resource, ok := strings.CutSuffix(asked[0], ending); ok {
				return resource, nil
			}
		}
	}
	return "", &oauthError{
		status: http.StatusBadRequest, code: "invalid_scope", number: 1002012,
		text: fmt.Sprintf("The provided value for scope %s is not valid. It must have one scope value with %s suffixed to the resource identifier (application ID URI).",
			clip.Text(scope), strings.Join(endings, " or ")),
	}
}

// ownScope reports whether a scope is OpenID Connect's, and names no resource.
func ownScope(scope string) bool {
	switch scope {
	case "openid", "profile", "offline_access", "email":
		return true
	}
	return false
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// validResource takes absolute URIs and application ids. Which services exist, the
// issuer does not know: a service decides itself about the tokens that name it.
func validResource(resource string) bool {
	if len(resource) > maxResource {
		return false
	}
	if guid.MatchString(resource) {
		return true
	}
	u, err := url.Parse(resource)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
}
