package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMetadataProxyWithoutAnEndpoint(t *testing.T) {
	proxy, err := metadataProxy("http://127.0.0.1:1", "id.secret")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	proxy.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://169.254.169.254/metadata/identity/oauth2/token", nil))
	if body := w.Body.String(); w.Code != http.StatusServiceUnavailable || !strings.Contains(body, "midas does not answer at 127.0.0.1:1") ||
		strings.Contains(body, "secret") {
		t.Errorf("%d %s", w.Code, body)
	}
}

// The forwarder proves who asks below /metadata/ alone, and elsewhere says that it is a
// forwarder: the endpoint knows nobody by the marks of one.
func TestVMRunLendsNoSecretOutsideIMDS(t *testing.T) {
	var seen []http.Header
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header)
		if r.Host != "169.254.169.254" {
			t.Errorf("Host %q", r.Host)
		}
	}))
	defer upstream.Close()
	proxy, err := metadataProxy(upstream.URL, "id.secret")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/metadata/versions": "id.secret", "//METADATA/versions": "id.secret",
		"/msi/token": "", "/arc/metadata/identity/oauth2/token": "", "/cloudshell/oauth2/token": "", "/": "", "/metadatax": "", "/as/x.y/metadata/versions": "",
		"/%6detadata/versions": "",
	} {
		seen = nil
		proxy.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://169.254.169.254"+path, nil))
		if len(seen) != 1 || seen[0].Get("X-Identity-Header") != want || seen[0].Get("Via") == "" {
			t.Errorf("%s: %v", path, seen)
		}
	}
}
