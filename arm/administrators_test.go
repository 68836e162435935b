package arm

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// atOnce sends requests of the owner together, each "METHOD path body", and returns their
// answers.
func (w *world) atOnce(t *testing.T, requests ...string) []*httptest.ResponseRecorder {
	t.Helper()
	answers := make([]*httptest.ResponseRecorder, len(requests))
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, request := range requests {
		part := strings.SplitN(strings.ReplaceAll(request, "{sub}", w.sub), " ", 3)
		r := httptest.NewRequestWithContext(t.Context(), part[0], part[1], strings.NewReader(part[2]))
		r.Header.Set("Authorization", "Bearer owner")
		answers[i] = httptest.NewRecorder()
		all.Go(func() {
			<-begin
			w.api.ServeHTTP(answers[i], r)
		})
	}
	close(begin)
	all.Wait()
	return answers
}

// TestDefaultAdministratorsDiffer also where just the beginning of a server's name fits, and
// where servers are made at the same time: the second could not sign in.
func TestDefaultAdministratorsDiffer(t *testing.T) {
	w := newWorld(t)
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	names := []string{"first"}
	for i := range 12 {
		names = append(names, fmt.Sprintf("production-orders-database-%d", i))
	}
	for range 10 {
		var requests []string
		for _, name := range names {
			requests = append(requests, "PUT "+servers+name+api+` {"location":"eastus"}`)
		}
		w.atOnce(t, requests...)
		seen := map[string]string{}
		for _, name := range names {
			s, err := w.dir.Server(t.Context(), name)
			if err != nil || s.Admin == nil || len(s.Admin.Login) > 32 {
				t.Fatalf("%s: %+v, %v", name, s.Admin, err)
			}
			if other := seen[s.Admin.Login]; other != "" {
				t.Fatalf("%s and %s are both administered by %s", other, name, s.Admin.Login)
			}
			seen[s.Admin.Login] = name
			w.want(t, http.StatusAccepted, "owner", "DELETE", servers+name+api, "")
		}
	}
}

// TestAdministratorHasAnIdentityToCompare: az mysql flexible-server identity remove takes
// that of each administrator for text.
func TestAdministratorHasAnIdentityToCompare(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const admins = servers + "mydb/administrators"
	if text := w.want(t, http.StatusOK, "owner", "GET", admins+api, ""); !strings.Contains(text, `"identityResourceId":""`) {
		t.Error(text)
	}
	text := w.want(t, http.StatusOK, "owner", "GET", admins+"/ActiveDirectory"+api, "")
	if again := w.want(t, http.StatusOK, "owner", "PUT", admins+"/ActiveDirectory"+api, text); again != text {
		t.Errorf("%s, want %s", again, text)
	}
}

// TestAdministratorIsOfTheServersOwn: its tenant is ours, and the identity that serves it is
// one of the server's for as long as it does.
func TestAdministratorIsOfTheServersOwn(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const admin = servers + "mydb/administrators/ActiveDirectory" + api
	tenant, _ := w.dir.Tenant()
	app := strings.ReplaceAll(ids, "{sub}", w.sub) + "app"
	set := func(tenant string) string {
		return fmt.Sprintf(`{"properties":{"login":"boss","sid":"%s","tenantId":"%s","identityResourceId":"%s"}}`, ownerID, tenant, app)
	}
	refused := func(method, path, body, want string) {
		t.Helper()
		resp, text := w.do(t, "owner", method, path, body)
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
		if !strings.Contains(text, want) {
			t.Errorf("%s, want %s", text, want)
		}
	}
	identity := func(value string) string {
		return `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"` + app + `":` + value + `}}}`
	}
	refused("PUT", admin, set(strangerID), "It must be the server's own tenant, '"+tenant)
	refused("PUT", admin, set(tenant), "assign it to the server 'mydb' first")
	w.want(t, http.StatusOK, "owner", "PATCH", servers+"mydb"+api, identity("{}"))
	w.want(t, http.StatusOK, "owner", "PUT", admin, set(strings.ToUpper(tenant)))
	for _, body := range []string{identity("null"), `{"identity":{"type":"None"}}`} {
		refused("PATCH", servers+"mydb"+api, body, "it serves the Microsoft Entra administrator 'boss'")
	}
	refused("PUT", servers+"mydb"+api, `{"location":"eastus","identity":{"type":"None"}}`, "it serves the Microsoft Entra administrator 'boss'")
	w.want(t, http.StatusOK, "owner", "PUT", servers+"mydb"+api, `{"location":"eastus"}`)
	w.want(t, http.StatusOK, "owner", "PATCH", servers+"mydb"+api, `{"tags":{"a":"b"}}`)
	w.want(t, http.StatusAccepted, "owner", "DELETE", admin, "")
	w.want(t, http.StatusOK, "owner", "PATCH", servers+"mydb"+api, identity("null"))
}
