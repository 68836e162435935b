package directory

import (
	"errors"
	"slices"
	"testing"

	"github.com/midas-mysql/midas"
)

// A change is refused in its own transaction when its caller has no role for it, for something
// linked to it, or no role any more; it is neither made nor logged.
func TestOperationTakesARole(t *testing.T) {
	d := fresh(t)
	ctx, sub := t.Context(), "/subscriptions/"+d.subscriptionID
	const write = "Microsoft.Resources/subscriptions/resourceGroups/write"
	who, _, err := d.CreateApplication(ctx, "who")
	must(t)(err)
	by := func(linked ...Permission) *Operation {
		return &Operation{Action: write, Scope: d.groupID("made"), Caller: who.ObjectID, Linked: linked}
	}
	put := func(o *Operation) error { return ignore(d.PutGroup(ctx, o, "made", "eastus", nil)) }
	denied := func(err error, want ...Permission) {
		t.Helper()
		var d *Denied
		if midas.CodeOf(err) != midas.Forbidden || !errors.As(err, &d) || !slices.Equal(d.Missing, want) {
			t.Errorf("%v, %+v; want %+v to be missing", err, d, want)
		}
	}
	own := Permission{Action: write, Scope: d.groupID("made")}
	denied(put(by()), own)
	denied(d.Admit(ctx, by()), own)
	_, err = d.GetGroup(ctx, "made")
	wantCode(t, err, midas.NotFound)

	reader := RoleAssignment{Name: "aaaaaaaa-0000-4000-8000-000000000001", PrincipalID: who.ObjectID, Scope: sub}
	for name, role := range map[string]string{"aaaaaaaa-0000-4000-8000-000000000001": "Reader", "aaaaaaaa-0000-4000-8000-000000000002": "Contributor"} {
		a := reader
		a.Name, a.RoleID = name, roleNamed(t, role)
		must(t)(ignore(d.PutRoleAssignment(ctx, nil, a, "")))
	}
	linked := Permission{Action: "Microsoft.Authorization/roleAssignments/write", Scope: sub, Asked: "it"}
	denied(put(by(linked)), linked)
	must(t)(d.Admit(ctx, by()))
	must(t)(put(by()))
	_, err = d.UpdateServicePrincipal(ctx, nil, who.ObjectID, ServicePrincipalChange{Enabled: new(false)})
	must(t)(err)
	denied(put(by()), own)
	all, _, err := d.Activities(ctx, ActivityFilter{Limit: 10, Caller: who.ObjectID})
	if err != nil || len(all) != 1 {
		t.Errorf("%d events, %v; want the one that changed something", len(all), err)
	}
}

// A change of the directory's objects takes a role, and neither locks nor the activity log
// know it.
func TestOperationOfGraph(t *testing.T) {
	d := fresh(t)
	ctx, sub := t.Context(), "/subscriptions/"+d.subscriptionID
	who, _, err := d.CreateApplication(ctx, "who")
	must(t)(err)
	must(t)(ignore(d.PutLock(ctx, nil, Lock{Scope: sub, Name: "all", Level: ReadOnly})))
	o := &Operation{Action: "Microsoft.Authorization/roleAssignments/write", Scope: sub, Caller: who.ObjectID, OfGraph: true}
	_, err = d.CreateSecurityGroup(ctx, o, SecurityGroupChange{Name: new("g"), MailNickname: new("g")})
	wantCode(t, err, midas.Forbidden)
	must(t)(d.AssignOwner(ctx, who.ObjectID))
	_, err = d.CreateSecurityGroup(ctx, o, SecurityGroupChange{Name: new("g"), MailNickname: new("g")})
	must(t)(err)
	if all, _, err := d.Activities(ctx, ActivityFilter{Limit: 10, Caller: who.ObjectID}); err != nil || len(all) != 0 {
		t.Errorf("%d events, %v", len(all), err)
	}
}

func roleNamed(t *testing.T, name string) string {
	t.Helper()
	for _, r := range (*Directory)(nil).Roles() {
		if r.Name == name {
			return r.ID
		}
	}
	t.Fatalf("there is no role %s", name)
	return ""
}
