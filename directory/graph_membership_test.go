package directory

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

func team(t *testing.T, d *Directory, name string, members ...string) SecurityGroup {
	t.Helper()
	g, err := d.CreateSecurityGroup(t.Context(), nil, SecurityGroupChange{Name: &name, MailNickname: new("nick"), Members: members})
	must(t)(err)
	return g
}

func (d *Directory) groupsOrFail(t *testing.T, id string) []string {
	t.Helper()
	groups, err := d.MemberGroups(t.Context(), id)
	must(t)(err)
	return groups
}

func sorted(ids ...string) []string {
	slices.Sort(ids)
	return ids
}

func TestSecurityGroups(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	first, second := team(t, d, "dba"), team(t, d, "dba")
	if first.ObjectID == second.ObjectID {
		t.Error("names need not be unique, ids must")
	}
	_, err := d.ObjectByName(ctx, "DBA")
	wantCode(t, err, midas.Conflict)
	g, err := d.UpdateSecurityGroup(ctx, nil, second.ObjectID, SecurityGroupChange{Name: new("Readers"), Description: new("read")})
	must(t)(err)
	if got, err := d.GetSecurityGroup(ctx, second.ObjectID); err != nil || cmp.Diff(g, got) != "" || got.Name != "Readers" || got.MailNickname != "nick" {
		t.Errorf("got %+v, %v", got, err)
	}
	object, err := d.ObjectByName(ctx, "readers")
	must(t)(err)
	if want := (midas.DirectoryObject{Kind: midas.KindGroup, ObjectID: second.ObjectID, Name: "Readers"}); object != want {
		t.Errorf("got %+v", object)
	}
	for _, bad := range []SecurityGroupChange{
		{},
		{Name: new("x")},
		{Name: new(""), MailNickname: new("x")},
		{Name: new("x"), MailNickname: new("a b")},
		{Name: new("x"), MailNickname: new("")},
		{Name: new("x\x00"), MailNickname: new("x")},
	} {
		_, err := d.CreateSecurityGroup(ctx, nil, bad)
		wantCode(t, err, midas.Invalid)
	}
	_, err = d.CreateSecurityGroup(ctx, nil, SecurityGroupChange{Name: new("x"), MailNickname: new("x"), Members: []string{sid}})
	wantCode(t, err, midas.NotFound)
	if _, err := d.ObjectByName(ctx, "x"); midas.CodeOf(err) != midas.NotFound {
		t.Errorf("a group whose member does not exist was made: %v", err)
	}
}

// TestMemberGroups: through other groups, and in a circle.
func TestMemberGroups(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	alice := person(t, d, "alice")
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	inner := team(t, d, "inner", alice.ObjectID, m.PrincipalID)
	middle := team(t, d, "middle", inner.ObjectID)
	outer := team(t, d, "outer", middle.ObjectID, alice.ObjectID)
	team(t, d, "other")
	all := sorted(inner.ObjectID, middle.ObjectID, outer.ObjectID)
	for _, id := range []string{alice.ObjectID, m.PrincipalID} {
		if diff := cmp.Diff(all, d.groupsOrFail(t, id)); diff != "" {
			t.Error(diff)
		}
	}
	must(t)(d.AddMember(ctx, nil, inner.ObjectID, outer.ObjectID))
	for _, id := range []string{alice.ObjectID, inner.ObjectID} {
		if diff := cmp.Diff(all, d.groupsOrFail(t, id)); diff != "" {
			t.Error(diff)
		}
	}
	if got := d.groupsOrFail(t, sid); len(got) != 0 {
		t.Errorf("an unknown object is in %v", got)
	}

	wantCode(t, d.AddMember(ctx, nil, inner.ObjectID, alice.ObjectID), midas.Conflict)
	wantCode(t, d.AddMember(ctx, nil, inner.ObjectID, inner.ObjectID), midas.Invalid)
	wantCode(t, d.AddMember(ctx, nil, inner.ObjectID, sid), midas.NotFound)
	wantCode(t, d.AddMember(ctx, nil, sid, alice.ObjectID), midas.NotFound)
	wantCode(t, d.RemoveMember(ctx, nil, middle.ObjectID, alice.ObjectID), midas.NotFound)
	must(t)(d.RemoveMember(ctx, nil, outer.ObjectID, alice.ObjectID))
	must(t)(d.RemoveMember(ctx, nil, inner.ObjectID, alice.ObjectID))
	if got := d.groupsOrFail(t, alice.ObjectID); len(got) != 0 {
		t.Errorf("still in %v", got)
	}
}

// TestWhatIsDeletedIsInNothing: memberships, roles and ownership go at once, for each
// kind of object and also when the resource of an identity is what is deleted.
func TestWhatIsDeletedIsInNothing(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	user := person(t, d, "alice")
	app, _, err := d.CreateApplication(ctx, "app")
	must(t)(err)
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	inner := team(t, d, "inner")
	outer := team(t, d, "outer", user.ObjectID, app.ObjectID, m.PrincipalID, inner.ObjectID)
	all := []string{user.ObjectID, app.ObjectID, m.PrincipalID, inner.ObjectID}
	for _, id := range all {
		must(t)(d.AssignOwner(ctx, id))
	}
	for _, id := range []string{user.ObjectID, app.ObjectID, m.PrincipalID} {
		must(t)(d.AddOwner(ctx, nil, inner.ObjectID, id))
	}
	wantCode(t, d.AddOwner(ctx, nil, inner.ObjectID, outer.ObjectID), midas.Invalid)

	must(t)(second(d.DeleteUser(ctx, nil, user.ObjectID)))
	must(t)(second(d.DeleteServicePrincipal(ctx, nil, app.ObjectID)))
	must(t)(second(d.DeleteIdentity(ctx, nil, "rg", "app")))
	must(t)(second(d.DeleteSecurityGroup(ctx, nil, inner.ObjectID)))
	for _, id := range all {
		if groups := d.groupsOrFail(t, id); len(groups) != 0 {
			t.Errorf("%s is in %v", id, groups)
		}
		if owner, err := d.IsOwner(ctx, id); owner || err != nil {
			t.Errorf("%s has a role (%v)", id, err)
		}
		if active, err := d.Active(ctx, id); active || err != nil {
			t.Errorf("%s is active (%v)", id, err)
		}
	}
	var left int
	must(t)(d.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM membership) + (SELECT count(*) FROM ownership)`).Scan(&left))
	if left != 0 {
		t.Errorf("%d references point to nothing", left)
	}
}
