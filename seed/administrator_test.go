package seed

import (
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// TestAdministratorLeavesWithItsIdentity: a server may lose an identity together with the
// administrator that it serves.
func TestAdministratorLeavesWithItsIdentity(t *testing.T) {
	p := newPlace(t)
	if _, err := p.apply(example); err != nil {
		t.Fatal(err)
	}
	const group, server = "myResourceGroup", "mydb"
	id, err := p.dir.GetIdentity(t.Context(), group, "myManagedIdentity")
	if err != nil {
		t.Fatal(err)
	}
	give := directory.Change{Identity: &directory.IdentityPatch{Type: "UserAssigned", UserAssigned: map[string]bool{id.ID: true}}}
	if _, err := p.dir.PatchServer(t.Context(), nil, group, server, directory.ServerChange{Change: give}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.dir.SetAdministrator(t.Context(), nil, group, server, directory.Administrator{
		Administrator: midas.Administrator{Login: "boss", ObjectID: id.PrincipalID}, IdentityID: id.ID,
	}); err != nil {
		t.Fatal(err)
	}
	const world = `servers:
- name: mydb
  resource-group: myResourceGroup
  identities: []
  administrator:
    login: db-admins
    principal: {group: DB Admins}
`
	for _, want := range []int{2, 0} {
		if got, err := p.apply(world); err != nil || len(got) != want {
			t.Errorf("%q, %v, want %d changes", got, err, want)
		}
	}
}

// TestWhatCannotMoveIsSaidOfItsLocation: the line of the error is that of the field.
func TestWhatCannotMoveIsSaidOfItsLocation(t *testing.T) {
	p := newPlace(t)
	if _, err := p.apply(example); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"identities:\n- name: myManagedIdentity", "vms:\n- name: myVM", "servers:\n- name: mydb"} {
		kind, _, _ := strings.Cut(list, ":")
		_, err := p.apply(list + "\n  resource-group: myResourceGroup\n  location: westus\n")
		if err == nil || !strings.Contains(err.Error(), "w.yaml:4: "+kind+"[0].location: ") {
			t.Error(err)
		}
	}
}
