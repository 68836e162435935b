package arm

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

// sample is a path that a route's pattern matches.
func (w *world) sample(r route) string {
	var b strings.Builder
	for _, segment := range r.pattern {
		switch {
		case segment == "{sub}":
			segment = w.sub
		case strings.HasPrefix(segment, "{"):
			segment = "some"
		}
		b.WriteString("/" + segment)
	}
	return b.String() + "?api-version=2024-01-01"
}

func TestEveryRouteIsDeniedByDefault(t *testing.T) {
	w := newWorld(t)
	unguarded := 0
	for _, r := range w.api.routes {
		path := w.sample(r)
		t.Run(r.method+" "+strings.Join(r.pattern, "/"), func(t *testing.T) {
			if r.audience == open {
				unguarded++
				if path != "/metadata/endpoints?api-version=2024-01-01" || r.method != http.MethodGet {
					t.Error("this route must not be open")
				}
				return
			}
			if r.action == "" {
				t.Error("no permission is named")
			}
			denied := http.StatusForbidden
			if r.audience == everyone {
				denied = http.StatusOK // and nothing in it: TestListsShowReadableResources
			}
			for token, want := range map[string]int{
				"": 401, "forged": 401, "expired": 401, "for-mysql": 401, "for-no-one": 401, "stranger": denied, "nobody": denied,
			} {
				resp, body := w.do(t, token, r.method, path, "{}")
				if resp.StatusCode != want {
					t.Errorf("token %q: %d %s, want %d", token, resp.StatusCode, body, want)
				}
			}
			if resp, body := w.do(t, "owner", r.method, path, "{}"); resp.StatusCode == 401 || resp.StatusCode == 403 {
				t.Errorf("the owner is refused: %d %s", resp.StatusCode, body)
			}
		})
	}
	if len(w.api.routes) < 40 || unguarded != 1 {
		t.Errorf("%d routes, %d open", len(w.api.routes), unguarded)
	}
}

func TestDenialHidesWhatExists(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/nothing", "/subscriptions/{sub}/x/y", "/metadata", "/metadata/endpoints/x", "/%2e%2e/metadata/endpoints"} {
		resp, body := w.do(t, "", "GET", path+"?api-version=2024-01-01", "")
		wantFault(t, resp, body, 401, "AuthenticationFailed")
		resp, body = w.do(t, "stranger", "GET", path+"?api-version=2024-01-01", "")
		wantFault(t, resp, body, 403, "AuthorizationFailed")
	}
}

func TestRefusalTexts(t *testing.T) {
	w := newWorld(t)
	tenant, _ := w.dir.Tenant()
	path := "/subscriptions/{sub}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm?api-version=2020-06-01"

	resp, body := w.do(t, "", "PUT", path, "{}")
	wantFault(t, resp, body, 401, "AuthenticationFailed")
	if want := `Bearer authorization_uri="https://localhost:7443/adfs/` + tenant + `", error="invalid_token"`; !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), want) {
		t.Errorf("challenge %q, want %q…", resp.Header.Get("WWW-Authenticate"), want)
	}
	resp, body = w.do(t, "forged", "PUT", path, "{}")
	wantFault(t, resp, body, 401, "InvalidAuthenticationToken")
	if strings.Contains(body, "unknown key") {
		t.Errorf("a reason that is not public is told: %s", body)
	}
	resp, body = w.do(t, "expired", "PUT", path, "{}")
	wantFault(t, resp, body, 401, "InvalidAuthenticationToken")
	if !strings.Contains(body, "expired 4 min ago") {
		t.Errorf("a public reason is not told: %s", body)
	}
	resp, body = w.do(t, "stranger", "PUT", path, "{}")
	wantFault(t, resp, body, 403, "AuthorizationFailed")
	want := "The client '" + clientID + "' with object id '" + strangerID + "' does not have authorization to perform action " +
		"'Microsoft.Compute/virtualMachines/write' over scope '/subscriptions/" + w.sub + "/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm'"
	if !strings.Contains(body, want) {
		t.Errorf("got %s, want %s", body, want)
	}
	for _, header := range []string{"owner", "Basic owner", "Bearer", "Bearer  ", "bearerowner"} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/subscriptions?api-version=2024-01-01", nil)
		r.Header.Set("Authorization", header)
		resp, err := w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("header %q: %d", header, resp.StatusCode)
		}
	}
	if resp, body := w.do(t, "other-arm-aud", "GET", "/subscriptions?api-version=2024-01-01", ""); resp.StatusCode != 200 {
		t.Errorf("the other audience of Resource Manager is refused: %s", body)
	}
}

func TestDeletedOwnerIsRefusedWhileItsTokenLives(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, _, err := w.dir.PutGroup(ctx, nil, "rg", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	m, _, err := w.dir.PutIdentity(ctx, nil, "rg", "deployer", "eastus", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.api.Verifier.(tokens)["deployer"] = midas.Principal{ObjectID: m.PrincipalID, Audience: Audiences()[0]}
	if err := w.dir.AssignOwner(ctx, m.PrincipalID); err != nil {
		t.Fatal(err)
	}
	if resp, body := w.do(t, "deployer", "GET", "/subscriptions?api-version=2024-01-01", ""); resp.StatusCode != 200 {
		t.Fatalf("owner is refused: %s", body)
	}
	if _, err := w.dir.DeleteIdentity(ctx, nil, "rg", "deployer"); err != nil {
		t.Fatal(err)
	}
	resp, body := w.do(t, "deployer", "GET", "/subscriptions/{sub}?api-version=2024-01-01", "")
	wantFault(t, resp, body, 403, "AuthorizationFailed")
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.dir.PutGroup(t.Context(), nil, "rg", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	const g = "/subscriptions/{sub}/resourceGroups/rg"
	const vm = g + "/providers/Microsoft.Compute/virtualMachines/vm?api-version=2024-01-01"
	big := `{"location":"eastus","x":"` + strings.Repeat("a", maxBody) + `"}`
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"no api-version":                  {"GET", g, "", 400, "MissingApiVersionParameter"},
		"no api-version, open route":      {"GET", "/metadata/endpoints", "", 400, "MissingApiVersionParameter"},
		"another subscription":            {"GET", "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups?api-version=2024-01-01", "", 404, "SubscriptionNotFound"},
		"unknown group":                   {"GET", g + "x?api-version=2024-01-01", "", 404, "ResourceGroupNotFound"},
		"delete of an unknown group":      {"DELETE", g + "x?api-version=2024-01-01", "", 404, "ResourceGroupNotFound"},
		"machine in an unknown group":     {"GET", g + "x/providers/Microsoft.Compute/virtualMachines/vm?api-version=2024-01-01", "", 404, "ResourceGroupNotFound"},
		"unknown machine":                 {"GET", vm, "", 404, "ResourceNotFound"},
		"patch of an unknown machine":     {"PATCH", vm, "{}", 404, "ResourceNotFound"},
		"unknown type":                    {"GET", g + "/providers/Microsoft.Compute/disks/d?api-version=2024-01-01", "", 404, "InvalidResourceType"},
		"unknown namespace":               {"GET", g + "/providers/Contoso.Toys/toys/t?api-version=2024-01-01", "", 404, "InvalidResourceNamespace"},
		"unknown route":                   {"GET", "/nothing?api-version=2024-01-01", "", 404, "MissingSubscription"},
		"wrong method":                    {"POST", vm, "{}", 405, "MethodNotAllowed"},
		"no body":                         {"PUT", vm, "", 400, "InvalidRequestContent"},
		"not JSON":                        {"PUT", vm, `{"location":`, 400, "InvalidRequestContent"},
		"an array":                        {"PUT", vm, `[]`, 400, "InvalidRequestContent"},
		"null":                            {"PUT", vm, `null`, 400, "InvalidRequestContent"},
		"two objects":                     {"PUT", vm, `{} {}`, 400, "InvalidRequestContent"},
		"wrong type inside":               {"PUT", vm, `{"location":7}`, 400, "InvalidRequestContent"},
		"deeper than a parser should go":  {"PUT", vm, `{"x":` + strings.Repeat("[", 20000), 400, "InvalidRequestContent"},
		"4 MiB and more":                  {"PUT", vm, big, 413, "RequestContentTooLarge"},
		"no location":                     {"PUT", vm, `{}`, 400, "InvalidParameter"},
		"bad name":                        {"PUT", g + "/providers/Microsoft.Compute/virtualMachines/a%20b?api-version=2024-01-01", `{"location":"eastus"}`, 400, "InvalidParameter"},
		"bad identity type":               {"PUT", vm, `{"location":"eastus","identity":{"type":"All"}}`, 400, "InvalidParameter"},
		"identities, none of them named":  {"PUT", vm, `{"location":"eastus","identity":{"type":"UserAssigned"}}`, 400, "MissingIdentityIds"},
		"no identity beside the system's": {"PUT", vm, `{"location":"eastus","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{}}}`, 400, "MissingIdentityIds"},
		"unknown identity":                {"PUT", vm, `{"location":"eastus","identity":{"type":"UserAssigned","userAssignedIdentities":{"/x":{}}}}`, 400, "FailedIdentityOperation"},
		"group moved":                     {"PUT", g + "?api-version=2024-01-01", `{"location":"westus"}`, 409, "Conflict"},
		"group with dots only":            {"PUT", "/subscriptions/{sub}/resourceGroups/..?api-version=2024-01-01", `{"location":"eastus"}`, 404, "MissingSubscription"},
		"encoded slash":                   {"GET", "/subscriptions/{sub}%2fresourceGroups?api-version=2024-01-01", "", 404, "MissingSubscription"},
		"encoded parent":                  {"GET", g + "/%2e%2e/rg?api-version=2024-01-01", "", 404, "MissingSubscription"},
		"encoded backslash":               {"GET", "/subscriptions/{sub}/resourceGroups/a%5Cb?api-version=2024-01-01", "", 404, "MissingSubscription"},
		"encoded NUL":                     {"GET", "/subscriptions/{sub}/resourceGroups/a%00?api-version=2024-01-01", "", 404, "MissingSubscription"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := w.do(t, "owner", tc.method, tc.path, tc.body)
			wantFault(t, resp, body, tc.status, tc.code)
		})
	}
	if list, err := w.dir.ListVMs(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("a refused request made something: %v, %v", list, err)
	}
}

func TestBrokenDirectoryIsTheServersFault(t *testing.T) {
	w := newWorld(t)
	_ = w.dir.Close()
	resp, body := w.do(t, "owner", "GET", "/subscriptions?api-version=2024-01-01", "")
	wantFault(t, resp, body, 500, "InternalServerError")
	if strings.Contains(body, "sql") {
		t.Errorf("the caller is told of our insides: %s", body)
	}
}

func TestClientIDsAreEchoed(t *testing.T) {
	w := newWorld(t)
	r, _ := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/nothing", nil)
	const id = "bbbbbbbb-0000-4000-8000-000000000001"
	r.Header.Set("x-ms-correlation-request-id", id)
	r.Header.Set("x-ms-client-request-id", id)
	r.Header.Set("x-ms-return-client-request-id", "true")
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("x-ms-correlation-request-id") != id || resp.Header.Get("x-ms-client-request-id") != id || resp.Header.Get("x-ms-request-id") == id {
		t.Errorf("headers %v", resp.Header)
	}
}

func TestMetadataEndpointsBothShapes(t *testing.T) {
	w := newWorld(t)
	for version, wantList := range map[string]bool{"1.0": false, "2015-01-01": false, "2019-05-01": true, "2022-09-01": false, "2025-01-01": false} {
		resp, body := w.do(t, "", "GET", "/metadata/endpoints?api-version="+version, "")
		if resp.StatusCode != 200 || strings.HasPrefix(body, "[") != wantList {
			t.Errorf("%s: %d %s", version, resp.StatusCode, body)
			continue
		}
		var cloud struct {
			Name, ResourceManager, GraphEndpoint, OssrdbmsResourceId string
			Authentication                                           struct {
				LoginEndpoint string
				Audiences     []string
			}
		}
		if err := json.Unmarshal([]byte(strings.Trim(body, "[]")), &cloud); err != nil {
			t.Fatal(err)
		}
		if cloud.Name == "" || cloud.ResourceManager != "https://localhost:7443" || cloud.GraphEndpoint == "" || cloud.OssrdbmsResourceId != midas.Resource ||
			cloud.Authentication.LoginEndpoint != "https://localhost:7443/adfs" || len(cloud.Authentication.Audiences) == 0 || cloud.Authentication.Audiences[0] != Audiences()[0] {
			t.Errorf("%s: %+v", version, cloud)
		}
	}
}

func TestHead(t *testing.T) {
	w := newWorld(t)
	const g = "/subscriptions/{sub}/resourcegroups/rg"
	for _, want := range []int{404, 204} {
		resp, body := w.do(t, "owner", "HEAD", g+"?api-version=2024-01-01", "")
		if resp.StatusCode != want || body != "" {
			t.Errorf("%d %q, want %d", resp.StatusCode, body, want)
		}
		w.do(t, "owner", "PUT", g+"?api-version=2024-01-01", `{"location":"eastus"}`)
	}
	if resp, _ := w.do(t, "owner", "HEAD", g+"/providers/Microsoft.Compute/virtualMachines/vm?api-version=2024-01-01", ""); resp.StatusCode != 404 {
		t.Errorf("machine: %d", resp.StatusCode)
	}
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an API without a directory")
	}
}
