package metadata_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/metadata"
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

// Azure Arc: who can read the file that the challenge names gets a token, once.
func TestArcChallenge(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	stale := filepath.Join(dir, "midas-stale.key")
	w.must(os.WriteFile(stale, []byte("old"), 0o600))
	w.remake(func(c *metadata.Config) { c.Arc = metadata.ArcConfig{Dir: dir} })
	if _, err := os.Stat(stale); err == nil {
		t.Error("a key of an earlier run is still there")
	}
	user, _ := w.identity("user-assigned"), w.system()
	arc := w.imds("client_id", user.ClientID)
	arc.path = "/arc" + arc.path
	challenge := func() (path, key string) {
		t.Helper()
		out := w.send(arc)
		path, is := strings.CutPrefix(out.Header().Get("WWW-Authenticate"), "Basic realm=")
		if out.Code != 401 || !is || filepath.Dir(path) != dir || filepath.Ext(path) != ".key" || out.Body.Len() > 0 {
			t.Fatalf("status %d, %v, %s", out.Code, out.Header(), out.Body)
		}
		text, err := os.ReadFile(path)
		w.must(err)
		info, err := os.Stat(path)
		w.must(err)
		if info.Mode().Perm() != 0o640 || len(text) > 4096 || len(text) < 32 {
			t.Errorf("key file of %d bytes, %s", len(text), info.Mode())
		}
		return path, string(text)
	}
	with := func(key string) request {
		r := arc
		r.header = arc.header.Clone()
		r.header.Set("Authorization", "Basic "+key)
		return r
	}
	path, key := challenge()
	answer := w.token(with(key))
	if p := w.principal(answer); p.ClientID != user.ClientID || answer["client_id"] != user.ClientID {
		t.Errorf("token of %s", p.ClientID)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the key file is still there")
	}
	refused := func(name string, r request) {
		t.Helper()
		if out := w.send(r); out.Code != 401 || strings.Contains(out.Body.String(), "access_token") {
			t.Errorf("%s: status %d, %s", name, out.Code, out.Body)
		}
	}
	refused("a key for the second time", with(key))
	refused("a guess", with("guess"))
	refused("no key", with(""))
	path, key = challenge()
	w.now = w.now.Add(61 * time.Second)
	refused("an old key", with(key))
	if _, err := os.Stat(path); err == nil {
		t.Error("the file of an old key is still there")
	}
	_, key = challenge()
	w.vm, _, _ = w.directory.PutVM(t.Context(), group, "another", w.change("SystemAssigned"))
	other := w.imds()
	other.path = "/arc" + other.path
	other.header.Set("Authorization", "Basic "+key)
	refused("the key of another machine", other)
	stranger := with(key)
	stranger.header.Del("X-Identity-Header")
	refused("nobody's", stranger)

	w.endpoint.Close()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("keys are left after the end: %v", left)
	}
}

// A folder that is not there is an error at the start.
func TestArcNeedsItsFolder(t *testing.T) {
	w := newWorld(t)
	cfg := w.config
	cfg.Arc.Dir = filepath.Join(t.TempDir(), "none")
	if _, err := metadata.New(cfg); midas.CodeOf(err) != midas.Invalid {
		t.Errorf("%v", err)
	}
}
