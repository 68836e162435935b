package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

func form(pairs ...string) url.Values {
	f := url.Values{"grant_type": {"client_credentials"}, "client_id": {app}, "client_secret": {secret}}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			f.Del(pairs[i])
		} else {
			f.Set(pairs[i], pairs[i+1])
		}
	}
	return f
}

func post(tb testing.TB, url string, f url.Values, change ...func(*http.Request)) (int, http.Header, map[string]any) {
	tb.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(f.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range change {
		c(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	return readJSON(tb, res)
}

func TestTokenEndpoint(t *testing.T) {
	_, base := serve(t)
	basic := func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(app), url.QueryEscape(secret)) }
	for _, c := range []struct {
		name     string
		path     string
		form     url.Values
		change   func(*http.Request)
		audience string
		v1       bool
	}{
		{"v1 with resource", "/" + tenant + "/oauth2/token", form("resource", midas.Resource), nil, midas.Resource, true},
		{"v1 with scope", "/" + tenant + "/oauth2/token", form("scope", midas.Resource+"/.default"), nil, midas.Resource, true},
		{"v2 with scope", "/" + tenant + "/oauth2/v2.0/token", form("scope", midas.Resource+"/.default"), nil, midas.Resource, false},
		{"two slashes before .default ask for one in the audience", "/" + tenant + "/oauth2/v2.0/token", form("scope", "https://h.example//.default"), nil, "https://h.example/", false},
		{"exactly one .default is taken off", "/" + tenant + "/oauth2/v2.0/token", form("scope", "api://a/.default/.default"), nil, "api://a/.default", false},
		{"scopes of OpenID Connect are passed over", "/" + tenant + "/oauth2/v2.0/token", form("scope", "api://a/.default openid offline_access profile"), nil, "api://a", false},
		{"application id as resource", "/" + tenant + "/oauth2/v2.0/token", form("scope", midas.ResourceAppID+"/.default"), nil, midas.ResourceAppID, false},
		{"adfs", "/adfs/oauth2/token", form("scope", "https://h:8443/arm/.default", "claims", "{}", "client_info", "1"), nil, "https://h:8443/arm", true},
		{"adfs v2", "/adfs/oauth2/v2.0/token/", form("scope", "api://a/.default"), nil, "api://a", false},
		{"secret in the Authorization header", "/common/oauth2/token", form("client_id", "", "client_secret", "", "resource", "api://a"), basic, "api://a", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change == nil {
				c.change = func(*http.Request) {}
			}
			status, header, doc := post(t, base+c.path, c.form, c.change)
			if status != http.StatusOK || !strings.Contains(header.Get("Cache-Control"), "no-store") {
				t.Fatalf("%d %v %v", status, header, doc)
			}
			if doc["expires_in"] != 3599.0 || doc["token_type"] != "Bearer" {
				t.Errorf("expires_in is the number %v, token type %v", doc["expires_in"], doc["token_type"])
			}
			_, claims, err := token.DecodeUnverified(doc["access_token"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if claims.Audience[0] != c.audience {
				t.Errorf("audience %q, not %q", claims.Audience[0], c.audience)
			}
			if claims.Version != "1.0" || claims.Issuer != base+"/"+tenant+"/" || claims.AppIDACR != "1" || claims.XMSMIRID != "" ||
				claims.Expiry-claims.NotBefore != 3900 {
				t.Errorf("claims %+v", claims)
			}
			if _, ok := doc["expires_on"].(string); ok != c.v1 || c.v1 && doc["resource"] != c.audience {
				t.Errorf("version 1 alone says expires_on and resource: %v", doc)
			}
		})
	}
}

func TestTokenEndpointRefusals(t *testing.T) {
	_, base := serve(t)
	v2 := "/" + tenant + "/oauth2/v2.0/token"
	good := form("scope", "api://a/.default")
	for _, c := range []struct {
		name   string
		path   string
		form   url.Values
		change func(*http.Request)
		status int
		code   string
		number string
	}{
		{"wrong secret", v2, form("scope", "api://a/.default", "client_secret", "wrong"), nil, 401, "invalid_client", "AADSTS7000215"},
		{"unknown client answers like a wrong secret", v2, form("scope", "api://a/.default", "client_id", "nobody"), nil, 401, "invalid_client", "AADSTS7000215"},
		{"wrong secret in the header", v2, form("scope", "api://a/.default", "client_id", "", "client_secret", ""), func(r *http.Request) { r.SetBasicAuth(app, "wrong") }, 401, "invalid_client", "AADSTS7000215"},
		{"no secret", v2, form("scope", "api://a/.default", "client_secret", ""), nil, 401, "invalid_client", "AADSTS7000216"},
		{"assertion", v2, form("scope", "api://a/.default", "client_secret", "", "client_assertion", "x", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), nil, 401, "invalid_client", "AADSTS50027"},
		{"assertion of no type", v2, form("scope", "api://a/.default", "client_secret", "", "client_assertion", "x"), nil, 400, "invalid_request", "AADSTS900144"},
		{"no client id", v2, form("scope", "api://a/.default", "client_id", ""), nil, 400, "invalid_request", "AADSTS900144"},
		{"two credentials", v2, good, func(r *http.Request) { r.SetBasicAuth(app, secret) }, 400, "invalid_request", "AADSTS9000410"},
		{"no grant type", v2, form("scope", "api://a/.default", "grant_type", ""), nil, 400, "invalid_request", "AADSTS900144"},
		{"other grant type", v2, form("scope", "api://a/.default", "grant_type", "implicit"), nil, 400, "unsupported_grant_type", "AADSTS70003"},
		{"no scope", v2, form(), nil, 400, "invalid_request", "AADSTS900144"},
		{"no resource", "/" + tenant + "/oauth2/token", form(), nil, 400, "invalid_request", "AADSTS900144"},
		{"resource at version 2", v2, form("resource", "api://a"), nil, 400, "invalid_request", "AADSTS901002"},
		{"scope without .default", v2, form("scope", "api://a/read"), nil, 400, "invalid_scope", "AADSTS1002012"},
		{"two resources", v2, form("scope", "api://a/.default api://b/.default"), nil, 400, "invalid_scope", "AADSTS1002012"},
		{"resource is no URI", v2, form("scope", "what/.default"), nil, 400, "invalid_resource", "AADSTS500011"},
		{"duplicated parameter", v2, url.Values{"grant_type": good["grant_type"], "scope": {"api://a/.default", "api://b/.default"}}, nil, 400, "invalid_request", "AADSTS9000411"},
		{"parameters in the address do not count", v2 + "?" + good.Encode(), url.Values{}, nil, 400, "invalid_request", "AADSTS900144"},
		{"not a form", v2, good, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400, "invalid_request", "AADSTS900144"},
		{"body too long", v2, form("scope", strings.Repeat("a", 70<<10)), nil, 413, "invalid_request", "AADSTS9000410"},
		{"unknown tenant", "/contoso.example/oauth2/token", good, nil, 400, "invalid_request", "AADSTS90002"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change == nil {
				c.change = func(*http.Request) {}
			}
			status, header, doc := post(t, base+c.path, c.form, c.change)
			text, _ := doc["error_description"].(string)
			if status != c.status || doc["error"] != c.code || !strings.HasPrefix(text, c.number+": ") {
				t.Errorf("%d %v", status, doc)
			}
			if !strings.Contains(header.Get("Cache-Control"), "no-store") {
				t.Errorf("cacheable: %v", header)
			}
			for _, member := range []string{"error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"} {
				if doc[member] == nil {
					t.Errorf("no %s in %v", member, doc)
				}
			}
			if strings.Contains(text, secret) {
				t.Error("the description holds the secret")
			}
		})
	}
}

type brokenApplications struct{ applications }

func (brokenApplications) CheckSecret(context.Context, string, string) (midas.Identity, error) {
	return midas.Identity{}, errors.New("disk on fire at /secret/path")
}

func TestTokenEndpointTellsNothingOfItsOwnTrouble(t *testing.T) {
	_, base := serve(t, func(c *issuer.Config) { c.Applications = brokenApplications{} })
	status, _, doc := post(t, base+"/adfs/oauth2/token", form("resource", "api://a"))
	if text, _ := doc["error_description"].(string); status != http.StatusInternalServerError || strings.Contains(text, "fire") {
		t.Errorf("%d %v", status, doc)
	}
}

func TestCorrelationIsEchoed(t *testing.T) {
	_, base := serve(t, func(c *issuer.Config) { c.Now = time.Now })
	const id = "7f0e5a3c-3333-4b1e-9d55-aaaaaaaaaaaa"
	_, _, doc := post(t, base+"/adfs/oauth2/token", form(), func(r *http.Request) { r.Header.Set("client-request-id", id) })
	if doc["correlation_id"] != id || doc["trace_id"] == id {
		t.Errorf("%v", doc)
	}
}

// A form of thousands of parameters would become a hundred times its size before anybody has
// signed in.
func TestManyParametersAreRefused(t *testing.T) {
	_, base := serve(t)
	for _, n := range []int{80, 110, 9000} {
		f := form("resource", "api://a")
		for i := range n {
			f.Set(strconv.FormatInt(int64(i), 36), "")
		}
		status, _, doc := post(t, base+"/adfs/oauth2/token", f)
		if want := n >= 100; (status == http.StatusBadRequest && strings.Contains(fmt.Sprint(doc["error_description"]), "Malformed")) != want {
			t.Errorf("%d parameters: %d %v", n, status, doc)
		}
	}
}
