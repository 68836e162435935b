package directory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

func TestPutIdentity(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	first, created, err := d.PutIdentity(ctx, nil, "RG", "myIdentity", "eastus", nil)
	must(t)(err)
	if !created {
		t.Error("not created")
	}
	_, subscription := d.Tenant()
	wantID := "/subscriptions/" + subscription + "/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/myIdentity"
	if first.ID != wantID || first.ResourceID != wantID {
		t.Errorf("an identity's id has resourcegroups in lower case: got %s", first.ID)
	}
	if first.ClientID == "" || first.PrincipalID == "" || first.ClientID == first.PrincipalID {
		t.Errorf("ids: %+v", first.Identity)
	}

	second, created, err := d.PutIdentity(ctx, nil, "rg", "MYIDENTITY", "East US", map[string]string{"a": "b"})
	must(t)(err)
	if created || second.Identity != first.Identity || second.Name != "myIdentity" || second.Tags["a"] != "b" {
		t.Errorf("an update made another identity: %+v", second)
	}

	_, _, err = d.PutIdentity(ctx, nil, "rg", "myIdentity", "westus", nil)
	wantCode(t, err, midas.Conflict)
	_, _, err = d.PutIdentity(ctx, nil, "rg", "fresh", "", nil)
	wantCode(t, err, midas.Invalid)
	_, _, err = d.PutIdentity(ctx, nil, "nowhere", "myIdentity", "eastus", nil)
	wantCode(t, err, midas.NotFound)
	if want := "Resource group 'nowhere' could not be found."; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestListIdentities(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	for _, at := range [][2]string{{"rg", "beta"}, {"rg", "Alpha"}, {"other", "gamma"}} {
		must(t)(ignore(d.PutIdentity(ctx, nil, at[0], at[1], "eastus", nil)))
	}
	for group, want := range map[string][]string{"": {"Alpha", "beta", "gamma"}, "RG": {"Alpha", "beta"}} {
		list, err := d.ListIdentities(ctx, group)
		must(t)(err)
		var got []string
		for _, m := range list {
			got = append(got, m.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("group %q: %s", group, diff)
		}
	}
	_, err := d.ListIdentities(ctx, "nowhere")
	wantCode(t, err, midas.NotFound)
}

func TestRecreatedIdentityDoesNotInherit(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	first, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	must(t)(ignore(d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: users(first.ID)})))
	must(t)(d.AssignOwner(ctx, first.PrincipalID))

	existed, err := d.DeleteIdentity(ctx, nil, "rg", "APP")
	must(t)(err)
	if !existed {
		t.Fatal("nothing deleted")
	}
	vm, err := d.GetVM(ctx, "rg", "vm")
	must(t)(err)
	if len(vm.UserAssigned) != 0 {
		t.Error("a deleted identity is still on the machine")
	}
	if owner, err := d.IsOwner(ctx, first.PrincipalID); owner || err != nil {
		t.Errorf("a deleted identity, whose token lives on, is still owner (%v)", err)
	}
	for _, id := range []string{first.PrincipalID, first.ClientID} {
		_, err = d.ObjectByID(ctx, id)
		wantCode(t, err, midas.NotFound)
	}

	second, created, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	if !created || second.ClientID == first.ClientID || second.PrincipalID == first.PrincipalID {
		t.Errorf("recreated identity has old ids: %+v", second.Identity)
	}
	if vm, err = d.GetVM(ctx, "rg", "vm"); err != nil || len(vm.UserAssigned) != 0 {
		t.Errorf("recreated identity came back to the machine: %+v, %v", vm.UserAssigned, err)
	}
	if existed, err = d.DeleteIdentity(ctx, nil, "rg", "never"); existed || err != nil {
		t.Errorf("deleting nothing: %v, %v", existed, err)
	}
}

func TestDeleteGroupDeletesContent(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	kept, _, err := d.PutVM(ctx, nil, "other", "kept", Change{Location: "eastus", Identity: users(m.ID)})
	must(t)(err)
	gone, _, err := d.PutVM(ctx, nil, "rg", "gone", Change{Location: "eastus", Identity: &IdentityPatch{Type: "SystemAssigned"}})
	must(t)(err)
	must(t)(d.AssignOwner(ctx, gone.System.PrincipalID))
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})))
	must(t)(second(d.DeleteGroup(ctx, nil, "RG")))

	_, err = d.WorkloadByVMID(ctx, gone.VMID)
	wantCode(t, err, midas.NotFound)
	_, err = d.Server(ctx, "mydb")
	wantCode(t, err, midas.NotFound)
	if owner, err := d.IsOwner(ctx, gone.System.PrincipalID); owner || err != nil {
		t.Errorf("owner %v, %v", owner, err)
	}
	w, err := d.WorkloadByVMID(ctx, kept.VMID)
	must(t)(err)
	if len(w.UserAssigned) != 0 {
		t.Error("a machine in another group kept an identity that went with its group")
	}
	must(t)(ignore(d.PutGroup(ctx, nil, "rg", "westus", nil)))
	if list, err := d.ListIdentities(ctx, "rg"); err != nil || len(list) != 0 {
		t.Errorf("recreated group is not empty: %v, %v", list, err)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 129)
	for name, tc := range map[string]struct {
		good, bad []string
		put       func(*Directory, string) error
	}{
		"group": {
			[]string{"a", "my-group_(1).x", long[:90]},
			[]string{"", "a.", "a b", "a/b", "ä", "%2e", long[:91]},
			func(d *Directory, n string) error { return ignore(d.PutGroup(t.Context(), nil, n, "eastus", nil)) },
		},
		"identity": {
			[]string{"abc", "1-x_Y", long[:128]},
			[]string{"", "ab", "-abc", "a.bc", "a bc", "abc\x00", long},
			func(d *Directory, n string) error {
				return ignore(d.PutIdentity(t.Context(), nil, "rg", n, "eastus", nil))
			},
		},
		"virtual machine": {
			[]string{"a", "my-vm.1_x", long[:64]},
			[]string{"", "_a", "a-", "a.", "a/b", "'a", long[:65]},
			func(d *Directory, n string) error {
				return ignore(d.PutVM(t.Context(), nil, "rg", n, Change{Location: "eastus"}))
			},
		},
		"server": {
			[]string{"abc", "my-db1", long[:63]},
			[]string{"", "ab", "MyDb", "-db", "db-", "my_db", "my.db", long[:64]},
			func(d *Directory, n string) error {
				return ignore(d.PutServer(t.Context(), nil, "rg", n, ServerChange{Change: Change{Location: "eastus"}}))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := fresh(t)
			for _, n := range tc.good {
				if err := tc.put(d, n); err != nil {
					t.Errorf("%q: %v", n, err)
				}
			}
			for _, n := range tc.bad {
				if err := tc.put(d, n); midas.CodeOf(err) != midas.Invalid || err == nil {
					t.Errorf("%q: got %v", n, err)
				}
			}
		})
	}
}

func TestTagLimits(t *testing.T) {
	d := fresh(t)
	many := map[string]string{}
	for i := range maxTags + 1 {
		many[strings.Repeat("x", i+1)] = ""
	}
	for _, tags := range []map[string]string{many, {"": "x"}, {"x": strings.Repeat("v", maxTagValue+1)}} {
		_, _, err := d.PutGroup(t.Context(), nil, "rg", "eastus", tags)
		wantCode(t, err, midas.Invalid)
	}
}
