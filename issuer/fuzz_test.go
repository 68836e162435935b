package issuer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/issuer"
)

// FuzzForm sends any body to each endpoint that takes a form: a caller without credentials gets
// no token, every answer is a refusal of a known kind, and nothing of the server's own
// trouble shows.
func FuzzForm(f *testing.F) {
	i, err := issuer.New(issuer.Config{
		Dir: keyDir(f), TenantID: tenant, Applications: applications{}, BaseURL: func() string { return "https://h" },
	})
	if err != nil {
		f.Fatal(err)
	}
	paths := []string{"/" + tenant + "/oauth2/token", "/common/oauth2/v2.0/token", "/adfs/oauth2/token", "/common/oauth2/v2.0/devicecode", "/devicelogin"}
	for _, seed := range []string{
		"grant_type=client_credentials&client_id=" + app + "&client_secret=x&scope=api://a/.default",
		"grant_type=client_credentials&client_id=a&client_assertion_type=" + bearer + "&client_assertion=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.AA&resource=api://a",
		"grant_type=password&client_id=" + azureCLI + "&username=a@b&password=c&scope=openid",
		"grant_type=refresh_token&client_id=" + azureCLI + "&refresh_token=1.x",
		"grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=" + azureCLI + "&device_code=x",
		"code=BBBBBBBBB&upn=a@b&password=c", "a=%zz", "a;b", "=&=", "scope=" + strings.Repeat("a ", 100),
	} {
		for n := range paths {
			f.Add(uint8(n), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		path := paths[int(which)%len(paths)]
		req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := record(i, req)
		text := rec.Body.String()
		if strings.Contains(text, "access_token") && !strings.Contains(body, secret) {
			t.Fatalf("a token for %q", body)
		}
		if rec.Code >= 500 && rec.Code != http.StatusServiceUnavailable {
			t.Fatalf("%d for %q: %s", rec.Code, body, text)
		}
		if path == "/devicelogin" {
			if !strings.HasPrefix(text, "<!doctype html>") || strings.Contains(text, "<script") {
				t.Fatalf("page for %q: %s", body, text)
			}
			return
		}
		var doc map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || rec.Code != http.StatusOK && doc["error"] == nil {
			t.Fatalf("%d for %q: %s", rec.Code, body, text)
		}
	})
}
