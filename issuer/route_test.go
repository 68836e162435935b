package issuer_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/issuer"
)

// sent sends a path byte for byte and returns the answer: clients of HTTP would clean some of
// these paths before they send them.
func sent(t *testing.T, i *issuer.Issuer, method, path, body string) (int, http.Header, map[string]any) {
	t.Helper()
	req := httptest.NewRequest(method, "/", strings.NewReader(body))
	u, err := url.ParseRequestURI(path)
	if err != nil {
		t.Fatal(err)
	}
	req.URL, req.RequestURI = u, path
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	i.ServeHTTP(rec, req)
	res := rec.Result()
	res.Request = req
	return readJSON(t, res)
}

// refusal checks that an answer is one in the issuer's own form.
func refusal(t *testing.T, what string, header http.Header, doc map[string]any, number string) {
	t.Helper()
	text, _ := doc["error_description"].(string)
	if doc["error"] != "invalid_request" || !strings.HasPrefix(text, "AADSTS"+number+": ") || doc["error_codes"] == nil || doc["trace_id"] == nil {
		t.Errorf("%s: %v", what, doc)
	}
	if header.Get("Cache-Control") != "no-store, no-cache" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: %v", what, header)
	}
}

const tokenForm = "grant_type=client_credentials&client_id=" + app + "&client_secret=s3cret~value%2Bwith%25specials&scope=api://a/.default"

// A path that can be read in two ways leads nowhere: who filters paths in front of us
// may read it the other way.
func TestPathsAreNotMadeStraight(t *testing.T) {
	i, _ := serve(t)
	for _, path := range []string{
		"/x/../" + tenant + "/oauth2/v2.0/token",
		"/x/%2e%2e/" + tenant + "/oauth2/v2.0/token",
		"/./" + tenant + "/oauth2/v2.0/token",
		"/" + tenant + "/oauth2/v2.0/x/%2E./token",
		"/" + tenant + "%2foauth2/v2.0/token",
		"/" + tenant + "/oauth2%2Fv2.0/token",
		"/" + tenant + `/oauth2\v2.0/token`,
		"/" + tenant + "/oauth2%5cv2.0/token",
		"/" + tenant + "/oauth2/v2.0/token%00",
	} {
		status, header, doc := sent(t, i, http.MethodPost, path, tokenForm)
		if status != http.StatusBadRequest {
			t.Errorf("%s: status %d", path, status)
		}
		refusal(t, path, header, doc, "90023")
		discovery := strings.NewReplacer("oauth2/v2.0/token", "v2.0/.well-known/openid-configuration").Replace(path)
		if status, _, _ := sent(t, i, http.MethodGet, discovery, ""); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", discovery, status)
		}
	}
}

func TestPathsCompareWithoutASCIICase(t *testing.T) {
	i, _ := serve(t)
	for path, method := range map[string]string{
		"/" + tenant + "/OAuth2/V2.0/Token":                     http.MethodPost,
		"//" + strings.ToUpper(tenant) + "//oauth2//TOKEN/":     http.MethodPost,
		"/Common/V2.0/.Well-Known/OpenID-Configuration":         http.MethodGet,
		"/" + tenant + "/Discovery/V2.0/Keys":                   http.MethodGet,
		"/common/UserRealm/ada@example.com":                     http.MethodGet,
		"/" + tenant + "/oauth2/%76%32.0/token":                 http.MethodPost, // an escape that means one thing
		"/DeviceLogin":                                          http.MethodGet,
		"/" + tenant + "/v2.0/.well-known/openid-configuration": http.MethodHead,
	} {
		form := tokenForm
		if strings.Contains(strings.ToLower(path), "oauth2//token") {
			form = strings.Replace(form, "scope=api://a/.default", "resource=api://a", 1)
		}
		if status, _, doc := sentOrEmpty(t, i, method, path, form); status != http.StatusOK {
			t.Errorf("%s: status %d, %v", path, status, doc)
		}
	}
	// To Unicode these are an s and a k.
	for _, path := range []string{"/common/di\u017fcovery/keys", "/common/discovery/\u212aeys"} {
		if status, _, _ := sent(t, i, http.MethodGet, (&url.URL{Path: path}).EscapedPath(), ""); status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, status)
		}
	}
	// Either version's keys name its own issuer, whatever the case.
	_, _, doc := sent(t, i, http.MethodGet, "/common/DISCOVERY/V2.0/KEYS", "")
	keys, _ := doc["keys"].([]any)
	if len(keys) == 0 || keys[0].(map[string]any)["issuer"] != i.IssuerURLs()[1] {
		t.Errorf("keys of version 2: %v", keys)
	}
}

// sentOrEmpty is sent for answers that may have no JSON.
func sentOrEmpty(t *testing.T, i *issuer.Issuer, method, path, body string) (int, http.Header, map[string]any) {
	t.Helper()
	if method != http.MethodHead {
		return sent(t, i, method, path, body)
	}
	rec := httptest.NewRecorder()
	i.ServeHTTP(rec, httptest.NewRequest(method, path, http.NoBody))
	return rec.Code, rec.Header(), nil
}

// Even what nothing serves is refused in the form that client libraries read.
func TestUnknownPathsAndMethodsAreRefusedInJSON(t *testing.T) {
	i, base := serve(t)
	for _, path := range []string{"/", "/" + tenant, "/" + tenant + "/oauth2/v2.0/authorize", "/favicon.ico", "/common/discovery"} {
		status, header, doc := sent(t, i, http.MethodGet, path, "")
		if status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, status)
		}
		refusal(t, path, header, doc, "90023")
	}
	for _, c := range []struct{ method, path, allow string }{
		{http.MethodGet, "/common/oauth2/v2.0/token", "POST"},
		{http.MethodPut, "/" + tenant + "/oauth2/v2.0/devicecode", "POST"},
		{http.MethodPost, "/common/discovery/keys", "GET, HEAD"},
		{http.MethodDelete, "/devicelogin", "GET, HEAD, POST"},
	} {
		status, header, doc := sent(t, i, c.method, c.path, "")
		if status != http.StatusMethodNotAllowed || header.Get("Allow") != c.allow {
			t.Errorf("%s %s: status %d, Allow %q", c.method, c.path, status, header.Get("Allow"))
		}
		refusal(t, c.path, header, doc, "900561")
	}
	// The same over a socket.
	res, err := http.Get(base + "/common/oauth2/v2.0/token")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); !strings.Contains(string(text), "only accepts POST requests. Received a GET request.") {
		t.Errorf("%s", text)
	}
}
