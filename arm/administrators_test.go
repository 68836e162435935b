package arm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A server has a database of its own, so that the administrators whom nobody named have the
// same login at each.
func TestDefaultAdministrators(t *testing.T) {
	w := newWorld(t)
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	for _, name := range []string{"one", "two", "a-name-longer-than-mysql-allows-user-names"} {
		w.want(t, http.StatusCreated, "owner", "PUT", servers+name+api, `{"location":"eastus"}`)
		if s, err := w.dir.Server(t.Context(), name); err != nil || s.Admin == nil || s.Admin.Login != "operator" {
			t.Errorf("%s: %+v, %v", name, s.Admin, err)
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
