package directorytest

import (
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

func (w *world) testUsers() {
	ctx := w.Context()
	alice := w.user("alice")
	if u, err := w.GetUser(ctx, "ALICE@example.com"); err != nil || u.ObjectID != alice.ObjectID {
		w.Errorf("%+v, %v", u, err)
	}
	_, err := w.CreateUser(ctx, nil, directory.UserChange{UPN: new("Alice@Example.com"), DisplayName: new("x"), MailNickname: new("x")})
	w.want(err, midas.Conflict)
	u, err := w.CheckPassword(ctx, "alice@example.com", "correct horse 42")
	if err != nil || u.ObjectID != alice.ObjectID {
		w.Errorf("%+v, %v", u, err)
	}
	for _, name := range []string{"alice@example.com", "nobody@example.com"} {
		_, err := w.CheckPassword(ctx, name, "wrong")
		w.want(err, midas.Unauthenticated)
	}
	_, err = w.UpdateUser(ctx, nil, alice.ObjectID, directory.UserChange{Password: new("another horse 43")})
	w.must(err)
	if again, err := w.UserByID(ctx, alice.ObjectID); err != nil || again.Stamp <= u.Stamp {
		w.Errorf("stamp %d after %d, %v", again.Stamp, u.Stamp, err)
	}
	w.must(second(w.DeleteUser(ctx, nil, alice.ObjectID)))
	_, err = w.UserByID(ctx, alice.ObjectID)
	w.want(err, midas.NotFound)
}

func (w *world) testMemberships() {
	ctx := w.Context()
	alice := w.user("alice")
	inner := w.securityGroup("inner", alice.ObjectID)
	outer := w.securityGroup("outer", inner.ObjectID)
	w.must(w.AddMember(ctx, nil, inner.ObjectID, outer.ObjectID)) // a circle
	groups, err := w.MemberGroups(ctx, alice.ObjectID)
	slices.Sort(groups)
	want := []string{inner.ObjectID, outer.ObjectID}
	slices.Sort(want)
	if err != nil || !slices.Equal(groups, want) {
		w.Errorf("%v, %v", groups, err)
	}
	page, err := w.Related(ctx, outer.ObjectID, directory.Members, directory.Query{Limit: 10, Count: true})
	if err != nil || page.Total != 1 || len(page.Items) != 1 {
		w.Errorf("%+v, %v", page, err)
	}
	w.must(second(w.DeleteSecurityGroup(ctx, nil, inner.ObjectID)))
	if groups, err := w.MemberGroups(ctx, alice.ObjectID); err != nil || len(groups) != 0 {
		w.Errorf("after the group is gone: %v, %v", groups, err)
	}
	w.want(w.AddMember(ctx, nil, outer.ObjectID, inner.ObjectID), midas.NotFound)
}

func (w *world) testApplications() {
	ctx := w.Context()
	app, err := w.RegisterApplication(ctx, nil, directory.ApplicationChange{Name: new("app"), IdentifierURIs: &[]string{"api://shop"}})
	w.must(err)
	sp, err := w.CreateServicePrincipal(ctx, nil, app.ClientID, directory.ServicePrincipalChange{})
	w.must(err)
	s, text, err := w.AddSecret(ctx, nil, app.ObjectID, "first", w.now, w.now.Add(time.Hour))
	w.must(err)
	check := func(secret string) error { return second(w.CheckSecret(ctx, app.ClientID, secret)) }
	w.must(check(text))
	w.want(check(text+"x"), midas.Unauthenticated)
	w.now = w.now.Add(2 * time.Hour)
	w.want(check(text), midas.Unauthenticated) // it has ended
	w.now = w.now.Add(-2 * time.Hour)
	w.must(w.RemoveSecret(ctx, nil, app.ObjectID, s.KeyID))
	w.want(check(text), midas.Unauthenticated)
	if _, of, err := w.TokenVersion(ctx, "api://shop"); err != nil || of != app.ClientID {
		w.Errorf("the resource is of %q, %v", of, err)
	}
	if active, err := w.Active(ctx, sp.ObjectID); err != nil || !active {
		w.Errorf("active %t, %v", active, err)
	}
	w.must(second(w.DeleteApplication(ctx, nil, app.ObjectID)))
	if active, err := w.Active(ctx, sp.ObjectID); err != nil || active {
		w.Errorf("active without its application: %t, %v", active, err)
	}
}

func (w *world) testGrants() {
	ctx := w.Context()
	alice := w.user("alice")
	g := directory.Grant{Family: "f", ClientID: "c", UserID: alice.ObjectID, Begun: w.now, Ends: w.now.Add(time.Hour)}
	first, next := [32]byte{1}, [32]byte{2}
	w.must(w.KeepGrant(ctx, first, g, alice.Stamp, nil, w.now))
	got, used, err := w.TakeGrant(ctx, first, "f", w.now)
	if err != nil || got.UserID != alice.ObjectID || !used.IsZero() {
		w.Errorf("%+v, used %v, %v", got, used, err)
	}
	if _, used, err := w.TakeGrant(ctx, first, "f", w.now.Add(time.Minute)); err != nil || !used.Equal(w.now) {
		w.Errorf("a second time: used %v, %v", used, err)
	}
	w.must(w.KeepGrant(ctx, next, g, alice.Stamp, &first, w.now))
	w.must(w.RevokeGrants(ctx, "f"))
	_, _, err = w.TakeGrant(ctx, next, "f", w.now)
	w.want(err, midas.NotFound)
	w.want(w.KeepGrant(ctx, next, g, alice.Stamp+1, nil, w.now), midas.NotFound) // of another stamp
}
