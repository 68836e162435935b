package azcli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/armtest"
	"github.com/midas-mysql/midas/internal/statedir"
)

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
		{"not ARM's", "<html>", "midas: GET /subscriptions/" + armtest.Subscription + "/resourcegroups/g answered 502 Bad Gateway\n", 502, exitFailed},
		{"a redirect is not followed with our token", "", "midas: GET /subscriptions/" + armtest.Subscription + "/resourcegroups/g answered 307 Temporary Redirect\n", 307, exitFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := armtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				armtest.Answering(test.status, test.body)(w, r)
			})
			code, stdout, stderr := ran(t, server.State(t), "group", "show", "--name", "g")
			if code != test.code || stdout != "" || stderr != test.want {
				t.Errorf("exit code %d, want %d; stdout %q; stderr %q, want %q", code, test.code, stdout, stderr, test.want)
			}
			if len(server.Requests()) != 1 {
				t.Errorf("%d requests: %q", len(server.Requests()), server.Requests())
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
		server := armtest.Serve(t, nil)
		state := server.State(t)
		server.Close()
		code, _, stderr := ran(t, state, "group", "list")
		if code != exitFailed || !strings.HasPrefix(stderr, "midas: no midas answers at "+server.URL) ||
			!strings.HasSuffix(stderr, "hint: start one with: midas up\n") || strings.Count(stderr, "\n") != 2 {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
	})
	t.Run("another authority", func(t *testing.T) {
		server := armtest.Serve(t, nil)
		server.Config.ErrorLog = nil
		state := server.State(t)
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
		if err := statedir.WriteOperator(dir, statedir.Operator{TenantID: armtest.Tenant, ClientID: "c", ClientSecret: "s"}); err != nil {
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
	server := armtest.Serve(t, nil)
	server.Token = armtest.Answering(http.StatusUnauthorized, `{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}`)
	code, _, stderr := ran(t, server.State(t), "group", "list")
	want := "midas: sign-in at " + server.URL + " was refused: AADSTS7000215: Invalid client secret provided.\n"
	if code != exitFailed || !strings.HasPrefix(stderr, want) || strings.Contains(stderr, armtest.Secret) {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestVerbosePrintsRequestsWithoutSecrets(t *testing.T) {
	server := armtest.Serve(t, armtest.Answering(200, `{"value": []}`))
	_, stdout, stderr := ran(t, server.State(t), "group", "list", "--verbose")
	if stdout != "[]\n" || strings.Count(stderr, "\n") != 3 || !strings.Contains(stderr, "GET "+server.URL+"/subscriptions/") {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	if strings.Contains(stderr, armtest.Secret) || strings.Contains(stderr, "the-token") {
		t.Errorf("a secret was printed: %q", stderr)
	}
}

func TestListFollowsPagesOfItsOwnServerOnly(t *testing.T) {
	var server *armtest.Server
	next := ""
	server = armtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "2" {
			armtest.Answering(200, `{"value": [{"name": "b"}]}`)(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"value": []any{map[string]any{"name": "a"}}, "nextLink": next})
	})
	state := server.State(t)
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
	var server *armtest.Server
	server = armtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/operations/"):
			polls++
			armtest.Answering(200, `{"status": "Succeeded"}`)(w, r)
		case r.Method == http.MethodPut:
			w.Header().Set("Azure-AsyncOperation", server.URL+"/subscriptions/x/operations/1?api-version=1")
			armtest.Answering(201, `{"properties": {"provisioningState": "Creating"}}`)(w, r)
		case strings.Contains(r.URL.Path, "/flexibleServers/"):
			armtest.Answering(200, `{"properties": {"fullyQualifiedDomainName": "mydb.mysql.database.azure.com"}}`)(w, r)
		}
	})
	code, stdout, stderr := ran(t, server.State(t), "mysql", "flexible-server", "create", "-g", "g", "-n", "mydb", "-l", "East US",
		"--query", "host", "-o", "tsv")
	if code != 0 || stdout != "mydb.mysql.database.azure.com\n" || polls != 1 {
		t.Errorf("exit code %d, %d polls, stdout %q, stderr %q", code, polls, stdout, stderr)
	}
}

func TestInterruptEndsARequest(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	server := armtest.Serve(t, func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		<-r.Context().Done()
	})
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"--state", server.State(t), "group", "list"}, &stdout, &stderr)
	if code != exitFailed || stdout.Len() > 0 || stderr.String() != "midas: interrupted\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}

func TestGroupsInATable(t *testing.T) {
	server := armtest.Serve(t, armtest.Answering(200, `{"value": [{"id": "/x", "name": "myResourceGroup", "location": "eastus",
		"properties": {"provisioningState": "Succeeded"}}]}`))
	_, stdout, _ := ran(t, server.State(t), "group", "list", "-o", "table")
	want := "Name             Location    Status\n---------------  ----------  ---------\nmyResourceGroup  eastus      Succeeded\n"
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
}

func TestNamesCannotLeaveTheirSegment(t *testing.T) {
	server := armtest.Serve(t, armtest.Answering(404, `{"error": {"code": "ResourceNotFound", "message": "none"}}`))
	state := server.State(t)
	if code, _, _ := ran(t, state, "vm", "show", "-g", "a/b?c", "-n", "%2e d#"); code != exitNotFound {
		t.Errorf("exit code %d", code)
	}
	want := []string{"GET /subscriptions/" + armtest.Subscription +
		"/resourceGroups/a%2Fb%3Fc/providers/Microsoft.Compute/virtualMachines/%252e%20d%23?api-version=2022-11-01"}
	if diff := cmp.Diff(want, server.Requests()); diff != "" {
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
