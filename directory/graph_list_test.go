package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

func eq(property string, value any) Condition {
	return Condition{Op: OpEqual, Property: property, Value: value}
}

func TestUsersByCondition(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	for _, name := range []string{"Ärger", "anna", "Bob", "bob's son"} {
		must(t)(second(d.CreateUser(ctx, nil, UserChange{
			UPN: new(fmt.Sprintf("u%d@contoso.example", len(name))), DisplayName: &name, MailNickname: new("Nick"), Guest: new(name == "Bob"), Enabled: new(name != "Bob"),
			Mail: new(map[bool]string{true: "Bob@Contoso.example"}[name == "Bob"]),
		})))
	}
	prefix := func(property, value string) Condition {
		return Condition{Op: OpPrefix, Property: property, Value: value}
	}
	for _, test := range []struct {
		where Condition
		want  string
	}{
		{Condition{}, "anna,Bob,bob's son,Ärger"},
		{eq("displayName", "ANNA"), "anna"},
		{eq("DISPLAYNAME", "bob's son"), "bob's son"},
		{eq("displayName", "äRGER"), "Ärger"},
		{prefix("displayName", "bo"), "Bob,bob's son"},
		{prefix("displayName", ""), "anna,Bob,bob's son,Ärger"},
		{prefix("displayName", "%"), ""},
		{eq("userPrincipalName", "U4@contoso.example"), "anna"},
		{eq("mail", "bob@contoso.EXAMPLE"), "Bob"},
		{prefix("mail", "BOB"), "Bob"},
		{eq("mail", nil), "anna,bob's son,Ärger"},
		{eq("accountEnabled", false), "Bob"},
		{eq("userType", "guest"), "Bob"},
		{Condition{Op: OpAnd, Of: []Condition{eq("mailNickname", "nick"), prefix("displayName", "bob"), eq("accountEnabled", true)}}, "bob's son"},
		{Condition{Op: OpOr, Of: []Condition{eq("displayName", "anna"), eq("displayName", "Bob")}}, "anna,Bob"},
		{Condition{Op: OpNot, Of: []Condition{prefix("displayName", "b")}}, "anna,Ärger"},
	} {
		page, err := d.Users(ctx, Query{Where: test.where, Limit: 10, Count: true})
		must(t)(err)
		var names []string
		for _, u := range page.Items {
			names = append(names, u.DisplayName)
		}
		if got := strings.Join(names, ","); got != test.want || page.Total != len(names) || page.Next != "" {
			t.Errorf("%+v: got %q (%d), want %q", test.where, got, page.Total, test.want)
		}
	}
}

func TestBadConditionsAreRefused(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	deep := eq("displayName", "x")
	for range maxDepth + 1 {
		deep = Condition{Op: OpNot, Of: []Condition{deep}}
	}
	for name, q := range map[string]Query{
		"unknown property":     {Where: eq("password", "x"), Limit: 1},
		"SQL for a property":   {Where: eq("1=1) --", "x"), Limit: 1},
		"text for a truth":     {Where: eq("accountEnabled", "true"), Limit: 1},
		"truth for a text":     {Where: eq("displayName", true), Limit: 1},
		"any of one":           {Where: Condition{Op: OpAny, Property: "displayName", Value: "x"}, Limit: 1},
		"an unknown operation": {Where: Condition{Op: "like", Property: "displayName", Value: "x"}, Limit: 1},
		"nothing to join":      {Where: Condition{Op: OpAnd}, Limit: 1},
		"not of two":           {Where: Condition{Op: OpNot, Of: []Condition{{}, {}}}, Limit: 1},
		"too deep":             {Where: deep, Limit: 1},
		"no limit":             {},
		"a made-up token":      {After: "x", Limit: 1},
		"a token of one":       {After: "WyJhIl0", Limit: 1},
	} {
		if _, err := d.Users(ctx, q); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPages(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	var want []string
	g := team(t, d, "all")
	for i := range 7 {
		name := fmt.Sprintf("same%d", i%2) // names alone do not order
		u, err := d.CreateUser(ctx, nil, UserChange{UPN: new(fmt.Sprintf("u%d@contoso.example", i)), DisplayName: &name, MailNickname: new("n")})
		must(t)(err)
		must(t)(d.AddMember(ctx, nil, g.ObjectID, u.ObjectID))
		want = append(want, u.ObjectID)
	}
	slices.Sort(want)
	for size := 1; size <= 8; size++ {
		var got, members []string
		q := Query{Limit: size}
		for more := true; more; more = q.After != "" {
			page, err := d.Users(ctx, q)
			must(t)(err)
			for _, u := range page.Items {
				got = append(got, u.ObjectID)
			}
			q.After = page.Next
		}
		for more := true; more; more = q.After != "" {
			page, err := d.Related(ctx, g.ObjectID, Members, q)
			must(t)(err)
			for _, o := range page.Items {
				members = append(members, o.User.ObjectID)
			}
			q.After = page.Next
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d: %s", size, diff)
		}
		if diff := cmp.Diff(want, members); diff != "" {
			t.Errorf("pages of %d members: %s", size, diff)
		}
	}
}

func TestServicePrincipalsByName(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "identity", "eastus", nil)
	must(t)(err)
	a, err := d.RegisterApplication(ctx, nil, ApplicationChange{Name: new("App"), IdentifierURIs: &[]string{"api://Contoso/app"}})
	must(t)(err)
	p, err := d.CreateServicePrincipal(ctx, nil, a.ClientID, ServicePrincipalChange{})
	must(t)(err)
	_, err = d.CreateServicePrincipal(ctx, nil, a.ClientID, ServicePrincipalChange{})
	wantCode(t, err, midas.Conflict)
	_, err = d.CreateServicePrincipal(ctx, nil, m.ClientID, ServicePrincipalChange{})
	wantCode(t, err, midas.NotFound)
	_, err = d.RegisterApplication(ctx, nil, ApplicationChange{Name: new("Other"), IdentifierURIs: &[]string{"API://contoso/app"}})
	wantCode(t, err, midas.Conflict)
	for name, want := range map[string]string{
		a.ClientID: p.ObjectID, "api://contoso/APP": p.ObjectID, m.ClientID: m.PrincipalID, p.ObjectID: "", "App": "",
	} {
		page, err := d.ServicePrincipals(ctx, Query{Where: Condition{Op: OpAny, Property: "servicePrincipalNames", Value: name}, Limit: 5})
		must(t)(err)
		if got := len(page.Items) > 0 && page.Items[0].ObjectID == want; got != (want != "") || len(page.Items) > 1 {
			t.Errorf("%s: got %+v", name, page.Items)
		}
	}
	page, err := d.ServicePrincipals(ctx, Query{Where: eq("servicePrincipalType", "ManagedIdentity"), Limit: 5})
	if must(t)(err); len(page.Items) != 1 || page.Items[0].ResourceID != m.Resource.ID {
		t.Errorf("got %+v", page.Items)
	}
	apps, err := d.Applications(ctx, Query{Where: Condition{Op: OpAny, Property: "identifierUris", Value: "api://contoso/app"}, Limit: 5})
	if must(t)(err); len(apps.Items) != 1 || cmp.Diff(a, apps.Items[0]) != "" {
		t.Errorf("got %+v", apps.Items)
	}
	a, err = d.UpdateApplication(ctx, nil, a.ObjectID, ApplicationChange{Name: new("Renamed"), IdentifierURIs: &[]string{}})
	must(t)(err)
	if p, err = d.ServicePrincipalByClientID(ctx, a.ClientID); err != nil || p.Name != "Renamed" || len(p.IdentifierURIs) != 0 {
		t.Errorf("the service principal follows: %+v, %v", p, err)
	}
}

// TestRelations: groups that contain each other are met once.
func TestRelations(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	alice := person(t, d, "alice")
	inner := team(t, d, "inner", alice.ObjectID)
	outer := team(t, d, "outer", inner.ObjectID)
	must(t)(d.AddMember(ctx, nil, inner.ObjectID, outer.ObjectID))
	must(t)(d.AddOwner(ctx, nil, outer.ObjectID, alice.ObjectID))
	ids := func(page Page[Object]) (all []string) {
		for _, o := range page.Items {
			switch {
			case o.User != nil:
				all = append(all, o.User.ObjectID)
			case o.Group != nil:
				all = append(all, o.Group.ObjectID)
			}
		}
		return all
	}
	for _, test := range []struct {
		from string
		by   Relation
		want []string
	}{
		{outer.ObjectID, Members, sorted(inner.ObjectID)},
		{outer.ObjectID, TransitiveMembers, sorted(inner.ObjectID, outer.ObjectID, alice.ObjectID)},
		{alice.ObjectID, MemberOf, sorted(inner.ObjectID)},
		{alice.ObjectID, TransitiveMemberOf, sorted(inner.ObjectID, outer.ObjectID)},
		{outer.ObjectID, Owners, sorted(alice.ObjectID)},
		{alice.ObjectID, OwnedObjects, sorted(outer.ObjectID)},
		{sid, Members, nil},
	} {
		page, err := d.Related(ctx, test.from, test.by, Query{Limit: 10, Count: true})
		must(t)(err)
		if diff := cmp.Diff(test.want, ids(page)); diff != "" || page.Total != len(test.want) {
			t.Errorf("%s: %d, %s", test.by, page.Total, diff)
		}
	}
	_, err := d.Related(ctx, outer.ObjectID, "friends", Query{Limit: 1})
	wantCode(t, err, midas.Invalid)
	some, err := d.Objects(ctx, []string{alice.ObjectID, sid, alice.UPN, outer.ObjectID})
	if must(t)(err); len(some) != 2 || some[0].User == nil || some[1].Group == nil {
		t.Errorf("got %+v", some)
	}
}
