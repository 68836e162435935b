package arm

import (
	"net/http"
	"strings"
	"testing"
)

const locks = "/providers/Microsoft.Authorization/locks/"

func TestLocks(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	lock := func(scope, level string) string {
		t.Helper()
		w.want(t, http.StatusCreated, "owner", "PUT", scope+locks+"keep"+api, `{"properties":{"level":"`+level+`","notes":"why"}}`)
		return scope + locks + "keep"
	}
	const none = "none"
	for _, tc := range []struct {
		name, scope, level string
		method, path, body string
		refused            bool
	}{
		{"deletion of what is locked", vms + "vm", "CanNotDelete", "DELETE", vms + "vm", "", true},
		{"deletion below a lock", rg, "CanNotDelete", "DELETE", vms + "vm", "", true},
		{"deletion far below a lock", sub, "CanNotDelete", "DELETE", vms + "vm", "", true},
		{"deletion of a child", servers + "mydb", "CanNotDelete", "DELETE", servers + "mydb/administrators/ActiveDirectory", "", true},
		{"deletion of a group with a lock in it", ids + "app", "CanNotDelete", "DELETE", rg, "", true},
		{"deletion of the tags of a group with a lock in it", ids + "app", "CanNotDelete", "DELETE", rg + "/providers/Microsoft.Resources/tags/default", "", false},
		{"deletion in another case", ids + "app", "CanNotDelete", "DELETE", strings.ToUpper(ids[len(sub):]) + "APP", "", true},
		{"deletion beside a lock", vms + "vm", "CanNotDelete", "DELETE", vms + none, "", false},
		{"change below a lock on deletions", rg, "CanNotDelete", "PATCH", vms + "vm", "{}", false},
		{"change below a lock on changes", rg, "ReadOnly", "PATCH", vms + "vm", "{}", true},
		{"creation below a lock on changes", rg, "ReadOnly", "PUT", vms + none, `{"location":"eastus"}`, true},
		{"action below a lock on changes", rg, "ReadOnly", "POST", vms + "vm/listIdentityEndpoint", "", true},
		{"deletion below a lock on changes", rg, "ReadOnly", "DELETE", vms + "vm", "", true},
		{"change above a lock on changes", vms + "vm", "ReadOnly", "PATCH", rg, "{}", false},
		{"read below a lock on changes", rg, "ReadOnly", "GET", vms + "vm", "", false},
		{"role below a lock on changes", rg, "ReadOnly", "PUT", rg + "/providers/Microsoft.Authorization/roleAssignments/dddddddd-0000-4000-8000-000000000001", w.assignment("Reader", w.principal(t, "someone")), true},
		{"lock below a lock", rg, "ReadOnly", "PUT", vms + "vm" + locks + none, `{"properties":{"level":"ReadOnly"}}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := tc.path
			if !strings.HasPrefix(path, "/subscriptions") {
				path = sub + path
			}
			held := lock(tc.scope, tc.level)
			before := w.dump(t)
			resp, text := w.do(t, "owner", tc.method, path+api, tc.body)
			if tc.refused {
				wantFault(t, resp, text, http.StatusConflict, "ScopeLocked")
				if diff := before.changed(w.dump(t)); diff != "" {
					t.Errorf("a refused request changed something: %s", diff)
				}
			} else if resp.StatusCode >= 300 {
				t.Errorf("%d %s", resp.StatusCode, text)
			}
			w.want(t, http.StatusOK, "owner", "DELETE", held+api, "")
			w.do(t, "owner", "DELETE", vms+"vm"+locks+none+api, "")
		})
	}
	w.want(t, http.StatusAccepted, "owner", "DELETE", vms+"vm"+api, "")
}

// TestLocksKnowEachSpelling: a path that is no spelling of a scope reaches nothing below it.
func TestLocksKnowEachSpelling(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "contributor"), "Contributor", sub)
	for _, scope := range []string{rg, vms + "vm", ids + "app"} {
		w.want(t, http.StatusCreated, "owner", "PUT", scope+locks+"keep"+api, `{"properties":{"level":"ReadOnly"}}`)
	}
	before := w.dump(t)
	const long = "%C5%BF"
	for _, tc := range []struct{ method, path, body string }{
		{"DELETE", strings.Replace(vms, "resourceGroups", "re"+long+"ourceGroup"+long, 1) + "vm", ""},
		{"DELETE", strings.Replace(vms, "Machines", "Machine"+long, 1) + "vm", ""},
		{"PATCH", strings.Replace(vms, "Microsoft", "Micro"+long+"oft", 1) + "vm", `{"tags":{"a":"b"}}`},
		{"POST", strings.Replace(vms, "providers", "provider"+long, 1) + "vm/listIdentityEndpoint", ""},
		{"DELETE", strings.Replace(rg, "resourceGroups", "re"+long+"ourceGroups", 1), ""},
		{"PUT", strings.Replace(ids, "providers", "provider"+long, 1) + "app/federatedIdentityCredentials/f", `{"properties":{"issuer":"https://i.example","subject":"s","audiences":["a"]}}`},
	} {
		if resp, text := w.do(t, "contributor", tc.method, tc.path+api, tc.body); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, resp.StatusCode, text)
		}
	}
	template := `{"resources":[{"type":"Micro\u017foft.Compute/virtualMachines","name":"vm","apiVersion":"1","location":"eastus","tags":{"a":"b"}}]}`
	if resp, text := w.do(t, "contributor", "PUT", deployments+"d"+api, deploymentBody(template, `{}`)); resp.StatusCode < 400 {
		t.Errorf("deployment: %d %s", resp.StatusCode, text)
	}
	if diff := before.changed(w.dump(t)); diff != "" {
		t.Errorf("a lock was passed by: %s", diff)
	}
}

func TestLocksAreListedAndManaged(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "contributor"), "Contributor", sub)
	w.grant(t, w.principal(t, "access"), "User Access Administrator", sub)
	body := `{"properties":{"level":"CanNotDelete","notes":"the data of 2019"}}`
	resp, text := w.do(t, "contributor", "PUT", rg+locks+"keep"+api, body)
	wantFault(t, resp, text, http.StatusForbidden, "AuthorizationFailed")
	text = w.want(t, http.StatusCreated, "access", "PUT", rg+locks+"Keep"+api, body)
	if !strings.Contains(text, `"level":"CanNotDelete","notes":"the data of 2019"`) || !strings.Contains(text, strings.ReplaceAll(rg, "{sub}", w.sub)+locks+"Keep") {
		t.Error(text)
	}
	w.want(t, http.StatusOK, "access", "PUT", rg+locks+"keep"+api, strings.Replace(body, "CanNotDelete", "ReadOnly", 1))
	w.want(t, http.StatusCreated, "access", "PUT", vms+"vm"+locks+"vm"+api, body)
	w.want(t, http.StatusCreated, "access", "PUT", sub+locks+"all"+api, body)
	for _, tc := range []struct{ scope, filter, want string }{
		{sub, "", "Keep all vm"}, {rg, "", "Keep all vm"}, {rg, "atScope()", "Keep all"}, {vms + "vm", "", "Keep all vm"}, {ids + "app", "", "Keep all"}, {sub, "atScope()", "all"},
	} {
		got := strings.Join(names(t, w.want(t, http.StatusOK, "contributor", "GET", tc.scope+strings.TrimSuffix(locks, "/")+api+"&$filter="+tc.filter, "")), " ")
		if got != tc.want {
			t.Errorf("%s %s: %q, want %q", tc.scope, tc.filter, got, tc.want)
		}
	}
	resp, text = w.do(t, "owner", "GET", rg+locks+"none"+api, "")
	wantFault(t, resp, text, http.StatusNotFound, "LockNotFound")
	w.want(t, http.StatusNoContent, "owner", "DELETE", rg+locks+"none"+api, "")
	for _, bad := range []string{`{"properties":{"level":"Never"}}`, `{"properties":{}}`, `{}`, `{"properties":{"level":"ReadOnly","notes":"` + strings.Repeat("n", 600) + `"}}`} {
		resp, text := w.do(t, "owner", "PUT", rg+locks+"bad"+api, bad)
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
	}
	// Az writes the path of a resource without a parent with two slashes.
	w.want(t, http.StatusOK, "owner", "GET", strings.Replace(vms, "Microsoft.Compute/", "Microsoft.Compute//", 1)+"vm"+locks+"vm"+api, "")
	// A lock goes with what it holds.
	for _, held := range []string{sub + locks + "all", rg + locks + "keep", vms + "vm" + locks + "vm"} {
		w.want(t, http.StatusOK, "owner", "DELETE", held+api, "")
	}
}
