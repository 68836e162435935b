package directory

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

func TestActionsMatchPatterns(t *testing.T) {
	for _, tc := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "a/b/read", true},
		{"*/read", "a/b/read", true},
		{"*/read", "a/b/write", false},
		{"*/read", "a/b/read/action", false},
		{"a/b/*", "a/b/c/write", true},
		{"a/b/*", "a/bc/write", false},
		{"a/*/read", "a/b/c/read", true},
		{"a/*/read", "a/read", true},
		{"a/*/read", "ab/read", false},
		{"a/*/read", "aread", false},
		{"a/b", "a/b", true},
		{"a/b", "a/b/c", false},
		{"a/*/assign/action", "a/assign/action", true},
		{"a/*b*/c", "a/xbx/c", true},
		{"", "a", false},
	} {
		if got := matchAction(tc.pattern, tc.action); got != tc.want {
			t.Errorf("%q and %q: %v", tc.pattern, tc.action, got)
		}
	}
}

func TestAllowed(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	app, _, err := d.CreateApplication(ctx, "app")
	must(t)(err)
	m, _, err := d.PutIdentity(ctx, nil, "rg", "web", "eastus", nil)
	must(t)(err)
	_, sub := d.Tenant()
	const read = "Microsoft.ManagedIdentity/userAssignedIdentities/read"
	group := "/subscriptions/" + sub + "/resourceGroups/rg"
	put := func(scope, role string) {
		t.Helper()
		_, created, err := d.PutRoleAssignment(ctx, nil, RoleAssignment{Name: uuid.NewString(), PrincipalID: app.ObjectID, RoleID: role, Scope: scope}, "")
		must(t)(err)
		if !created {
			t.Error("not created")
		}
	}
	ask := func(action, scope string) bool {
		t.Helper()
		yes, err := d.Allowed(ctx, app.ObjectID, action, scope)
		must(t)(err)
		return yes
	}
	if ask(read, m.ID) {
		t.Error("allowed without any role")
	}
	put(m.ID, "acdd72a7-3385-48ef-bd42-f606fba81ae7")
	if !ask(read, m.ID) || !ask(read, m.ID+"/federatedIdentityCredentials/x") || ask(read, m.ID+"x") || ask(read, group) || ask("Microsoft.ManagedIdentity/userAssignedIdentities/write", m.ID) {
		t.Error("a reader of one identity may read it and what is below it, and nothing else")
	}
	put(group, "b24988ac-6180-42a0-ab88-20f7382dd24c")
	if !ask("microsoft.compute/VIRTUALMACHINES/write", "/SUBSCRIPTIONS/"+sub+"/resourcegroups/RG/providers/x/y/z/") || ask("Microsoft.Compute/virtualMachines/write", group+"2") {
		t.Error("scopes and actions have no case, and end at a slash")
	}
	if ask("Microsoft.Authorization/roleAssignments/WRITE", group) || !ask("Microsoft.Authorization/locks/read", group) {
		t.Error("what is taken out of a role is in it, or too much is taken out")
	}
	must(t)(d.Close())
	if yes, err := d.Allowed(ctx, app.ObjectID, read, m.ID); yes || err == nil {
		t.Error("a directory that cannot be read says yes")
	}
}

// TestOwnersOfBeforeStayOwners opens a directory that was written when there was one role
// and no names of assignments.
func TestOwnersOfBeforeStayOwners(t *testing.T) {
	path, ctx := filepath.Join(t.TempDir(), "directory.db"), t.Context()
	db, err := sql.Open("sqlite", path)
	must(t)(err)
	for _, name := range []string{"0001_begin.sql", "0002_server_identity.sql"} {
		text, err := os.ReadFile(filepath.Join("migrations", name))
		must(t)(err)
		_, err = db.Exec(string(text))
		must(t)(err)
	}
	const sub, owner = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
	_, err = db.Exec(`INSERT INTO setting VALUES ('subscription', ?); PRAGMA user_version = 2`, sub)
	must(t)(err)
	_, err = db.Exec(`INSERT INTO role_assignment (principal, role, scope, created) VALUES (?, 'Owner', ?, 5000)`, owner, "/subscriptions/"+sub)
	must(t)(err)
	must(t)(db.Close())

	d := open(t, path)
	if yes, err := d.IsOwner(ctx, owner); !yes || err != nil {
		t.Errorf("owner %v, %v", yes, err)
	}
	all, err := d.RoleAssignments(ctx, AssignmentFilter{Scope: "/subscriptions/" + sub})
	must(t)(err)
	if len(all) != 1 || uuid.Validate(all[0].Name) != nil || all[0].RoleID != ownerRole || all[0].Created.Unix() != 5 || all[0].PrincipalType != midas.KindService {
		t.Errorf("%+v", all)
	}
}
