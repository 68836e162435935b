package arm

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// flood sends a request n times as the holder of token and wants the same status each time.
func (w *world) flood(t *testing.T, n, status int, token, method, path, body string) {
	t.Helper()
	var clients sync.WaitGroup
	share := (n + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for range runtime.GOMAXPROCS(0) {
		clients.Go(func() {
			for range share {
				r := httptest.NewRequest(method, w.path(path), strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+token)
				out := httptest.NewRecorder()
				if w.api.ServeHTTP(out, r); out.Code != status {
					t.Errorf("%s %s: %d %s, not %d", method, path, out.Code, out.Body, status)
					return
				}
			}
		})
	}
	clients.Wait()
}

// A reader of the subscription may register providers, which changes nothing, and is
// refused everything else: neither makes the log forget what was done, and refusals of
// others stay as well.
func TestReaderErasesNoActivity_slow(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "reader"), "Reader", sub)
	w.grant(t, w.principal(t, "other"), "Reader", sub)
	w.want(t, http.StatusForbidden, "other", "DELETE", vms+"vm"+api, "")
	w.want(t, http.StatusOK, "owner", "POST", vms+"vm/listIdentityEndpoint"+api, "")
	before, _ := w.events(t, "owner", "", "")
	w.flood(t, 3000, http.StatusOK, "reader", "POST", sub+"/providers/Microsoft.Compute/register"+api, "")
	if after, _ := w.events(t, "owner", "", ""); len(after) != len(before) {
		t.Errorf("%d events before registrations that changed nothing, %d afterwards", len(before), len(after))
	}
	w.flood(t, 30_000, http.StatusForbidden, "reader", "DELETE", vms+"vm"+api, "")
	all, next := w.events(t, "owner", "caller eq '"+ownerID+"'", "")
	for _, e := range before[1:] {
		if e.Caller == ownerID && !containsEvent(all, e.EventDataID) {
			t.Errorf("%s of %s by the owner is gone", e.OperationName.Value, e.ResourceID)
		}
	}
	if refused, _ := w.events(t, "owner", "status eq 'Failed' and caller eq '"+before[1].Caller+"'", ""); len(refused) != 1 || next != "" {
		t.Errorf("%d refusals of another reader are left", len(refused))
	}
	if n := len(column(t, w.open(t), `SELECT id FROM activity`)); n > 27_000 {
		t.Errorf("%d events are kept", n)
	}
}

func containsEvent(all []event, id string) bool {
	for _, e := range all {
		if e.EventDataID == id {
			return true
		}
	}
	return false
}

// Everything that can be asked for twice is an event once.
func TestSuccessThatChangesNothingIsNoEvent(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	app := w.path(ids + "app")
	scope := strings.Replace(rg, "/rg", "/other", 1)
	const federated = `{"properties":{"issuer":"https://i.example","subject":"s","audiences":["a"]}}`
	for _, tc := range []struct{ name, method, path, body string }{
		{"register a provider", "POST", sub + "/providers/Microsoft.Compute/register", ""},
		{"put a group", "PUT", rg, `{"location":"eastus","tags":{"a":"b"}}`},
		{"patch a group", "PATCH", rg, `{"tags":{"a":"c"}}`},
		{"put an identity", "PUT", ids + "app", `{"location":"eastus","tags":{"a":"b"}}`},
		{"put a machine", "PUT", vms + "vm", `{"location":"eastus","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"` + app + `":{}}}}`},
		{"assign an identity", "PATCH", vms + "vm2", `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"` + app + `":{}}}}`},
		{"put a server", "PUT", servers + "mydb", `{"location":"eastus","tags":{"x":"y"}}`},
		{"put an administrator", "PUT", servers + "mydb/administrators/ActiveDirectory", `{"properties":{"login":"a","sid":"` + ownerID + `"}}`},
		{"set a parameter", "PUT", servers + "mydb/configurations/aad_auth_only", `{"properties":{"value":"ON","source":"user-override"}}`},
		{"put tags", "PUT", vms + "vm/providers/Microsoft.Resources/tags/default", `{"properties":{"tags":{"k":"v"}}}`},
		{"merge tags", "PATCH", vms + "vm/providers/Microsoft.Resources/tags/default", `{"operation":"Merge","properties":{"tags":{"k":"w"}}}`},
		{"put a lock", "PUT", scope + "/providers/Microsoft.Authorization/locks/l", `{"properties":{"level":"CanNotDelete"}}`},
		{"delete a lock", "DELETE", scope + "/providers/Microsoft.Authorization/locks/l", ""},
		{"put a federated credential", "PUT", ids + "app/federatedIdentityCredentials/fed", federated},
		{"delete a federated credential", "DELETE", ids + "app/federatedIdentityCredentials/fed", ""},
		{"put a network", "PUT", rg + "/providers/Microsoft.Network/virtualNetworks/net", `{"location":"eastus"}`},
		{"delete a network", "DELETE", rg + "/providers/Microsoft.Network/virtualNetworks/net", ""},
		{"delete an identity", "DELETE", ids + "web", ""},
		{"list what has an identity", "POST", ids + "app/listAssociatedResources", ""},
		{"check a name", "POST", sub + "/providers/Microsoft.DBforMySQL/checkNameAvailability", `{"name":"free","type":"Microsoft.DBforMySQL/flexibleServers"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range 3 {
				if resp, text := w.do(t, "owner", tc.method, tc.path+api, tc.body); resp.StatusCode >= 300 {
					t.Fatalf("%d %s", resp.StatusCode, text)
				}
				if i == 0 {
					continue
				}
				after, _ := w.events(t, "owner", "", "")
				resp, text := w.do(t, "owner", tc.method, tc.path+api, tc.body)
				if again, _ := w.events(t, "owner", "", ""); len(again) != len(after) || resp.StatusCode >= 300 {
					t.Errorf("%d %s: another event, of %s", resp.StatusCode, text, again[0].OperationName.Value)
				}
			}
		})
	}
}
