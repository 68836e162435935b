package arm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// tokens verifies by looking up; signatures are tested where they are made.
type tokens map[string]midas.Principal

func (t tokens) Verify(_ context.Context, raw string) (midas.Principal, error) {
	p, ok := t[raw]
	if !ok {
		return midas.Principal{}, midas.Errorf(midas.Unauthenticated, "signature by an unknown key")
	}
	if p.TokenID == "expired" {
		err := midas.Errorf(midas.Unauthenticated, "token expired 4 min ago")
		err.Public = true
		return midas.Principal{}, err
	}
	return p, nil
}

const (
	ownerID    = "aaaaaaaa-0000-4000-8000-000000000001"
	strangerID = "aaaaaaaa-0000-4000-8000-000000000002"
	clientID   = "aaaaaaaa-0000-4000-8000-000000000003"
)

// world is a running API with an owner, over a real directory.
type world struct {
	*httptest.Server
	api  *API
	dir  *directory.Directory
	sub  string
	file string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "directory.db")
	dir, err := directory.Open(t.Context(), directory.Config{Path: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.AssignOwner(t.Context(), ownerID); err != nil {
		t.Fatal(err)
	}
	principal := func(oid, audience, id string) midas.Principal {
		return midas.Principal{ObjectID: oid, ClientID: clientID, Audience: audience, TokenID: id}
	}
	arm := Audiences()[0]
	w := &world{dir: dir, file: file}
	w.api, err = New(Config{
		Directory: dir,
		Verifier: tokens{
			"owner":         principal(ownerID, arm, ""),
			"stranger":      principal(strangerID, arm, ""),
			"nobody":        principal("", arm, ""),
			"expired":       principal(ownerID, arm, "expired"),
			"for-mysql":     principal(ownerID, midas.Resource, ""),
			"for-no-one":    principal(ownerID, "", ""),
			"other-arm-aud": principal(ownerID, Audiences()[1], ""),
		},
		BaseURL:        func() string { return "https://localhost:7443" },
		MetadataURL:    func() string { return "http://127.0.0.1:7169" },
		WorkloadSecret: func(vmID string, until time.Time) string { return fmt.Sprintf("%s.%d.mac", vmID, until.Unix()) },
		SecretLifetime: 24 * time.Hour,
		DefaultAdmin:   &midas.Administrator{Login: "operator", ObjectID: ownerID},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, w.sub = dir.Tenant()
	w.Server = httptest.NewServer(w.api)
	t.Cleanup(func() {
		w.Close()
		_ = dir.Close()
	})
	return w
}

// do sends a request as the holder of token ("" for none); {sub} in its path is the
// subscription.
func (w *world) do(t testing.TB, token, method, path, body string) (*http.Response, string) {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+strings.ReplaceAll(path, "{sub}", w.sub), content)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("x-ms-request-id") == "" || resp.Header.Get("x-ms-correlation-request-id") == "" {
		t.Errorf("%s %s: answer without x-ms-request-id or x-ms-correlation-request-id", method, path)
	}
	return resp, string(text)
}

// wantFault checks an answer for its status and ARM's code.
func wantFault(t *testing.T, resp *http.Response, body string, status int, code string) {
	t.Helper()
	var envelope struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatalf("%d %q is no error envelope: %v", resp.StatusCode, body, err)
	}
	if resp.StatusCode != status || envelope.Error.Code != code || envelope.Error.Message == "" {
		t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, status, code)
	}
}

const (
	api = "?api-version=2022-04-01"
	sub = "/subscriptions/{sub}"
	rg  = sub + "/resourceGroups/rg"

	ids     = rg + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
	vms     = rg + "/providers/Microsoft.Compute/virtualMachines/"
	servers = rg + "/providers/Microsoft.DBforMySQL/flexibleServers/"
)

// Azure's ids of the roles that the tests give.
var roleIDs = map[string]string{
	"Owner":                        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
	"Contributor":                  "b24988ac-6180-42a0-ab88-20f7382dd24c",
	"Reader":                       "acdd72a7-3385-48ef-bd42-f606fba81ae7",
	"User Access Administrator":    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
	"Managed Identity Contributor": "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
	"Managed Identity Operator":    "f1a07417-d97a-45cb-824c-7a7467783830",
	"Virtual Machine Contributor":  "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
}

// want sends a request and checks the status of its answer, which it returns.
func (w *world) want(t testing.TB, status int, token, method, path, body string) string {
	t.Helper()
	resp, text := w.do(t, token, method, path, body)
	if resp.StatusCode != status {
		t.Errorf("%s: %s %s: %d %s, want %d", token, method, path, resp.StatusCode, text, status)
	}
	return text
}

// populate makes what the tests of access are about.
func (w *world) populate(t testing.TB) {
	t.Helper()
	const where = `{"location":"eastus"}`
	other := strings.ReplaceAll(ids, "/rg/", "/other/")
	for _, path := range []string{rg, sub + "/resourceGroups/other", ids + "app", ids + "web", other + "far", vms + "vm", vms + "vm2", servers + "mydb"} {
		w.want(t, http.StatusCreated, "owner", "PUT", path+api, where)
	}
}

// principal makes an application whose token is its name, and returns its object id.
func (w *world) principal(t *testing.T, name string) string {
	t.Helper()
	app, _, err := w.dir.CreateApplication(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	w.api.Verifier.(tokens)[name] = midas.Principal{ObjectID: app.ObjectID, ClientID: app.ClientID, Audience: Audiences()[0]}
	return app.ObjectID
}

var assignments int

// grant gives a principal a role and returns the path of the assignment.
func (w *world) grant(t *testing.T, principalID, role, scope string) string {
	t.Helper()
	assignments++
	path := fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/cccccccc-0000-4000-8000-%012d", scope, assignments)
	w.want(t, http.StatusCreated, "owner", "PUT", path+api, w.assignment(role, principalID))
	return path
}

func (w *world) assignment(role, principalID string) string {
	id := roleIDs[role]
	if id == "" {
		id = role
	}
	return `{"properties":{"roleDefinitionId":"/subscriptions/` + w.sub + `/providers/Microsoft.Authorization/roleDefinitions/` + id + `","principalId":"` + principalID + `"}}`
}

// names lists what a list has, by name.
func names(t *testing.T, text string) []string {
	t.Helper()
	var page struct {
		Value []struct{ Name, SubscriptionID string }
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	all := []string{}
	for _, one := range page.Value {
		all = append(all, one.Name+one.SubscriptionID)
	}
	slices.Sort(all)
	return all
}
