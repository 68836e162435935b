package arm

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/directory"
)

func TestRoleAssignments(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "app")
	const all = rg + "/providers/Microsoft.Authorization/roleAssignments"
	const one = all + "/eeeeeeee-0000-4000-8000-000000000001"
	const another = all + "/eeeeeeee-0000-4000-8000-000000000002"
	var made struct {
		ID, Name, Type string
		Properties     struct{ RoleDefinitionID, PrincipalID, PrincipalType, Scope, CreatedBy, CreatedOn string }
	}
	text := w.want(t, http.StatusCreated, "owner", "PUT", one+api, w.assignment("Reader", who))
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	scope := strings.ReplaceAll(rg, "{sub}", w.sub)
	if made.ID != strings.ReplaceAll(one, "{sub}", w.sub) || made.Type != roleAssignmentType || made.Properties.PrincipalID != who ||
		made.Properties.PrincipalType != "ServicePrincipal" || made.Properties.Scope != scope || made.Properties.CreatedBy != ownerID || made.Properties.CreatedOn == "" {
		t.Errorf("%s", text)
	}
	w.want(t, http.StatusOK, "owner", "PUT", one+api, w.assignment("Reader", who))
	w.want(t, http.StatusOK, "app", "GET", rg+api, "")
	for _, tc := range []struct {
		path, body, code string
		status           int
	}{
		{another, w.assignment("Reader", who), "RoleAssignmentExists", 409},
		{one, w.assignment("Owner", who), "RoleAssignmentUpdateNotPermitted", 400},
		{strings.Replace(one, "/resourceGroups/rg", "", 1), w.assignment("Reader", who), "RoleAssignmentUpdateNotPermitted", 400},
		{another, w.assignment("Owner", strangerID), "PrincipalNotFound", 400},
		{another, w.assignment("Owner", "nobody"), "InvalidPrincipalId", 400},
		{another, w.assignment(strangerID, who), "RoleDefinitionDoesNotExist", 400},
		{another, w.assignment("Owner/../x", who), "InvalidRoleDefinitionId", 400},
		{another, strings.Replace(w.assignment("Owner", who), `"principalId"`, `"principalType":"User","principalId"`, 1), "UnmatchedPrincipalType", 400},
		{another, strings.Replace(w.assignment("Owner", who), `"principalId"`, `"condition":"true","principalId"`, 1), "ConditionNotSupported", 400},
		{all + "/first", w.assignment("Owner", who), "InvalidRoleAssignmentId", 400},
		{strings.Replace(another, "/rg/", "/none/", 1), w.assignment("Owner", who), "ResourceGroupNotFound", 404},
		{vms + "none/providers/Microsoft.Authorization/roleAssignments/eeeeeeee-0000-4000-8000-000000000002", w.assignment("Owner", who), "ResourceNotFound", 404},
		{rg + "/providers/Contoso.Toys/toys/t/providers/Microsoft.Authorization/roleAssignments/eeeeeeee-0000-4000-8000-000000000002", w.assignment("Owner", who), "InvalidParameter", 400},
	} {
		resp, text := w.do(t, "owner", "PUT", tc.path+api, tc.body)
		wantFault(t, resp, text, tc.status, tc.code)
	}
	resp, text := w.do(t, "owner", "GET", another+api, "")
	wantFault(t, resp, text, 404, "RoleAssignmentNotFound")
	w.want(t, http.StatusNoContent, "owner", "DELETE", another+api, "")
	w.want(t, http.StatusNoContent, "owner", "DELETE", strings.Replace(one, "/resourceGroups/rg", "", 1)+api, "")
	if text := w.want(t, http.StatusOK, "owner", "DELETE", one+api, ""); !strings.Contains(text, who) {
		t.Errorf("what was deleted is not told: %s", text)
	}
	w.want(t, http.StatusForbidden, "app", "GET", rg+api, "")
}

func TestRoleAssignmentFilters(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "app")
	last := func(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
	above, here, below, others := last(w.grant(t, who, "Reader", sub)), last(w.grant(t, who, "Contributor", rg)),
		last(w.grant(t, who, "Reader", ids+"app")), last(w.grant(t, w.principal(t, "other"), "Reader", rg))
	owner, err := w.dir.RoleAssignments(t.Context(), directory.AssignmentFilter{Scope: strings.ReplaceAll(sub, "{sub}", w.sub)})
	if err != nil {
		t.Fatal(err)
	}
	var ofOwner string
	for _, a := range owner {
		if a.PrincipalID == ownerID {
			ofOwner = a.Name
		}
	}
	const list = "/providers/Microsoft.Authorization/roleAssignments" + api
	for _, tc := range []struct {
		scope, filter string
		want          []string
	}{
		{sub, "", []string{above, here, below, others, ofOwner}},
		{rg, "", []string{above, here, below, others, ofOwner}},
		{rg, "atScope()", []string{above, here, others, ofOwner}},
		{sub, "atScope()", []string{above, ofOwner}},
		{rg, "principalId eq '" + strings.ToUpper(who) + "'", []string{above, here, below}},
		{rg, "atScope() and assignedTo('" + who + "')", []string{above, here}},
		{vms + "vm", "principalId eq '" + who + "'", []string{above, here}},
	} {
		got := names(t, w.want(t, http.StatusOK, "owner", "GET", tc.scope+list+"&$filter="+strings.ReplaceAll(tc.filter, " ", "%20"), ""))
		slices.Sort(tc.want)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s %s: %s", tc.scope, tc.filter, diff)
		}
	}
	for _, bad := range []string{"principalId eq", "principalId ne 'x'", "a eq 'b'", "atScope() or atScope()", "atScope() and", "(atScope())", "principalId eq 'x'", strings.Repeat("a", 5000)} {
		resp, text := w.do(t, "owner", "GET", rg+list+"&$filter="+strings.ReplaceAll(bad, " ", "%20"), "")
		wantFault(t, resp, text, 400, "InvalidFilterInQueryString")
	}
}

func TestRoleDefinitions(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "reader"), "Reader", rg)
	const list = "/providers/Microsoft.Authorization/roleDefinitions"
	for _, at := range []string{"", sub, rg, vms + "vm"} {
		for name, id := range roleIDs {
			text := w.want(t, http.StatusOK, "reader", "GET", at+list+api+"&$filter=roleName%20eq%20'"+strings.ReplaceAll(name, " ", "%20")+"'", "")
			if got := names(t, text); len(got) != 1 || got[0] != id || !strings.Contains(text, `"id":"/subscriptions/`+w.sub+list+"/"+id) {
				t.Errorf("%s at %q: %s", name, at, text)
			}
			w.want(t, http.StatusOK, "reader", "GET", at+list+"/"+id+api, "")
		}
	}
	if got := names(t, w.want(t, 200, "reader", "GET", rg+list+api, "")); len(got) != len(roleIDs) {
		t.Errorf("%d roles", len(got))
	}
	resp, text := w.do(t, "reader", "GET", list+"/"+strangerID+api, "")
	wantFault(t, resp, text, 404, "RoleDefinitionDoesNotExist")
	resp, text = w.do(t, "reader", "GET", list+"/Owner"+api, "")
	wantFault(t, resp, text, 400, "InvalidRoleDefinitionId")
	resp, text = w.do(t, "owner", "PUT", sub+list+"/"+strangerID+api, `{"properties":{"roleName":"mine","permissions":[{"actions":["*"]}]}}`)
	wantFault(t, resp, text, 400, "CustomRolesNotSupported")
	w.want(t, http.StatusForbidden, "reader", "DELETE", sub+list+"/"+roleIDs["Owner"]+api, "")
	text = w.want(t, 200, "reader", "GET", rg+"/providers/Microsoft.Authorization/permissions"+api, "")
	if !strings.Contains(text, `"actions":["*/read"]`) {
		t.Errorf("permissions: %s", text)
	}
}
