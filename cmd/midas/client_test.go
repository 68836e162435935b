package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/statedir"
)

const (
	testTenant       = "11111111-1111-1111-1111-111111111111"
	testSubscription = "22222222-2222-2222-2222-222222222222"
	testSecret       = "the-operators-secret"
)

// scriptedARM answers as a control endpoint whose API does what the test says. It
// stands in for a server that misbehaves; the happy paths run against the real one.
type scriptedARM struct {
	*httptest.Server
	answer http.HandlerFunc // the API
	token  http.HandlerFunc // the token endpoint; nil for one that says yes

	mu       sync.Mutex
	requests []string // method, path with query, body
}

func newScriptedARM(t *testing.T, answer http.HandlerFunc) *scriptedARM {
	t.Helper()
	s := &scriptedARM{answer: answer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		base := s.URL + "/" + testTenant
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		if s.token != nil {
			s.token(w, r)
			return
		}
		if scope, secret := r.FormValue("scope"), r.FormValue("client_secret"); secret != testSecret || !strings.Contains(scope, armclient.Audience+"/.default") {
			t.Errorf("token asked for with scope %q", scope)
		}
		_, _ = io.WriteString(w, `{"access_token": "the-token", "token_type": "Bearer", "expires_in": 3599}`)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" {
			t.Errorf("%s %s without the token", r.Method, r.URL)
		}
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		s.mu.Unlock()
		s.answer(w, r)
	})
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, statedir.MachinePath+"/") { // whose proof is another, and whose paths stay as they are
			s.answer(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// state writes a state directory in which this server is the running midas.
func (s *scriptedARM) state(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := statedir.WriteRunning(dir, statedir.Running{Control: s.URL, CA: ca, PID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	operator := statedir.Operator{
		ClientID: "33333333-3333-3333-3333-333333333333", ClientSecret: testSecret,
		TenantID: testTenant, SubscriptionID: testSubscription,
	}
	if err := statedir.WriteOperator(dir, operator); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ran runs the program and returns its exit code and what it printed.
func ran(t *testing.T, state string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = program{append([]string{"--state", state}, args...), strings.NewReader(""), &out, &problems}.Run(t.Context())
	return code, out.String(), problems.String()
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestErrorsOfTheServer(t *testing.T) {
	const envelope = `{"error": {"code": "TheCode", "message": "The message\nin two lines."}}`
	for _, test := range []struct {
		name, body, want string
		status, code     int
	}{
		{"missing", envelope, "midas: (TheCode) The message in two lines.\n", 404, exitNotFound},
		{"refused", envelope, "midas: (TheCode) The message in two lines.\n", 403, exitFailed},
		{"invalid is not a usage error", envelope, "midas: (TheCode) The message in two lines.\n", 400, exitFailed},
		{"in conflict", envelope, "midas: (TheCode) The message in two lines.\n", 409, exitFailed},
		{"busy", envelope, "midas: (TheCode) The message in two lines.\n", 503, exitFailed},
		{"not ARM's", "<html>", "midas: GET /subscriptions/" + testSubscription + "/resourcegroups/g answered 502 Bad Gateway\n", 502, exitFailed},
		{"a redirect is not followed with our token", "", "midas: GET /subscriptions/" + testSubscription + "/resourcegroups/g answered 307 Temporary Redirect\n", 307, exitFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newScriptedARM(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				answering(test.status, test.body)(w, r)
			})
			code, stdout, stderr := ran(t, server.state(t), "group", "show", "--name", "g")
			if code != test.code || stdout != "" || stderr != test.want {
				t.Errorf("exit code %d, want %d; stdout %q; stderr %q, want %q", code, test.code, stdout, stderr, test.want)
			}
			if len(server.requests) != 1 {
				t.Errorf("%d requests: %q", len(server.requests), server.requests)
			}
		})
	}
}

func TestNoMidasRuns(t *testing.T) {
	t.Run("never started", func(t *testing.T) {
		dir := t.TempDir()
		code, _, stderr := ran(t, dir, "group", "list")
		want := "midas: no midas is running with state " + dir + "\nhint: start one with: midas up\n"
		if code != exitFailed || stderr != want {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
	})
	t.Run("killed", func(t *testing.T) {
		server := newScriptedARM(t, nil)
		state := server.state(t)
		server.Close()
		code, _, stderr := ran(t, state, "group", "list")
		if code != exitFailed || !strings.HasPrefix(stderr, "midas: no midas answers at "+server.URL) ||
			!strings.HasSuffix(stderr, "hint: start one with: midas up\n") || strings.Count(stderr, "\n") != 2 {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
	})
	t.Run("another authority", func(t *testing.T) {
		server := newScriptedARM(t, nil)
		server.Config.ErrorLog = nil
		state := server.state(t)
		other := httptest.NewTLSServer(nil)
		defer other.Close()
		if err := statedir.WriteRunning(state, statedir.Running{Control: server.URL, CA: filepath.Join(state, "none.pem")}); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := ran(t, state, "group", "list")
		if code != exitFailed || !strings.Contains(stderr, "certificate authority") {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
	})
	t.Run("not https", func(t *testing.T) {
		dir := t.TempDir()
		if err := statedir.WriteOperator(dir, statedir.Operator{TenantID: testTenant, ClientID: "c", ClientSecret: "s"}); err != nil {
			t.Fatal(err)
		}
		if err := statedir.WriteRunning(dir, statedir.Running{Control: "http://127.0.0.1:1"}); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := ran(t, dir, "group", "list"); code != exitFailed || !strings.Contains(stderr, "not an https URL") {
			t.Errorf("exit code %d, stderr %q: the secret would travel in the clear", code, stderr)
		}
	})
}

func TestSignInRefused(t *testing.T) {
	server := newScriptedARM(t, nil)
	server.token = answering(http.StatusUnauthorized, `{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}`)
	code, _, stderr := ran(t, server.state(t), "group", "list")
	want := "midas: sign-in at " + server.URL + " was refused: AADSTS7000215: Invalid client secret provided.\n"
	if code != exitFailed || !strings.HasPrefix(stderr, want) || strings.Contains(stderr, testSecret) {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestVerbosePrintsRequestsWithoutSecrets(t *testing.T) {
	server := newScriptedARM(t, answering(200, `{"value": []}`))
	_, stdout, stderr := ran(t, server.state(t), "group", "list", "--verbose")
	if stdout != "[]\n" || strings.Count(stderr, "\n") != 3 || !strings.Contains(stderr, "GET "+server.URL+"/subscriptions/") {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	if strings.Contains(stderr, testSecret) || strings.Contains(stderr, "the-token") {
		t.Errorf("a secret was printed: %q", stderr)
	}
}

func TestListFollowsPagesOfItsOwnServerOnly(t *testing.T) {
	var server *scriptedARM
	next := ""
	server = newScriptedARM(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "2" {
			answering(200, `{"value": [{"name": "b"}]}`)(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"value": []any{map[string]any{"name": "a"}}, "nextLink": next})
	})
	state := server.state(t)
	next = server.URL + "/subscriptions/x/resourcegroups?page=2"
	if code, stdout, stderr := ran(t, state, "group", "list", "--query", "[].name", "-o", "tsv"); code != 0 || stdout != "a\nb\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for _, foreign := range []string{"https://example.com/", server.URL + ".example.com/", "//example.com/"} {
		next = foreign
		if code, stdout, stderr := ran(t, state, "group", "list"); code != exitFailed || stdout != "" || !strings.Contains(stderr, "foreign address") {
			t.Errorf("nextLink %q: exit code %d, stdout %q, stderr %q", foreign, code, stdout, stderr)
		}
	}
}

func TestLongRunningOperationIsAwaited(t *testing.T) {
	polls := 0
	var server *scriptedARM
	server = newScriptedARM(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/operations/"):
			polls++
			answering(200, `{"status": "Succeeded"}`)(w, r)
		case r.Method == http.MethodPut:
			w.Header().Set("Azure-AsyncOperation", server.URL+"/subscriptions/x/operations/1?api-version=1")
			answering(201, `{"properties": {"provisioningState": "Creating"}}`)(w, r)
		case strings.Contains(r.URL.Path, "/flexibleServers/"):
			answering(200, `{"properties": {"fullyQualifiedDomainName": "mydb.mysql.database.azure.com"}}`)(w, r)
		}
	})
	code, stdout, stderr := ran(t, server.state(t), "mysql", "flexible-server", "create", "-g", "g", "-n", "mydb", "-l", "East US",
		"--query", "host", "-o", "tsv")
	if code != 0 || stdout != "mydb.mysql.database.azure.com\n" || polls != 1 {
		t.Errorf("exit code %d, %d polls, stdout %q, stderr %q", code, polls, stdout, stderr)
	}
}

func TestInterruptEndsARequest(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	server := newScriptedARM(t, func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		<-r.Context().Done()
	})
	var stdout, stderr bytes.Buffer
	code := program{[]string{"--state", server.state(t), "group", "list"}, strings.NewReader(""), &stdout, &stderr}.Run(ctx)
	if code != exitFailed || stdout.Len() > 0 || stderr.String() != "midas: interrupted\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}

func TestGroupsInATable(t *testing.T) {
	server := newScriptedARM(t, answering(200, `{"value": [{"id": "/x", "name": "myResourceGroup", "location": "eastus",
		"properties": {"provisioningState": "Succeeded"}}]}`))
	_, stdout, _ := ran(t, server.state(t), "group", "list", "-o", "table")
	want := "Name             Location    Status\n---------------  ----------  ---------\nmyResourceGroup  eastus      Succeeded\n"
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
}

func TestNamesCannotLeaveTheirSegment(t *testing.T) {
	server := newScriptedARM(t, answering(404, `{"error": {"code": "ResourceNotFound", "message": "none"}}`))
	state := server.state(t)
	if code, _, _ := ran(t, state, "vm", "show", "-g", "a/b?c", "-n", "%2e d#"); code != exitNotFound {
		t.Errorf("exit code %d", code)
	}
	want := []string{"GET /subscriptions/" + testSubscription +
		"/resourceGroups/a%2Fb%3Fc/providers/Microsoft.Compute/virtualMachines/%252e%20d%23?api-version=2022-11-01"}
	if diff := cmp.Diff(want, server.requests); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{".", ".."} {
		if code, _, _ := ran(t, state, "vm", "show", "-g", "g", "-n", name); code != exitUsage {
			t.Errorf("name %q: exit code %d", name, code)
		}
		if code, _, _ := ran(t, state, "vm", "show", "--ids", armclient.VMs.ID(armclient.Ref{Subscription: "s", Group: name, Name: "n"})); code != exitUsage {
			t.Errorf("id with group %q: exit code %d", name, code)
		}
	}
}
