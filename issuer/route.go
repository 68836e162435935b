package issuer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/rest"
)

// endpoint is one path. {tenant} is our tenant's id or one of the names that Entra takes
// in its place; the other words compare without ASCII case, as Entra compares them.
type endpoint struct {
	pattern []string
	methods map[string]http.HandlerFunc
}

func (i *Issuer) route() []endpoint {
	var all []endpoint
	get := func(pattern string, h http.HandlerFunc) {
		all = append(all, endpoint{words(pattern), map[string]http.HandlerFunc{http.MethodGet: h, http.MethodHead: h}})
	}
	post := func(pattern string, h http.HandlerFunc) {
		all = append(all, endpoint{words(pattern), map[string]http.HandlerFunc{http.MethodPost: i.tenantOnly(i.fromNoPage(h))}})
	}
	get("/{tenant}/.well-known/openid-configuration", i.tenantOnly(i.serveV1))
	get("/{tenant}/v2.0/.well-known/openid-configuration", i.tenantOnly(i.serveV2))
	get("/{tenant}/discovery/keys", i.tenantOnly(i.serveKeys(i.v1)))
	get("/{tenant}/discovery/v2.0/keys", i.tenantOnly(i.serveKeys(i.v2)))
	get("/common/discovery/instance", i.serveInstance)
	post("/{tenant}/oauth2/token", i.serveToken(false))
	post("/{tenant}/oauth2/v2.0/token", i.serveToken(true))
	post("/{tenant}/oauth2/devicecode", i.serveDeviceCode(false))
	post("/{tenant}/oauth2/v2.0/devicecode", i.serveDeviceCode(true))
	get("/{tenant}/userrealm/{upn}", i.tenantOnly(i.serveRealm))
	for _, page := range []string{devicePath, "/common/oauth2/deviceauth"} {
		all = append(all, endpoint{words(page), map[string]http.HandlerFunc{
			http.MethodGet: i.serveDevicePage, http.MethodHead: i.serveDevicePage, http.MethodPost: i.serveDeviceForm,
		}})
	}
	return all
}

func words(pattern string) []string { return strings.Split(strings.Trim(pattern, "/"), "/") }

// ServeHTTP implements http.Handler. Doubled slashes are one: client libraries make them
// of a base address that ends in a slash. What could be read in two ways is refused and
// not made straight: who stands in front of us may have read it the other way.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	segments, ok := rest.SplitPath(r.URL.EscapedPath())
	if !ok {
		i.refuse(w, r, *badRequest(90023, "The path of the request is not valid: it has . or .. or an encoded slash, a backslash or a control character in it."))
		return
	}
	for _, e := range i.routes {
		vars, ok := rest.Vars(e.pattern, segments)
		if !ok {
			continue
		}
		for name, value := range vars {
			r.SetPathValue(name, value)
		}
		if serve, ok := e.methods[r.Method]; ok {
			serve(w, r)
		} else {
			i.refuseMethod(w, r, e)
		}
		return
	}
	i.refuse(w, r, oauthError{
		status: http.StatusNotFound, code: "invalid_request", number: 90023,
		text: fmt.Sprintf("There is no endpoint at '%s'. /%s/v2.0/.well-known/openid-configuration says where they are.", clip.Text(r.URL.Path), i.tenant),
	})
}

func (i *Issuer) refuseMethod(w http.ResponseWriter, r *http.Request, e endpoint) {
	var allowed []string
	for method := range e.methods {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	i.refuse(w, r, oauthError{
		status: http.StatusMethodNotAllowed, code: "invalid_request", number: 900561,
		text: fmt.Sprintf("The endpoint only accepts %s requests. Received a %s request.", strings.Join(allowed, ", "), clip.Text(r.Method)),
	})
}
