package arm

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// attempt is a request that a role allows or not.
type attempt struct{ method, path, body string }

// attempts are one request of every sort.
func (w *world) attempts() map[string]attempt {
	assign := `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"` + strings.ReplaceAll(ids, "{sub}", w.sub) + `app":{}}}}`
	body := w.assignment("Reader", ownerID)
	return map[string]attempt{
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
}

// TestRolesAreEnforced asks, for each role at each kind of scope, one request of every
// sort.
func TestRolesAreEnforced(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	requests := w.attempts()
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

func TestListsShowReadableResources(t *testing.T) {
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
		g, err := w.dir.CreateSecurityGroup(ctx, nil, directory.SecurityGroupChange{Name: &name, MailNickname: &name})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, g.ObjectID)
	}
	w.grant(t, ids[0], "Reader", rg)
	w.want(t, http.StatusForbidden, "member", "GET", rg+api, "")
	for _, pair := range [][2]string{{ids[0], ids[1]}, {ids[1], who}} {
		if err := w.dir.AddMember(ctx, nil, pair[0], pair[1]); err != nil {
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
	if err := w.dir.RemoveMember(ctx, nil, ids[1], who); err != nil {
		t.Fatal(err)
	}
	w.want(t, http.StatusForbidden, "member", "GET", rg+api, "")
}
