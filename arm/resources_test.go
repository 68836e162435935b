package arm

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestResourceLists(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, `{"tags":{"Env":"prod","team":"a"},"identity":{"type":"SystemAssigned"}}`)
	w.want(t, http.StatusOK, "owner", "PATCH", ids+"web"+api, `{"tags":{"env":"test"}}`)
	w.grant(t, w.principal(t, "vms"), "Virtual Machine Contributor", rg)
	for _, tc := range []struct{ who, path, filter, want string }{
		{"owner", sub, "", "app far mydb vm vm2 web"},
		{"owner", rg, "", "app mydb vm vm2 web"},
		{"owner", sub, "resourceType eq 'microsoft.compute/virtualmachines'", "vm vm2"},
		{"owner", sub, "name eq 'APP'", "app"},
		{"owner", sub, "resourceGroup eq 'other' and location eq 'East US'", "far"},
		{"owner", sub, "tagname eq 'env'", "vm web"},
		{"owner", sub, "tagname eq 'env' and tagvalue eq 'prod'", "vm"},
		{"owner", sub, "tagname eq 'team' and tagvalue eq 'prod'", ""},
		{"owner", sub, "startswith(tagname, 'en')", "vm web"},
		{"vms", sub, "", "vm vm2"},
	} {
		got := strings.Join(names(t, w.want(t, http.StatusOK, tc.who, "GET", tc.path+"/resources"+api+"&$filter="+url.QueryEscape(tc.filter), "")), " ")
		if got != tc.want {
			t.Errorf("%s %s %s: %q, want %q", tc.who, tc.path, tc.filter, got, tc.want)
		}
	}
	text := w.want(t, http.StatusOK, "owner", "GET", sub+"/resources"+api+"&$filter=name%20eq%20'vm'&$expand=createdTime,changedTime,provisioningState", "")
	for _, part := range []string{`"createdTime":"`, `"provisioningState":"Succeeded"`, `"type":"Microsoft.Compute/virtualMachines"`, `"identity":{"principalId":`, `"tags":{"Env":"prod"`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	w.want(t, http.StatusForbidden, "stranger", "GET", sub+"/resources"+api, "")
	resp, text := w.do(t, "owner", "GET", rg+"x/resources"+api, "")
	wantFault(t, resp, text, http.StatusNotFound, "ResourceGroupNotFound")
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const tags = "/providers/Microsoft.Resources/tags/default"
	patch := func(scope, operation, given, want string) {
		t.Helper()
		text := w.want(t, http.StatusOK, "owner", "PATCH", scope+tags+api, `{"operation":"`+operation+`","properties":{"tags":`+given+`}}`)
		for _, text := range []string{text, w.want(t, http.StatusOK, "owner", "GET", scope+tags+api, "")} {
			if !strings.Contains(text, `"tags":`+want) {
				t.Errorf("%s: %s, want %s", scope, text, want)
			}
		}
	}
	for _, scope := range []string{sub, rg, vms + "vm", servers + "mydb", ids + "app"} {
		if text := w.want(t, http.StatusOK, "owner", "GET", scope+tags+api, ""); !strings.Contains(text, `"tags":{}`) || !strings.Contains(text, strings.ReplaceAll(scope, "{sub}", w.sub)+tags) {
			t.Error(text)
		}
		w.want(t, http.StatusOK, "owner", "PUT", scope+tags+api, `{"properties":{"tags":{"a":"1"}}}`)
		patch(scope, "Merge", `{"b":"2","A":"3"}`, `{"A":"3","b":"2"}`)
		patch(scope, "delete", `{"a":"3","b":"9"}`, `{"b":"2"}`)
		patch(scope, "Replace", `{"c":"4"}`, `{"c":"4"}`)
		w.want(t, http.StatusOK, "owner", "DELETE", scope+tags+api, "")
		if text := w.want(t, http.StatusOK, "owner", "GET", scope+tags+api, ""); !strings.Contains(text, `"tags":{}`) {
			t.Error(text)
		}
	}
	w.want(t, http.StatusOK, "owner", "PUT", vms+"vm"+tags+api, `{"properties":{"tags":{"a":"1"}}}`)
	if text := w.want(t, http.StatusOK, "owner", "GET", vms+"vm"+api, ""); !strings.Contains(text, `"tags":{"a":"1"}`) {
		t.Error(text)
	}
	resp, text := w.do(t, "owner", "PATCH", rg+tags+api, `{"operation":"Paint"}`)
	wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
	resp, text = w.do(t, "owner", "PUT", vms+"none"+tags+api, `{"properties":{"tags":{}}}`)
	wantFault(t, resp, text, http.StatusNotFound, "ResourceNotFound")
	resp, text = w.do(t, "owner", "PUT", vms+"vm"+tags+api, `{"properties":{"tags":{"":"x"}}}`)
	wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
}

func TestProviders(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "reader"), "Reader", ids+"app")
	for _, path := range []string{"/providers", sub + "/providers"} {
		if text := w.want(t, http.StatusOK, "reader", "GET", path+api, ""); strings.Count(text, `"registrationState":"Registered"`) != len(providers) {
			t.Error(text)
		}
		text := w.want(t, http.StatusOK, "reader", "GET", path+"/microsoft.COMPUTE"+api, "")
		if !strings.Contains(text, `"namespace":"Microsoft.Compute"`) || !strings.Contains(text, `"resourceType":"virtualMachines"`) {
			t.Error(text)
		}
		resp, text := w.do(t, "reader", "GET", path+"/Contoso.Toys"+api, "")
		wantFault(t, resp, text, http.StatusNotFound, "InvalidResourceNamespace")
	}
	// Each version that is named is taken, and each type has a route.
	for _, p := range providers {
		for _, version := range p.versions {
			w.want(t, http.StatusOK, "owner", "GET", sub+"/providers/"+p.namespace+"?api-version="+version, "")
		}
	}
}

func TestAssociatedResourcesAndSystemIdentity(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	body := `{"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"` + strings.ReplaceAll(ids, "{sub}", w.sub) + `app":{}}}}`
	text := w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, body)
	w.want(t, http.StatusOK, "owner", "PATCH", servers+"mydb"+api, strings.Replace(body, "SystemAssigned, ", "", 1))
	list := w.want(t, http.StatusOK, "owner", "POST", ids+"app/listAssociatedResources"+api, "")
	if got := strings.Join(names(t, list), " "); got != "mydb"+w.sub+" vm"+w.sub || !strings.Contains(list, `"totalCount":2`) {
		t.Errorf("%q %s", got, list)
	}
	if list = w.want(t, http.StatusOK, "owner", "POST", ids+"web/listAssociatedResources"+api, ""); !strings.Contains(list, `"value":[]`) {
		t.Error(list)
	}
	system := w.want(t, http.StatusOK, "owner", "GET", vms+"vm/providers/Microsoft.ManagedIdentity/identities/default"+api, "")
	_, rest, _ := strings.Cut(text, `"principalId":"`)
	if id, _, _ := strings.Cut(rest, `"`); !strings.Contains(system, id) || !strings.Contains(system, `"tenantId":"`) || !strings.Contains(system, `"type":"Microsoft.ManagedIdentity/identities"`) {
		t.Errorf("%s of %s", system, text)
	}
	for _, path := range []string{vms + "vm2", servers + "mydb", vms + "none"} {
		resp, text := w.do(t, "owner", "GET", path+"/providers/Microsoft.ManagedIdentity/identities/default"+api, "")
		wantFault(t, resp, text, http.StatusNotFound, "ResourceNotFound")
	}
}

// Azure says where an identity is that was made, by its id alone; what was there already
// is not said.
func TestLocationOfAnIdentityThatWasMade(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const body = `{"location":"eastus"}`
	resp, text := w.do(t, "owner", "PUT", ids+"made"+api, body)
	id := w.sub + "/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/made"
	if at := resp.Header.Get("Location"); resp.StatusCode != http.StatusCreated || !strings.Contains(at, id) || !strings.Contains(text, `"id":"`+at+`"`) || resp.Header.Get("Retry-After") != "" {
		t.Errorf("status %d, %v, %s", resp.StatusCode, resp.Header, text)
	}
	if resp, text = w.do(t, "owner", "PUT", ids+"made"+api, body); resp.StatusCode != http.StatusOK || resp.Header.Get("Location") != "" {
		t.Errorf("again: status %d, %v, %s", resp.StatusCode, resp.Header, text)
	}
	if resp, text = w.do(t, "owner", "PUT", ids+"made2"+api, `{"tags":1}`); resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
		t.Errorf("refused: status %d, %v, %s", resp.StatusCode, resp.Header, text)
	}
}

// TestGroupsAreNotFoundByTheirResources: a caller who may read nothing in a group cannot tell
// one that exists from one that does not.
func TestGroupsAreNotFoundByTheirResources(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "narrow")
	w.grant(t, who, "Reader", strings.ReplaceAll(ids, "/rg/", "/other/")+"far")
	for _, name := range []string{"rg", "none"} {
		resp, text := w.do(t, "narrow", "GET", sub+"/resourceGroups/"+name+"/resources"+api, "")
		wantFault(t, resp, text, http.StatusForbidden, "AuthorizationFailed")
	}
	for _, path := range []string{sub + "/resourceGroups/other", sub} {
		if got := names(t, w.want(t, http.StatusOK, "narrow", "GET", path+"/resources"+api, "")); strings.Join(got, " ") != "far" {
			t.Errorf("%s: %q", path, got)
		}
	}
}
