package metadata_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/golden"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/metadata"
)

type refusalCase struct {
	title   string
	request request
}

// with is a copy of a right request that is no longer right.
func (r request) with(change func(*request)) request {
	r.header = r.header.Clone()
	change(&r)
	return r
}

func having(name string, values ...string) func(*request) {
	return func(r *request) { r.header[name] = values }
}

func lacking(name string) func(*request) { return func(r *request) { r.header.Del(name) } }

func asking(query string) func(*request) { return func(r *request) { r.query = query } }

func byMethod(name string) func(*request) { return func(r *request) { r.method = name } }

// good is a query that IMDS takes.
const good = "api-version=2018-02-01&resource=https%3A%2F%2Fx"

func (w *world) imdsRefusals() []refusalCase {
	imds := w.imds()
	return []refusalCase{
		{"an SDK's probe: no header, no query", request{method: http.MethodGet, path: imds.path, header: http.Header{}}},
		{"no Metadata header", imds.with(lacking("Metadata"))},
		{"Metadata: True", imds.with(having("Metadata", "True"))},
		{"Metadata twice", imds.with(having("Metadata", "true", "true"))},
		{"X-Forwarded-For", imds.with(having("X-Forwarded-For", "10.0.0.1"))},
		{"an empty X-Forwarded-For", imds.with(having("X-Forwarded-For", ""))},
		{"POST", imds.with(byMethod(http.MethodPost))},
		{"HEAD", imds.with(byMethod(http.MethodHead))},
		{"no api-version", imds.with(asking("resource=https%3A%2F%2Fx"))},
		{"an unknown api-version", imds.with(asking("api-version=2018-02-02&resource=https%3A%2F%2Fx"))},
		{"an api-version before identities", imds.with(asking("api-version=2017-12-01&resource=https%3A%2F%2Fx"))},
		{"no resource", imds.with(asking("api-version=2018-02-01"))},
		{"an empty resource", imds.with(asking("api-version=2018-02-01&resource="))},
		{"a resource that is nobody's", imds.with(asking("api-version=2018-02-01&resource=mysql"))},
		{"a resource twice", imds.with(asking(good + "&resource=https%3A%2F%2Fy"))},
		{"client_id twice", imds.with(asking(good + "&client_id=a&client_id=b"))},
		{"client_id and object_id", imds.with(asking(good + "&client_id=a&object_id=b"))},
		{"msi_res_id and mi_res_id", imds.with(asking(good + "&msi_res_id=a&mi_res_id=b"))},
		{"an empty client_id", imds.with(asking(good + "&client_id="))},
		{"a broken query", imds.with(asking(good + "&client_id=%zz"))},
		{"a semicolon in the query", imds.with(asking(good + ";client_id=a"))},
		{"no secret", imds.with(lacking("X-Identity-Header"))},
		{"the secret twice", imds.with(having("X-Identity-Header", secretOf(w.vm.VMID), secretOf(w.vm.VMID)))},
		{"an empty secret", imds.with(having("X-Identity-Header", ""))},
		{"a wrong secret", imds.with(having("X-Identity-Header", w.vm.VMID+".proof-of-another"))},
		{"a secret of no machine", imds.with(having("X-Identity-Header", secretOf("22222222-2222-2222-2222-222222222222")))},
		{"a long secret", imds.with(having("X-Identity-Header", strings.Repeat("x.", 5000)))},
		{"several identities and no selector", imds},
	}
}

func (w *world) appServiceRefusals() []refusalCase {
	app := w.appService()
	return []refusalCase{
		{"no secret", app.with(lacking("X-Identity-Header"))},
		{"a wrong secret", app.with(having("X-Identity-Header", w.vm.VMID+".proof-of-another"))},
		{"POST", app.with(byMethod(http.MethodPost))},
		{"no api-version", app.with(asking("resource=https%3A%2F%2Fx"))},
		{"IMDS's api-version", app.with(asking(good))},
		{"no resource", app.with(asking("api-version=2019-08-01"))},
		{"two selectors", app.with(asking("api-version=2019-08-01&resource=https%3A%2F%2Fx&client_id=a&mi_res_id=b"))},
		{"no selector and no system-assigned identity", app},
		{"an identity that is not assigned", w.appService("client_id", "11111111-1111-1111-1111-111111111111")},
	}
}

func (w *world) oldRefusals() []refusalCase {
	old := w.old()
	return []refusalCase{
		{"no secret", old.with(lacking("Secret"))},
		{"the secret in the new header", old.with(func(r *request) { r.header = http.Header{"X-Identity-Header": r.header["Secret"]} })},
		{"a wrong secret", old.with(having("Secret", w.vm.VMID+".proof-of-another"))},
		{"clientid twice", old.with(asking("api-version=2017-09-01&resource=https%3A%2F%2Fx&clientid=a&clientid=b"))},
		{"clientid and object_id", old.with(asking("api-version=2017-09-01&resource=https%3A%2F%2Fx&clientid=a&object_id=b"))},
		{"an identity that is not assigned", old.with(asking("api-version=2017-09-01&resource=https%3A%2F%2Fx&clientid=11111111-1111-1111-1111-111111111111"))},
		{"an empty clientid and no system-assigned identity", old},
	}
}

func (w *world) cloudShellRefusals() []refusalCase {
	shell := w.cloudShell()
	return []refusalCase{
		{"GET", shell.with(byMethod(http.MethodGet))},
		{"no Metadata header", shell.with(lacking("Metadata"))},
		{"X-Forwarded-For", shell.with(having("X-Forwarded-For", "10.0.0.1"))},
		{"no form", shell.with(having("Content-Type", "application/json"))},
		{"no resource", shell.with(func(r *request) { r.body = "" })},
		{"a resource that is nobody's", shell.with(func(r *request) { r.body = "resource=mysql" })},
		{"a resource twice", shell.with(func(r *request) { r.body += "&resource=https%3A%2F%2Fy" })},
		{"a large body", shell.with(func(r *request) { r.body += "&x=" + strings.Repeat("x", 20<<10) })},
		{"a user-assigned identity", shell.with(func(r *request) { r.body += "&client_id=a" })},
		{"no secret", shell.with(func(r *request) { r.path = "/cloudshell/oauth2/token" })},
		{"a wrong secret", shell.with(func(r *request) { r.path = "/as/" + w.vm.VMID + ".wrong/cloudshell/oauth2/token" })},
		{"a secret in path and header", shell.with(having("X-Identity-Header", secretOf(w.vm.VMID)))},
		{"no system-assigned identity", shell},
	}
}

func (w *world) fabricRefusals() []refusalCase {
	fabric := w.fabric()
	return []refusalCase{
		{"no TLS", fabric.with(func(r *request) { r.tls = false })},
		{"POST", fabric.with(byMethod(http.MethodPost))},
		{"no secret", fabric.with(lacking("Secret"))},
		{"a wrong secret", fabric.with(having("Secret", w.vm.VMID+".wrong"))},
		{"another api-version", fabric.with(asking("api-version=2018-02-01&resource=https%3A%2F%2Fx"))},
		{"no resource", fabric.with(asking("api-version=2020-05-01"))},
		{"several identities and no selector", fabric},
		{"an identity that is not assigned", fabric.with(asking("api-version=2020-05-01&resource=https%3A%2F%2Fx&principalId=a"))},
	}
}

func (w *world) arcRefusals() []refusalCase {
	imds := w.imds()
	return []refusalCase{
		{"when it is off", imds.with(func(r *request) { r.path = "/arc" + r.path })},
	}
}

// TestRefusals holds every refusal of both protocols, with status and body, in a
// golden file for each.
//
// Fact 3 of Azure's wire: the SDKs' probe has no Metadata header; it must be answered
// with 400 and JSON.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.identity("identity-one")
	w.identity("identity-two")
	for _, protocol := range []struct {
		name  string
		cases []refusalCase
	}{
		{"imds", w.imdsRefusals()},
		{"appservice", w.appServiceRefusals()},
		{"old", w.oldRefusals()},
		{"cloudshell", w.cloudShellRefusals()},
		{"fabric", w.fabricRefusals()},
		{"arc", w.arcRefusals()},
	} {
		t.Run(protocol.name, func(t *testing.T) {
			golden.Assert(t, w.refusals(protocol.cases), "refusals-"+protocol.name+".golden")
		})
	}
}

var random = regexp.MustCompile(`"correlationId":"[0-9a-f-]{36}"`)

func (w *world) refusals(cases []refusalCase) string {
	var b strings.Builder
	for _, c := range cases {
		out := w.send(c.request)
		body := random.ReplaceAllString(strings.TrimSpace(out.Body.String()), `"correlationId":"…"`)
		if strings.Contains(body, "eyJ") || strings.Contains(body, "proof-of") {
			w.Errorf("%s: a token or a secret in %s", c.title, body)
		}
		fmt.Fprintf(&b, "%s\n  %d %s\n", c.title, out.Code, body)
	}
	return b.String()
}

// A body, a redirect and a hanging answer are what no SDK expects of a refusal.
func TestNoRefusalRedirects(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"//metadata/identity/oauth2/token", "/metadata/identity/oauth2/token/", "/msi//token", "/x"} {
		out := w.send(request{method: http.MethodGet, path: path, header: http.Header{}})
		if out.Code < 400 || out.Header().Get("Location") != "" {
			t.Errorf("%s: status %d, Location %q", path, out.Code, out.Header().Get("Location"))
		}
	}
}

// Fact 6, App Service's half: it never falls back to the only user-assigned identity.
func TestAppServiceAnswer(t *testing.T) {
	w := newWorld(t)
	user := w.identity("user-assigned")
	if out := w.send(w.appService()); out.Code != 400 {
		t.Fatalf("status %d without a selector", out.Code)
	}
	answer := w.token(w.appService("client_id", user.ClientID))
	if _, has := answer["expires_in"]; has || answer["expires_on"] == "" || answer["client_id"] != user.ClientID {
		t.Errorf("answer without its token: %v", without(answer, "access_token"))
	}
	for by, id := range map[string]string{"mi_res_id": user.ResourceID, "object_id": user.PrincipalID, "principal_id": user.PrincipalID} {
		if p := w.principal(w.token(w.appService(by, id))); p.ClientID != user.ClientID {
			t.Errorf("%s: token of %s", by, p.ClientID)
		}
	}
	system := w.system()
	if p := w.principal(w.token(w.appService())); p.ClientID != system.ClientID || p.Audience != midas.Resource {
		t.Errorf("token of %s for %s", p.ClientID, p.Audience)
	}
}

func without(m map[string]string, name string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func TestAClosedDirectoryIsAnErrorAndNoToken(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	w.token(w.imds())
	if err := w.directory.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []request{w.imds(), w.appService()} {
		if out := w.send(r); out.Code != http.StatusInternalServerError || strings.Contains(out.Body.String(), "sql") {
			t.Errorf("%s: status %d, %s", r.path, out.Code, out.Body)
		}
	}
}

// A program that is no machine asks without end: the log says so, and how often, in few
// lines.
func TestStrangersWriteFewLines(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	w.remake(func(c *metadata.Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
	stranger := w.imds()
	stranger.header = http.Header{"Metadata": {"true"}}
	ask := func(n int) {
		for range n {
			if got := w.send(stranger); got.Code != http.StatusUnauthorized {
				t.Fatalf("%d %s", got.Code, got.Body)
			}
		}
	}
	ask(500)
	w.now = w.now.Add(10 * time.Second)
	ask(500)
	if lines := strings.Count(out.String(), "\n"); lines != 2 || strings.Count(out.String(), "left_out=499") != 1 {
		t.Errorf("%d lines of 1000 refusals:\n%.1000s", lines, &out)
	}
}
