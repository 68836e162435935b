package issuer

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

const (
	// maxBody bounds the body of a token request; a federated assertion, the longest
	// thing in one, has a few KiB.
	maxBody = 64 << 10
	// maxResource bounds the audience that a token may be asked for.
	maxResource = 2048
)

// credential is what a client shows for itself.
type credential struct{ clientID, secret string }

// serveToken answers the token endpoint; v2 is its version. Both versions issue
// version 1 tokens, as Entra does for resources like Azure Resource Manager and Azure
// Database for MySQL: the resource chooses the shape, not the endpoint.
func (i *Issuer) serveToken(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, failed := readForm(w, r)
		if failed == nil {
			failed = checkGrant(form)
		}
		var resource string
		if failed == nil {
			resource, failed = i.requestedResource(form, v2)
		}
		var shown credential
		if failed == nil {
			shown, failed = clientCredential(r, form)
		}
		if failed != nil {
			i.refuse(w, r, *failed)
			return
		}
		id, err := i.applications.CheckSecret(r.Context(), shown.clientID, shown.secret)
		if err != nil {
			i.refuse(w, r, i.wrongSecret(shown.clientID, err))
			return
		}
		i.issue(w, r, id, resource, v2)
	}
}

func (i *Issuer) issue(w http.ResponseWriter, r *http.Request, id midas.Identity, resource string, v2 bool) {
	t, err := i.sign(id, resource, credentialLifetime, token.Claims{AppIDACR: "1"})
	if err != nil {
		i.log.Error("token not issued", "client", id.ClientID, "resource", resource, "err", err)
		i.refuse(w, r, serverError)
		return
	}
	i.log.Info("token issued", "client", id.ClientID, "resource", resource, "expires", t.Expiry)
	left := int64(credentialLifetime.Seconds()) - 1
	doc := map[string]any{
		"token_type": "Bearer", "access_token": t.Raw,
		"expires_in": left, "ext_expires_in": left, // numbers here, unlike the metadata endpoint
	}
	if !v2 {
		doc["expires_on"] = strconv.FormatInt(t.Expiry.Unix(), 10)
		doc["not_before"] = strconv.FormatInt(t.NotBefore.Unix(), 10)
		doc["resource"] = resource
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
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return nil, &oauthError{
				status: http.StatusRequestEntityTooLarge, code: "invalid_request", number: 9000410,
				text: fmt.Sprintf("The request body is longer than %d bytes.", maxBody),
			}
		}
		return nil, badRequest(9000410, "Malformed form body.")
	}
	// Two values for one name are two readings of one request.
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, badRequest(9000411, fmt.Sprintf("The request is not properly formatted. The parameter '%s' is duplicated.", clip(name)))
		}
	}
	return r.PostForm, nil
}

func checkGrant(form url.Values) *oauthError {
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
		return nil
	case "":
		return missing("grant_type")
	default:
		return &oauthError{
			status: http.StatusBadRequest, code: "unsupported_grant_type", number: 70003,
			text: fmt.Sprintf("The app requested an unsupported grant type '%s'. Use client_credentials.", clip(grant)),
		}
	}
}

// clientCredential reads the client's id and secret, from the form or from the
// Authorization header (RFC 6749 section 2.3.1), not from both.
func clientCredential(r *http.Request, form url.Values) (credential, *oauthError) {
	shown := credential{clientID: form.Get("client_id"), secret: form.Get("client_secret")}
	if user, password, basic := r.BasicAuth(); basic {
		id, idErr := url.QueryUnescape(user)
		secret, secretErr := url.QueryUnescape(password)
		if idErr != nil || secretErr != nil || shown.secret != "" || shown.clientID != "" && shown.clientID != id {
			return credential{}, badRequest(9000410, "The Authorization header is malformed, or the form holds another client credential.")
		}
		shown = credential{clientID: id, secret: secret}
	}
	switch {
	case shown.clientID == "":
		return credential{}, missing("client_id")
	case shown.secret == "" && form.Get("client_assertion") != "":
		return credential{}, &oauthError{
			status: http.StatusUnauthorized, code: "invalid_client", number: 700027,
			text: "Client assertions are not accepted here. Use client_secret.",
		}
	case shown.secret == "":
		return credential{}, &oauthError{
			status: http.StatusUnauthorized, code: "invalid_client", number: 7000216,
			text: "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
		}
	}
	return shown, nil
}

// wrongSecret answers alike for an unknown client and for a wrong secret, so that
// nobody finds out by trying which applications there are.
func (i *Issuer) wrongSecret(clientID string, err error) oauthError {
	switch midas.CodeOf(err) {
	case midas.Unauthenticated, midas.NotFound, midas.Invalid:
		i.log.Warn("client secret refused", "client", clip(clientID))
		return oauthError{
			status: http.StatusUnauthorized, code: "invalid_client", number: 7000215,
			text: fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", clip(clientID)),
		}
	}
	i.log.Error("client secret not checked", "client", clip(clientID), "err", err)
	return serverError
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
		if resource, failed = scopeResource(scope); failed != nil {
			return "", failed
		}
	}
	if !validResource(resource) {
		return "", &oauthError{
			status: http.StatusBadRequest, code: "invalid_resource", number: 500011,
			text: fmt.Sprintf("The resource principal named %s was not found in the tenant named %s.", clip(resource), i.tenant),
		}
	}
	return resource, nil
}

// scopeResource takes exactly one /.default off the one scope that is not OpenID
// Connect's own.
func scopeResource(scope string) (string, *oauthError) {
	var asked []string
	for _, s := range strings.Fields(scope) {
		switch s {
		case "openid", "profile", "offline_access", "email":
		default:
			asked = append(asked, s)
		}
	}
	if len(asked) == 1 {
		if resource, ok := strings.CutSuffix(asked[0], "/.default"); ok {
			return resource, nil
		}
	}
	return "", &oauthError{
		status: http.StatusBadRequest, code: "invalid_scope", number: 1002012,
		text: fmt.Sprintf("The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", clip(scope)),
	}
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// validResource takes absolute URIs and application ids. Which services exist is not
// the issuer's business: whoever is named decides about tokens made out to it.
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
