package arm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

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

// TestRolesAreEnforced asks, for each role at each kind of scope, one request of every
// sort.
func TestRolesAreEnforced(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	assign := `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"` + strings.ReplaceAll(ids, "{sub}", w.sub) + `app":{}}}}`
	body := w.assignment("Reader", ownerID)
	type request struct{ method, path, body string }
	requests := map[string]request{
		"read identity":   {"GET", ids + "app", ""},
		"write identity":  {"PATCH", ids + "app", `{"tags":{}}`},
		"delete identity": {"DELETE", ids + "none", ""},
		"read vm":         {"GET", vms + "vm", ""},
		"write vm":        {"PATCH", vms + "vm", "{}"},
		"assign":          {"PATCH", vms + "vm", assign},
		"assign server":   {"PATCH", servers + "mydb", assign},
		"secret":          {"POST", vms + "vm/listIdentityEndpoint", ""},
		"admin":           {"DELETE", servers + "mydb/administrators/ActiveDirectory", ""},
		"parameter":       {"GET", servers + "mydb/configurations/aad_auth_only", ""},
		"write group":     {"PATCH", rg, `{}`},
		"read group":      {"GET", rg, ""},
		"read elsewhere":  {"GET", strings.ReplaceAll(ids, "/rg/", "/other/") + "far", ""},
		"new group":       {"PUT", sub + "/resourceGroups/new", `{"location":"eastus"}`},
		"roles":           {"GET", rg + "/providers/Microsoft.Authorization/roleDefinitions", ""},
		"assignments":     {"GET", rg + "/providers/Microsoft.Authorization/roleAssignments", ""},
		"give role":       {"PUT", rg + "/providers/Microsoft.Authorization/roleAssignments/dddddddd-0000-4000-8000-000000000001", body},
		"take role":       {"DELETE", rg + "/providers/Microsoft.Authorization/roleAssignments/dddddddd-0000-4000-8000-000000000001", ""},
	}
	all := []string{}
	for name := range requests {
		all = append(all, name)
	}
	reads := []string{"read identity", "read vm", "parameter", "read group", "roles", "assignments"}
	inGroup := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "new group" || s == "read elsewhere" })
	notRoles := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "give role" || s == "take role" })
	}
	for i, tc := range []struct {
		role, scope string
		may         []string
	}{
		{"Owner", sub, all},
		{"Owner", rg, inGroup},
		{"Contributor", sub, notRoles(all)},
		{"Contributor", rg, notRoles(inGroup)},
		{"Reader", sub, append([]string{"read elsewhere"}, reads...)},
		{"Reader", rg, reads},
		{"Reader", ids + "app", []string{"read identity", "roles", "assignments"}},
		{"User Access Administrator", rg, append([]string{"give role", "take role"}, reads...)},
		{"Managed Identity Contributor", rg, []string{"read identity", "write identity", "delete identity", "read group", "roles", "assignments"}},
		{"Managed Identity Operator", rg, []string{"read identity", "read group", "roles", "assignments"}},
		{"Managed Identity Operator", ids + "app", []string{"read identity", "roles", "assignments"}},
		{"Virtual Machine Contributor", rg, []string{"read vm", "write vm", "secret", "read group", "roles", "assignments"}},
		{"Virtual Machine Contributor", vms + "vm", []string{"read vm", "write vm", "secret", "roles", "assignments"}},
	} {
		t.Run(tc.role+" "+tc.scope, func(t *testing.T) {
			who := fmt.Sprintf("who-%d", i)
			w.grant(t, w.principal(t, who), tc.role, tc.scope)
			for name, r := range requests {
				if tc.role == "Owner" || tc.role == "User Access Administrator" {
					if name == "give role" || name == "take role" {
						continue // they may; TestRoleAssignments does it
					}
				}
				resp, text := w.do(t, who, r.method, r.path+api, r.body)
				may := slices.Contains(tc.may, name)
				if denied := resp.StatusCode == http.StatusForbidden; denied == may {
					t.Errorf("%s: %d %s, may %v", name, resp.StatusCode, text, may)
				}
			}
		})
	}
}

// TestAssigningNeedsTheIdentity: who may change a machine may not, for that, give it each
// identity that there is.
func TestAssigningNeedsTheIdentity(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	full := strings.ReplaceAll(ids, "{sub}", w.sub)
	give := func(name, value string) string {
		return `{"location":"eastus","identity":{"type":"UserAssigned","userAssignedIdentities":{"` + full + name + `":` + value + `}}}`
	}
	who := w.principal(t, "deployer")
	w.grant(t, who, "Virtual Machine Contributor", rg)
	resp, text := w.do(t, "deployer", "PATCH", vms+"vm"+api, give("app", "{}"))
	wantFault(t, resp, text, http.StatusForbidden, "LinkedAuthorizationFailed")
	if !strings.Contains(text, full+"app") || !strings.Contains(text, "userAssignedIdentities/assign/action") {
		t.Errorf("the refusal does not say what is missing: %s", text)
	}
	resp, text = w.do(t, "deployer", "PUT", vms+"new"+api, give("app", "{}"))
	wantFault(t, resp, text, http.StatusForbidden, "LinkedAuthorizationFailed")
	w.want(t, http.StatusNotFound, "owner", "GET", vms+"new"+api, "")

	w.grant(t, who, "Managed Identity Operator", ids+"app")
	w.want(t, http.StatusOK, "deployer", "PATCH", vms+"vm"+api, give("app", "{}"))
	resp, text = w.do(t, "deployer", "PATCH", vms+"vm"+api, give("web", "{}"))
	wantFault(t, resp, text, http.StatusForbidden, "LinkedAuthorizationFailed")
	// An id that is none here is no way around it, however it looks.
	for _, id := range []string{
		strings.Replace(full, "subscriptions", "ſubscriptions", 1) + "web", strings.Replace(full, "Microsoft", "Microſoft", 1) + "web",
		full + "web/", full + "web?", "/" + full + "web", strings.TrimPrefix(full, "/") + "web", strings.ToUpper(full) + "WEB",
		strings.Replace(full, w.sub, "00000000-0000-4000-8000-000000000000", 1) + "web",
	} {
		resp, text = w.do(t, "deployer", "PATCH", vms+"vm"+api, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+id+`":{}}}}`)
		wantFault(t, resp, text, http.StatusForbidden, "LinkedAuthorizationFailed")
	}
	// Taking one away needs no permission over it.
	w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, give("web", "{}"))
	w.want(t, http.StatusOK, "deployer", "PATCH", vms+"vm"+api, `{"identity":{"userAssignedIdentities":{"`+full+`web":null}}}`)
	vm, err := w.dir.GetVM(t.Context(), "rg", "vm")
	if err != nil || len(vm.UserAssigned) != 1 || !strings.HasSuffix(vm.UserAssigned[0].ResourceID, "/app") {
		t.Errorf("%+v, %v", vm.UserAssigned, err)
	}
}

func TestListsShowWhatOneMaySee(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const list = sub + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
	if got := names(t, w.want(t, http.StatusOK, "stranger", "GET", "/subscriptions"+api, "")); len(got) != 0 {
		t.Errorf("a stranger sees %q", got)
	}
	w.want(t, http.StatusForbidden, "stranger", "GET", list+api, "")
	w.grant(t, w.principal(t, "one"), "Reader", ids+"app")
	w.grant(t, w.principal(t, "group"), "Reader", rg)
	w.grant(t, w.principal(t, "vms"), "Virtual Machine Contributor", sub)
	for _, tc := range []struct {
		who, path string
		want      []string
	}{
		{"one", "/subscriptions", []string{w.sub}},
		{"one", sub + "/resourceGroups", nil},
		{"one", list, []string{"app"}},
		{"one", strings.TrimSuffix(ids, "/"), []string{"app"}},
		{"one", strings.TrimSuffix(vms, "/"), []string{}},
		{"group", sub + "/resourceGroups", []string{"rg"}},
		{"group", list, []string{"app", "web"}},
		{"group", strings.TrimSuffix(vms, "/"), []string{"vm", "vm2"}},
		{"vms", sub + "/resourceGroups", []string{"other", "rg"}},
		{"vms", list, nil},
		{"owner", list, []string{"app", "far", "web"}},
	} {
		resp, text := w.do(t, tc.who, "GET", tc.path+api, "")
		if resp.StatusCode == http.StatusForbidden {
			if tc.want != nil {
				t.Errorf("%s %s: %s", tc.who, tc.path, text)
			}
			continue
		}
		if tc.want == nil && len(names(t, text)) > 0 || tc.want != nil && !slices.Equal(names(t, text), tc.want) {
			t.Errorf("%s %s: %s, want %q", tc.who, tc.path, text, tc.want)
		}
	}
}

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

// TestAccessEndsWithItsScope: what is made again under a name has none of the old
// assignments, and the last who may give access keeps it.
func TestAccessEndsWithItsScope(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "app")
	w.grant(t, who, "Contributor", vms+"vm")
	w.grant(t, who, "Reader", rg)
	w.want(t, 202, "owner", "DELETE", vms+"vm"+api, "")
	w.want(t, 201, "owner", "PUT", vms+"vm"+api, `{"location":"eastus"}`)
	w.want(t, 403, "app", "PATCH", vms+"vm"+api, "{}")
	w.want(t, 202, "owner", "DELETE", rg+api, "")
	w.want(t, 201, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	w.want(t, 403, "app", "GET", rg+api, "")
	if all, err := w.dir.RoleAssignments(t.Context(), directory.AssignmentFilter{Scope: "/subscriptions/" + w.sub, Below: true}); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	} else {
		resp, text := w.do(t, "owner", "DELETE", sub+"/providers/Microsoft.Authorization/roleAssignments/"+all[0].Name+api, "")
		wantFault(t, resp, text, 409, "CannotDeleteLastRbacAdminAssignment")
		w.want(t, 200, "owner", "GET", rg+api, "")
	}
}

// TestGroupsCarryRoles: a role of a group is its members', be it through another group.
func TestGroupsCarryRoles(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	ctx, who := t.Context(), w.principal(t, "member")
	var ids []string
	for _, name := range []string{"outer", "inner"} {
		g, err := w.dir.CreateSecurityGroup(ctx, directory.SecurityGroupChange{Name: &name, MailNickname: &name})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, g.ObjectID)
	}
	w.grant(t, ids[0], "Reader", rg)
	w.want(t, http.StatusForbidden, "member", "GET", rg+api, "")
	for _, pair := range [][2]string{{ids[0], ids[1]}, {ids[1], who}} {
		if err := w.dir.AddMember(ctx, pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	w.want(t, http.StatusOK, "member", "GET", rg+api, "")
	const list = rg + "/providers/Microsoft.Authorization/roleAssignments" + api
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", list+"&$filter=assignedTo('"+who+"')", "")); len(got) != 1 {
		t.Errorf("assigned through groups: %q", got)
	}
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", list+"&$filter=principalId%20eq%20'"+who+"'", "")); len(got) != 0 {
		t.Errorf("assigned directly: %q", got)
	}
	if err := w.dir.RemoveMember(ctx, ids[1], who); err != nil {
		t.Fatal(err)
	}
	w.want(t, http.StatusForbidden, "member", "GET", rg+api, "")
}
