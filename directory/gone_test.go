package directory

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An id is gone when its principal was deleted or is disabled, by whichever way, and not
// when this directory never had it.
func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	d, ctx := open(t, path), t.Context()
	must(t)(ignore(d.PutGroup(ctx, nil, "rg", "eastus", nil)))
	user, group := person(t, d, "alice"), team(t, d, "readers")
	app, _, err := d.CreateApplication(ctx, "app")
	must(t)(err)
	m, _, err := d.PutIdentity(ctx, nil, "rg", "identity", "eastus", nil)
	must(t)(err)
	all := []string{user.ObjectID, group.ObjectID, app.ObjectID, app.ClientID, m.PrincipalID, m.ClientID}
	const foreign = "99999999-8888-7777-6666-555555555555"
	want := func(when string, ids ...string) {
		t.Helper()
		got, err := d.Gone(ctx, append(slices.Clone(all), foreign, ""))
		slices.Sort(got)
		slices.Sort(ids)
		if err != nil || !slices.Equal(got, ids) {
			t.Errorf("%s: %v\n%s", when, err, cmp.Diff(ids, got))
		}
	}
	want("at first")
	must(t)(second(d.UpdateUser(ctx, nil, user.ObjectID, UserChange{Enabled: new(false)})))
	must(t)(second(d.UpdateServicePrincipal(ctx, nil, app.ObjectID, ServicePrincipalChange{Enabled: new(false)})))
	want("disabled", user.ObjectID, app.ObjectID, app.ClientID)
	must(t)(second(d.UpdateUser(ctx, nil, user.ObjectID, UserChange{Enabled: new(true)})))
	must(t)(second(d.UpdateServicePrincipal(ctx, nil, app.ObjectID, ServicePrincipalChange{Enabled: new(true)})))
	want("enabled again")
	must(t)(second(d.DeleteUser(ctx, nil, user.ObjectID)))
	must(t)(second(d.DeleteSecurityGroup(ctx, nil, group.ObjectID)))
	must(t)(second(d.DeleteServicePrincipal(ctx, nil, app.ObjectID)))
	must(t)(second(d.DeleteGroup(ctx, nil, "rg"))) // and the identity in it
	want("deleted", all...)
	must(t)(d.Close())
	d = open(t, path)
	want("after a restart", all...)
	again, err := d.CreateServicePrincipal(ctx, nil, app.ClientID, ServicePrincipalChange{})
	must(t)(err)
	want("the application signs in again", slices.DeleteFunc(slices.Clone(all), func(id string) bool { return id == app.ClientID })...)
	if strings.EqualFold(again.ObjectID, app.ObjectID) {
		t.Error("it has its former object id")
	}
}
