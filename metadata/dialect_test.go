package metadata_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

// old is a right request of App Service's version of 2017, as Go's azidentity sends it
// for the system-assigned identity.
func (w *world) old() request {
	return request{
		method: http.MethodGet, path: "/msi/token",
		query:  encode([]string{"api-version", "2017-09-01", "clientid", "", "resource", midas.Resource}),
		header: http.Header{"Secret": {secretOf(w.vm.VMID)}},
	}
}

// cloudShell is a right request of Cloud Shell, with its secret in the path.
func (w *world) cloudShell() request {
	return request{
		method: http.MethodPost, path: "/as/" + secretOf(w.vm.VMID) + "/cloudshell/oauth2/token",
		header: http.Header{"Metadata": {"true"}, "Content-Type": {"application/x-www-form-urlencoded"}},
		body:   encode([]string{"resource", midas.Resource}),
	}
}

// fabric is a right request of Service Fabric.
func (w *world) fabric() request {
	return request{
		method: http.MethodGet, path: "/servicefabric/token", tls: true,
		query:  encode([]string{"api-version", "2019-07-01-preview", "resource", midas.Resource}),
		header: http.Header{"Secret": {secretOf(w.vm.VMID)}},
	}
}

// What each dialect answers, beside what azidentity reads of it.
func TestDialectAnswers(t *testing.T) {
	w := newWorld(t)
	user, system := w.identity("user-assigned"), w.system()
	named := w.old()
	named.query = encode([]string{"api-version", "2017-09-01", "clientid", user.ClientID, "resource", midas.Resource})
	fabricUser := w.fabric()
	fabricUser.query = encode([]string{"api-version", "2020-05-01", "principalId", user.PrincipalID, "resource", midas.Resource})
	for name, c := range map[string]struct {
		request request
		id      midas.Identity
		has     string
		hasNot  string
	}{
		"2017":                {w.old(), system, "not_before", "expires_in"},
		"2017, user-assigned": {named, user, "client_id", "expires_in"},
		"Cloud Shell":         {w.cloudShell(), system, "expires_in", "statusCode"},
		"Service Fabric":      {w.fabric(), system, "expires_on", "client_id"},
		"Fabric, by id":       {fabricUser, user, "expires_on", "client_id"},
	} {
		answer := w.token(c.request)
		if p := w.principal(answer); p.ClientID != c.id.ClientID || answer["resource"] != midas.Resource || answer["token_type"] != "Bearer" {
			t.Errorf("%s: token of %s, %v", name, p.ClientID, without(answer, "access_token"))
		}
		if _, has := answer[c.has]; !has || answer["expires_on"] != "1777723200" {
			t.Errorf("%s: %v", name, without(answer, "access_token"))
		}
		if _, has := answer[c.hasNot]; has {
			t.Errorf("%s: has %s", name, c.hasNot)
		}
	}
}

// Service Fabric's handler has nothing else, and knows nobody by address.
func TestFabricAlone(t *testing.T) {
	w := newWorld(t)
	system := w.system()
	server := httptest.NewTLSServer(w.endpoint.Fabric())
	defer server.Close()
	for path, status := range map[string]int{
		"/servicefabric/token?" + w.fabric().query: 200, "/metadata/identity/oauth2/token?" + w.imds().query: 404, "/msi/token?" + w.appService().query: 404,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		w.must(err)
		r.Header = http.Header{"Metadata": {"true"}, "Secret": {secretOf(w.vm.VMID)}}
		out, err := server.Client().Do(r)
		w.must(err)
		text, err := io.ReadAll(out.Body)
		w.must(err)
		out.Body.Close()
		if out.StatusCode != status {
			t.Errorf("%s: status %d, %s", path, out.StatusCode, text)
		}
		if status != 200 {
			continue
		}
		var answer map[string]string
		w.must(json.Unmarshal(text, &answer))
		if p := w.principal(answer); p.ClientID != system.ClientID {
			t.Errorf("token of %s", p.ClientID)
		}
	}
}

// A body without a length, as one SDK sends it.
func TestCloudShellTakesChunks(t *testing.T) {
	w := newWorld(t)
	w.system()
	server := httptest.NewServer(w.endpoint)
	defer server.Close()
	c := w.cloudShell()
	r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, io.NopCloser(strings.NewReader(c.body)))
	w.must(err)
	r.Header = c.header
	out, err := http.DefaultClient.Do(r)
	w.must(err)
	defer out.Body.Close()
	if out.StatusCode != 200 {
		t.Errorf("status %d", out.StatusCode)
	}
}
