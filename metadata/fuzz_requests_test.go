package metadata_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/metadata"
)

// paths are those of all dialects and documents.
var paths = []string{
	"/metadata/identity/oauth2/token", "/msi/token", "/arc/metadata/identity/oauth2/token", "/cloudshell/oauth2/token", "/servicefabric/token",
	"/metadata/identity/info", "/metadata/versions", "/metadata/instance", "/metadata/scheduledevents",
}

// FuzzStranger: a caller without the right secret gets no token and nothing of a machine, by no
// path, query, header or body; and every answer is well formed.
func FuzzStranger(f *testing.F) {
	w := newWorld(f)
	w.system()
	w.remake(func(c *metadata.Config) { c.Arc.Dir = f.TempDir() })
	secret := secretOf(w.vm.VMID)
	for _, path := range paths {
		f.Add("GET", path, "api-version=2018-02-01&resource=https%3A%2F%2Fx", "", "")
		f.Add("GET", "/as/"+w.vm.VMID+".guess"+path, "api-version=2019-08-01&resource=https%3A%2F%2Fx&client_id=a", w.vm.VMID+".", "")
		f.Add("POST", path, "api-version=2017-09-01&clientid=", ".", "resource=https%3A%2F%2Fx&resource=y")
	}
	f.Add("GET", "/metadata/instance/compute/vmId", "api-version=2021-02-01&format=text", "", "")
	f.Fuzz(func(t *testing.T, method, path, query, given, form string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || strings.Contains(strings.ToLower(path), strings.ToLower(secret)) || given == secret {
			return
		}
		u.RawQuery = query
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", strings.NewReader(form))
		r.Method, r.URL = method, u
		r.Header = http.Header{"Metadata": {"true"}, "Content-Type": {"application/x-www-form-urlencoded"}}
		for _, name := range []string{"X-Identity-Header", "Secret", "Authorization"} {
			if given != "" {
				r.Header.Set(name, given)
			}
		}
		out := httptest.NewRecorder()
		w.endpoint.ServeHTTP(out, r)
		body := out.Body.String()
		if out.Code < 400 || strings.Contains(body, "eyJ") || !strings.Contains(path+query+given+form, w.vm.VMID) && strings.Contains(body, w.vm.VMID) {
			t.Fatalf("%s %q?%q with %q: status %d, %s", method, path, query, given, out.Code, body)
		}
		if strings.HasPrefix(out.Header().Get("Content-Type"), "application/json") && !json.Valid(out.Body.Bytes()) {
			t.Fatalf("no JSON: %s", body)
		}
	})
}

// FuzzOwner: whatever the machine itself asks for, a token is of an identity that it has
// and for the one resource that was asked for.
func FuzzOwner(f *testing.F) {
	w := newWorld(f)
	user, system := w.identity("user-assigned"), w.system()
	secret := secretOf(w.vm.VMID)
	for _, path := range paths {
		f.Add(path, "api-version=2018-02-01&resource=https%3A%2F%2Fx&client_id="+user.ClientID, "resource=https%3A%2F%2Fx")
		f.Add(path, "api-version=2017-09-01&resource=https%3A%2F%2Fx&clientid="+user.ClientID, "")
		f.Add(path, "api-version=2019-08-01&resource=https%3A%2F%2Fx&resource=https%3A%2F%2Fy", "client_id=&resource=https%3A%2F%2Fx")
	}
	f.Fuzz(func(t *testing.T, path, query, form string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		u.RawQuery = query
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", strings.NewReader(form))
		if strings.Contains(strings.ToLower(path), "cloudshell") {
			r.Method, query = http.MethodPost, form
		}
		r.URL = u
		r.Header = http.Header{"Metadata": {"true"}, "Content-Type": {"application/x-www-form-urlencoded"}, "X-Identity-Header": {secret}, "Secret": {secret}}
		out := httptest.NewRecorder()
		w.endpoint.ServeHTTP(out, r)
		if out.Code != 200 || !strings.Contains(out.Body.String(), `"access_token"`) {
			return
		}
		var answer map[string]string
		if err := json.Unmarshal(out.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %v", out.Body, err)
		}
		values, err := url.ParseQuery(query)
		if err != nil || len(values["resource"]) != 1 || answer["resource"] != values.Get("resource") {
			t.Fatalf("%q: a token for %q of %q", query, answer["resource"], values["resource"])
		}
		if answer["resource"] != midas.Resource {
			return
		}
		p, err := w.verifier.Verify(t.Context(), answer["access_token"])
		if err != nil || p.ClientID != user.ClientID && p.ClientID != system.ClientID {
			t.Fatalf("%q: a token of %s, %v", query, p.ClientID, err)
		}
	})
}
