package directory

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// various makes machines and servers in two groups, with each kind of identity.
func various(t *testing.T, d *Directory) {
	t.Helper()
	ctx := t.Context()
	var ids []string
	for i := range 3 {
		for _, group := range []string{"rg", "other"} {
			m, _, err := d.PutIdentity(ctx, nil, group, fmt.Sprintf("id%d", i), "eastus", map[string]string{"n": group})
			must(t)(err)
			ids = append(ids, m.ID)
		}
	}
	for i := range 4 {
		for _, group := range []string{"rg", "other"} {
			patch := users(ids[:i]...)
			if i == 0 {
				patch = &IdentityPatch{Type: "None"}
			}
			if i == 3 {
				patch.Type = "SystemAssigned, UserAssigned"
			}
			must(t)(ignore(d.PutVM(ctx, nil, group, fmt.Sprintf("vm%d", i), Change{Location: "eastus", Identity: patch})))
			if i == 3 {
				patch.Type = "UserAssigned"
			}
			name := fmt.Sprintf("db%d-%s", i, group)
			must(t)(ignore(d.PutServer(ctx, nil, group, name, ServerChange{Change: Change{Location: "eastus", Identity: patch}})))
			if i%2 == 1 {
				_, err := d.SetParameter(ctx, nil, group, name, "aad_auth_only", "ON")
				must(t)(err)
				must(t)(ignore(d.SetAdministrator(ctx, nil, group, name, admin("a", "aaaaaaaa-0000-4000-8000-000000000001"))))
			}
		}
	}
}

// TestListsShowWhatGetShows: what is read for all at once is what is read for one.
func TestListsShowWhatGetShows(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	various(t, d)
	same := func(kind string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Resource{})); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	for _, group := range []string{"", "RG", "other"} {
		vms, err := d.ListVMs(ctx, group)
		must(t)(err)
		servers, err := d.ListServers(ctx, group)
		must(t)(err)
		identities, err := d.ListIdentities(ctx, group)
		must(t)(err)
		count := 4
		if group == "" {
			count = 8
		}
		if len(vms) != count || len(servers) != count || len(identities) != count*3/4 {
			t.Fatalf("group %q: %d machines, %d servers, %d identities", group, len(vms), len(servers), len(identities))
		}
		for _, listed := range vms {
			one, err := d.GetVM(ctx, listed.Group, listed.Name)
			must(t)(err)
			same("machine", listed, one)
		}
		for _, listed := range servers {
			one, err := d.GetServer(ctx, listed.Group, listed.Name)
			must(t)(err)
			same("server", listed, one)
		}
		for _, listed := range identities {
			one, err := d.GetIdentity(ctx, listed.Group, listed.Name)
			must(t)(err)
			same("identity", listed, one)
		}
	}
}
