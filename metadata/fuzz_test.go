package metadata

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzQuery: whatever is read means one thing, namely what an independent reader of
// the query finds there, and reads back the same.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"api-version=2018-02-01&resource=https%3A%2F%2Fossrdbms-aad.database.windows.net&client_id=11111111-1111-1111-1111-111111111111",
		"api-version=2018-02-01&resource=x&msi_res_id=%2Fsubscriptions%2F1&bypass_cache=true",
		"resource=a&resource=b", "client_id=a&object_id=b", "client_id=", "a;b", "%zz", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q was read and is no query: %v", raw, err)
		}
		if got := values.Get("resource"); got != q.resource || len(values["resource"]) > 1 {
			t.Fatalf("%q: resource %q, there is %q", raw, q.resource, values["resource"])
		}
		named := 0
		for _, by := range selectors {
			named += len(values[by])
		}
		if named > 1 || (named == 1) != (q.selector.by != "") || q.selector.by != "" && values.Get(q.selector.by) != q.selector.id {
			t.Fatalf("%q: selector %+v of %d", raw, q.selector, named)
		}
		back := url.Values{}
		for name, value := range map[string]string{"api-version": q.version, "resource": q.resource, q.selector.by: q.selector.id} {
			if name != "" && value != "" {
				back.Set(name, value)
			}
		}
		if q.fresh {
			back.Set("bypass_cache", "true")
		}
		if again, err := parseQuery(back.Encode()); err != nil || again != q {
			t.Fatalf("%q: %+v, read back as %+v, %v", raw, q, again, err)
		}
		if validResource(q.resource) && (q.resource == "" || len(q.resource) > maxResource) {
			t.Fatalf("resource %q is not valid", q.resource)
		}
	})
}

// FuzzPath: a path that is routed has one reading: the same without regard to case,
// with more slashes, and never one that leads upwards.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/metadata/identity/oauth2/token", "//Metadata//x/", "/a/../b", `/a\b`, "/%2e%2e/a", "/a%2fb", "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = u
		got, _, ok := route(r)
		if !ok {
			return
		}
		if strings.Contains(got, "//") || strings.HasPrefix(got, "/") || strings.HasSuffix(got, "/") || strings.Contains("/"+got+"/", "/../") ||
			strings.ContainsAny(got, `\%`) {
			t.Fatalf("%q is routed as %q", path, got)
		}
		r.URL = &url.URL{Path: "//" + got + "/"}
		if again, _, ok := route(r); !ok && got == r.URL.EscapedPath() || ok && again != got {
			t.Fatalf("%q is routed as %q, and that as %q", path, got, again)
		}
	})
}
