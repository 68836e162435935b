package metadata_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/metadata"
)

// ambient are the ways in which a machine is known that shows no secret.
func (w *world) ambient() map[string]http.Handler {
	w.match("myVM", "lo", directory.WorkloadMatchInput{CIDR: "127.0.0.0/8", InsecureOwn: true})
	return map[string]http.Handler{"own listener": w.endpoint.Own(w.vm.ID), "workload match": w.endpoint}
}

// at sends r to h from the machine, under the name host.
func at(h http.Handler, host string, r request) *httptest.ResponseRecorder {
	in := httptest.NewRequest(r.method, "http://"+host+r.path+"?"+r.query, strings.NewReader(r.body))
	in.Header, in.RemoteAddr = r.header.Clone(), "127.0.0.1:40000"
	out := httptest.NewRecorder()
	h.ServeHTTP(out, in)
	return out
}

// Server-side request forgery: App Service's dialects have no Metadata header, and so
// nobody gets a token in them without the secret, where IMDS needs none either; and in no
// dialect does a request that came through a proxy.
func TestAppServiceDemandsItsSecret(t *testing.T) {
	w := newWorld(t)
	w.system()
	imds, app, old := w.from(""), w.appService(), w.old()
	app.header, old.header = http.Header{}, http.Header{}
	for name, h := range w.ambient() {
		if out := at(h, "169.254.169.254", imds); out.Code != 200 {
			t.Errorf("%s: IMDS: status %d", name, out.Code)
		}
		for _, r := range []request{app, old} {
			out := at(h, "169.254.169.254", r)
			if out.Code != 401 || !strings.Contains(out.Body.String(), "the request carries no ") {
				t.Errorf("%s: %s: status %d, %.60s", name, r.query, out.Code, out.Body)
			}
		}
	}
	inPath := app
	inPath.path = "/as/" + secretOf(w.vm.VMID) + app.path
	w.token(inPath)
	for _, r := range []request{w.appService(), w.old(), inPath, w.imds(), w.cloudShell(), w.fabric()} {
		w.token(r)
		r.header = r.header.Clone()
		r.header["X-Forwarded-For"] = []string{"203.0.113.9"}
		if out := w.send(r); out.Code != 400 || !strings.Contains(out.Body.String(), "X-Forwarded-For") {
			t.Errorf("%s through a proxy: status %d, %.60s", r.path, out.Code, out.Body)
		}
	}
}

// A page in a browser that has its own name lead here: it may set every header, but not
// hide what it is. No client library is refused.
func TestPagesInBrowsersAreRefused(t *testing.T) {
	w := newWorld(t)
	w.remake(func(c *metadata.Config) { c.Names = []string{"host.docker.internal"} })
	w.system()
	bare := w.from("")
	with := func(name, value string) request {
		r := bare
		r.header = bare.header.Clone()
		r.header.Set(name, value)
		return r
	}
	for name, h := range w.ambient() {
		for _, host := range []string{"169.254.169.254", "127.0.0.1:7169", "[::1]:7169", "[::1]", "localhost", "LocalHost:7169", "Host.Docker.Internal:7169"} {
			if out := at(h, host, bare); out.Code != 200 {
				t.Errorf("%s: as %s: status %d, %s", name, host, out.Code, out.Body)
			}
		}
		for _, host := range []string{"evil.example", "evil.example:7169", "127.0.0.1.evil.example", "localhost.evil.example", "169.254.169.254.nip.io:80", "a:b@evil.example"} {
			out := at(h, "127.0.0.1", request{method: bare.method, path: "/metadata/versions", header: bare.header})
			if out.Code != 200 {
				t.Fatalf("%s: status %d", name, out.Code)
			}
			for _, r := range []request{bare, w.imds(), w.appService(), w.get("/metadata/instance", "api-version=2021-02-01"), {method: "GET", path: "/metadata/versions", header: bare.header}} {
				if out := at(h, host, r); out.Code != 400 || !strings.Contains(out.Body.String(), "--metadata-name") {
					t.Errorf("%s: %s as %s: status %d, %.60s", name, r.path, host, out.Code, out.Body)
				}
			}
		}
		for _, r := range []request{
			with("Origin", "http://evil.example"), with("Origin", "null"), with("Origin", "http://127.0.0.1:7169"),
			with("Sec-Fetch-Site", "same-origin"), with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Site", ""),
		} {
			if out := at(h, "127.0.0.1:7169", r); out.Code != 400 || strings.Contains(out.Body.String(), "access_token") {
				t.Errorf("%s: %v: status %d", name, r.header, out.Code)
			}
		}
		// What an address line sends, and what Node's fetch does.
		for _, r := range []request{with("Sec-Fetch-Site", "none"), with("Sec-Fetch-Mode", "cors")} {
			if out := at(h, "127.0.0.1:7169", r); out.Code != 200 {
				t.Errorf("%s: %v: status %d", name, r.header, out.Code)
			}
		}
	}
	// Service Fabric's listener has a certificate and demands a secret: its names are the
	// control address's.
	fabric := w.fabric()
	in := httptest.NewRequest(fabric.method, "https://midas.example:7443"+fabric.path+"?"+fabric.query, nil)
	in.Header = fabric.header
	out := httptest.NewRecorder()
	if w.endpoint.Fabric().ServeHTTP(out, in); out.Code != 200 {
		t.Errorf("Service Fabric: status %d, %s", out.Code, out.Body)
	}
}
