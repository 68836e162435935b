package arm

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

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

// TestNamesThatLookRight: what only looks like a version, a token or a tag's name is refused.
func TestNamesThatLookRight(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for version, ok := range map[string]bool{"2024-02-29": true, "2024-02-29-preview": true, "2023-02-29": false, "2001-13-45": false, "2001-13-45-preview": false} {
		resp, text := w.do(t, "owner", "GET", rg+"?api-version="+version, "")
		if ok != (resp.StatusCode == http.StatusOK) {
			t.Errorf("%s: %d %s", version, resp.StatusCode, text)
		}
		if !ok {
			wantFault(t, resp, text, http.StatusBadRequest, "InvalidApiVersionParameter")
		}
	}
	const all = sub + "/resources" + api + "&$skiptoken="
	for _, token := range []string{"vm", "", "1:", "2:vm", "1:\xff"} {
		resp, text := w.do(t, "owner", "GET", all+base64.RawURLEncoding.EncodeToString([]byte(token)), "")
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidQueryString")
	}
	for _, name := range []string{"a<b", "a>b", "a%b", "a&b", `a\\b`, "a?b", "a/b", `a\u0001b`, strings.Repeat("n", 513), ""} {
		for _, path := range []string{rg, vms + "vm", servers + "mydb", ids + "app"} {
			resp, text := w.do(t, "owner", "PATCH", path+api, `{"tags":{"`+name+`":"v"}}`)
			wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
		}
		resp, text := w.do(t, "owner", "PUT", rg+"/providers/Microsoft.Resources/tags/default"+api, `{"properties":{"tags":{"`+name+`":"v"}}}`)
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
	}
	if _, _, err := w.dir.PutGroup(t.Context(), "rg", "eastus", map[string]string{"a": "", "A": ""}); err == nil || !strings.Contains(err.Error(), "'A' and 'a' are one") {
		t.Error(err) // a body with both is refused before it comes this far
	}
	w.want(t, http.StatusOK, "owner", "PATCH", rg+api, `{"tags":{"hidden-link:a b.c_d":"<>%&\\?/"}}`)
}

// TestFederatedCredentialsArePaged as other lists are.
func TestFederatedCredentialsArePaged(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	var want []string
	for i := range 3 {
		name := fmt.Sprintf("fic%d", i)
		w.want(t, http.StatusCreated, "owner", "PUT", federated+"/"+name+api, strings.Replace(github, "main", name, 1))
		want = append(want, name)
	}
	var got []string
	for next := federated + api + "&$top=2"; next != ""; {
		text := w.want(t, http.StatusOK, "owner", "GET", next, "")
		page := names(t, text)
		got = append(got, page...)
		_, link, more := strings.Cut(text, `"nextLink":"https://localhost:7443`)
		if next = ""; more {
			next, _, _ = strings.Cut(link, `"`)
			next = strings.ReplaceAll(next, `\u0026`, "&")
		}
		if len(page) > 2 {
			t.Errorf("a page of %d", len(page))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestOperationsNameTheirPlace: the address of an operation has the resource's location, and
// an identity that is missing is named whole.
func TestOperationsNameTheirPlace(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for _, tc := range []struct{ method, path, body string }{
		{"PUT", servers + "mydb/administrators/ActiveDirectory", `{"properties":{"login":"a","sid":"` + ownerID + `"}}`},
		{"DELETE", servers + "mydb/administrators/ActiveDirectory", ""},
		{"DELETE", servers + "mydb", ""},
		{"DELETE", vms + "vm", ""},
	} {
		resp, text := w.do(t, "owner", tc.method, tc.path+api, tc.body)
		at, err := url.Parse(resp.Header.Get("Azure-AsyncOperation"))
		if err != nil || !strings.Contains(at.Path, "/locations/eastus/operations/") {
			t.Errorf("%s %s: %d %s, at %s", tc.method, tc.path, resp.StatusCode, text, at)
		}
	}
	id := strings.ReplaceAll(ids, "{sub}", w.sub) + "missing-" + strings.Repeat("x", 100)
	resp, text := w.do(t, "owner", "PATCH", vms+"vm2"+api, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+id+`":{}}}}`)
	wantFault(t, resp, text, http.StatusBadRequest, "FailedIdentityOperation")
	if !strings.Contains(text, strings.TrimPrefix(id, "/subscriptions/"+w.sub+"/resourceGroups")+"' was not found") {
		t.Error(text)
	}
}
