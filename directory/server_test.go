package directory

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

var sid = "44444444-4444-4444-4444-444444444444"

func admin(login, objectID string) Administrator {
	return Administrator{Administrator: midas.Administrator{Login: login, ObjectID: objectID}}
}

func TestServerLookup(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	s, created, err := d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})
	must(t)(err)
	if !created || s.FQDN != "mydb.mysql.database.azure.com" || s.Version != "8.0.21" || s.Admin != nil || s.AADOnly {
		t.Errorf("got %+v", s)
	}
	for _, name := range []string{"mydb", "MYDB", "mydb.mysql.database.azure.com", "MyDb.MySQL.Database.Azure.com."} {
		got, err := d.Server(ctx, name)
		must(t)(err)
		if diff := cmp.Diff(s.Server(), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, name := range []string{"", "my", "mydb.example.com", ".mysql.database.azure.com", "mydb.mysql.database.azure.com.evil.example"} {
		_, err := d.Server(ctx, name)
		wantCode(t, err, midas.NotFound)
	}
	all, err := d.Servers(ctx)
	must(t)(err)
	if diff := cmp.Diff([]midas.Server{s.Server()}, all); diff != "" {
		t.Error(diff)
	}
}

func TestServerNamesAreGlobal(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})))
	_, _, err := d.PutServer(ctx, nil, "other", "mydb", ServerChange{Change: Change{Location: "eastus"}})
	wantCode(t, err, midas.Conflict)
	if list, err := d.ListServers(ctx, "other"); err != nil || len(list) != 0 {
		t.Errorf("the refused server was half made: %v, %v", list, err)
	}
	must(t)(second(d.DeleteServer(ctx, nil, "rg", "mydb")))
	must(t)(ignore(d.PutServer(ctx, nil, "other", "mydb", ServerChange{Change: Change{Location: "eastus"}})))
}

func TestAdministrator(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	tenant, _ := d.Tenant()
	byDefault := admin("operator", sid)
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}, Admin: &byDefault})))
	s, err := d.Server(ctx, "mydb")
	must(t)(err)
	if diff := cmp.Diff(&midas.Administrator{Login: "operator", ObjectID: sid, TenantID: tenant}, s.Admin); diff != "" {
		t.Errorf("administrator at creation: %s", diff)
	}

	other := "55555555-5555-5555-5555-55555555555A"
	got, created, err := d.SetAdministrator(ctx, nil, "rg", "mydb", admin("aad_admin", other))
	must(t)(err)
	if created || got.ObjectID != "55555555-5555-5555-5555-55555555555a" || got.Login != "aad_admin" {
		t.Errorf("got %+v, created %v", got, created)
	}
	// A second PUT of the server must not bring the default administrator back.
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Admin: &byDefault})))
	if s, err = d.Server(ctx, "mydb"); err != nil || s.Admin.Login != "aad_admin" {
		t.Errorf("got %+v, %v", s.Admin, err)
	}

	existed, err := d.DeleteAdministrator(ctx, nil, "rg", "mydb")
	must(t)(err)
	if s, err = d.Server(ctx, "mydb"); !existed || err != nil || s.Admin != nil {
		t.Errorf("existed %v, left %+v, %v", existed, s.Admin, err)
	}
	if existed, err = d.DeleteAdministrator(ctx, nil, "rg", "mydb"); existed || err != nil {
		t.Errorf("second delete: %v, %v", existed, err)
	}
	if _, created, err = d.SetAdministrator(ctx, nil, "rg", "mydb", admin("x", sid)); !created || err != nil {
		t.Errorf("created %v, %v", created, err)
	}
}

func TestAdministratorRefuses(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})))
	stranger := admin("x", sid)
	stranger.IdentityID = "/subscriptions/none"
	for name, tc := range map[string]struct {
		server string
		a      Administrator
		want   midas.Code
	}{
		"no such server":      {"nodb", admin("x", sid), midas.NotFound},
		"no login":            {"mydb", admin("", sid), midas.Invalid},
		"login of 33":         {"mydb", admin("abcdefghijabcdefghijabcdefghijabc", sid), midas.Invalid},
		"login with a NUL":    {"mydb", admin("a\x00b", sid), midas.Invalid},
		"sid is no GUID":      {"mydb", admin("x", "me"), midas.Invalid},
		"sid in parentheses":  {"mydb", admin("x", "("+sid+")"), midas.Invalid},
		"identity is unknown": {"mydb", stranger, midas.NotFound},
	} {
		_, _, err := d.SetAdministrator(ctx, nil, "rg", tc.server, tc.a)
		if err == nil || midas.CodeOf(err) != tc.want {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
	if s, err := d.Server(ctx, "mydb"); err != nil || s.Admin != nil {
		t.Errorf("a refused administrator was set: %+v, %v", s.Admin, err)
	}
	// As some programs write it.
	if _, _, err := d.SetAdministrator(ctx, nil, "rg", "mydb", admin("x", "{"+strings.ToUpper(sid)+"}")); err != nil {
		t.Error(err)
	}
	if s, err := d.Server(ctx, "mydb"); err != nil || s.Admin == nil || s.Admin.ObjectID != sid {
		t.Errorf("%+v, %v", s.Admin, err)
	}
}

func TestServerIdentity(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})))
	s, err := d.PatchServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Identity: users(m.ID)}, Version: "8.4"})
	must(t)(err)
	if diff := cmp.Diff([]midas.Identity{m.Identity}, s.UserAssigned); diff != "" || s.Version != "8.4" {
		t.Errorf("version %s, identities %s", s.Version, diff)
	}
	_, err = d.PatchServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Identity: &IdentityPatch{Type: "SystemAssigned"}}})
	wantCode(t, err, midas.Invalid)
	_, err = d.PatchServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Identity: users(m.ID + "x")}})
	if !errors.Is(err, ErrNoIdentity) {
		t.Errorf("got %v", err)
	}
	_, err = d.PatchServer(ctx, nil, "rg", "mydb", ServerChange{Version: "8'"})
	wantCode(t, err, midas.Invalid)
}

func TestParameters(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})))
	p, err := d.Parameter(ctx, "rg", "mydb", "AAD_AUTH_ONLY")
	must(t)(err)
	if p.Value != "OFF" || p.Set {
		t.Errorf("default: %+v", p)
	}
	p, err = d.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", "on")
	must(t)(err)
	s, err := d.Server(ctx, "mydb")
	must(t)(err)
	if p.Value != "ON" || !p.Set || !s.AADOnly {
		t.Errorf("set: %+v, server %+v", p, s)
	}
	if _, err = d.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", ""); err != nil {
		t.Fatal(err)
	}
	if s, err = d.Server(ctx, "mydb"); err != nil || s.AADOnly {
		t.Errorf("not back to its default: %+v, %v", s, err)
	}
	_, err = d.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", "maybe")
	wantCode(t, err, midas.Invalid)
	_, err = d.SetParameter(ctx, nil, "rg", "mydb", "max_connections", "7")
	wantCode(t, err, midas.NotFound)
	_, err = d.Parameter(ctx, "rg", "nodb", "aad_auth_only")
	wantCode(t, err, midas.NotFound)
}

// What is set of a server's database is kept apart from what midas itself goes by, and goes with
// the server.
func TestBackendParameters(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	s, _, err := d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}, Version: "8.4"})
	must(t)(err)
	must(t)(second(d.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", "ON")))
	must(t)(d.SetBackendParameter(ctx, nil, s.UniqueID, "Max_Connections", "77"))
	got, err := d.BackendParameters(ctx, s.UniqueID)
	must(t)(err)
	if diff := cmp.Diff(map[string]string{"max_connections": "77"}, got); diff != "" {
		t.Error(diff)
	}
	if all, err := d.Parameters(ctx, "rg", "mydb"); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := d.SetBackendParameter(ctx, nil, s.UniqueID, "AAD_auth_only", "OFF"); midas.CodeOf(err) != midas.Invalid {
		t.Errorf("got %v", err)
	}
	must(t)(d.SetBackendParameter(ctx, nil, s.UniqueID, "max_connections", ""))
	if got, err := d.BackendParameters(ctx, s.UniqueID); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if version, err := d.ServerVersion(ctx, s.UniqueID); err != nil || version != "8.4" {
		t.Errorf("version %q, %v", version, err)
	}
	must(t)(second(d.DeleteServer(ctx, nil, "rg", "mydb")))
	wantCode(t, d.SetBackendParameter(ctx, nil, s.UniqueID, "max_connections", "7"), midas.NotFound)
	_, err = d.ServerVersion(ctx, s.UniqueID)
	wantCode(t, err, midas.NotFound)
}

// Servers are in the order in which they were made, however they are called.
func TestServersByAge(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	for _, name := range []string{"mydb", "another", "zdb"} {
		must(t)(ignore(d.PutServer(ctx, nil, "rg", name, ServerChange{Change: Change{Location: "eastus"}})))
	}
	must(t)(second(d.DeleteServer(ctx, nil, "rg", "mydb")))
	must(t)(ignore(d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})))
	all, err := d.ServersByAge(ctx)
	must(t)(err)
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"another", "zdb", "mydb"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestApplications(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	a, secret, err := d.CreateApplication(ctx, "operator")
	must(t)(err)
	tenant, _ := d.Tenant()
	id, err := d.CheckSecret(ctx, a.ClientID, secret)
	must(t)(err)
	if diff := cmp.Diff(midas.Identity{TenantID: tenant, ClientID: a.ClientID, PrincipalID: a.ObjectID}, id); diff != "" {
		t.Error(diff)
	}
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	for name, try := range map[string][2]string{
		"wrong secret":                     {a.ClientID, secret[1:] + "x"},
		"empty secret":                     {a.ClientID, ""},
		"unknown client":                   {sid, secret},
		"object id for a client id":        {a.ObjectID, secret},
		"managed identity without secret":  {m.ClientID, ""},
		"managed identity, guessed secret": {m.ClientID, secret},
	} {
		if _, err := d.CheckSecret(ctx, try[0], try[1]); err == nil || midas.CodeOf(err) != midas.Unauthenticated {
			t.Errorf("%s: got %v", name, err)
		}
	}
	renewed, err := d.ResetSecret(ctx, a.ClientID)
	must(t)(err)
	if _, err = d.CheckSecret(ctx, a.ClientID, secret); err == nil {
		t.Error("the old secret still works")
	}
	must(t)(second(d.CheckSecret(ctx, a.ClientID, renewed)))
	_, err = d.ResetSecret(ctx, m.ClientID)
	wantCode(t, err, midas.NotFound)

	var stored []byte
	must(t)(d.reader.QueryRowContext(ctx, `SELECT digest FROM secret`).Scan(&stored))
	if len(stored) != 32 || string(stored) == renewed {
		t.Errorf("the secret itself is stored: %d bytes", len(stored))
	}
}

func TestObjects(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	want := midas.DirectoryObject{Kind: midas.KindService, ObjectID: m.PrincipalID, ClientID: m.ClientID, Name: "app"}
	for _, id := range []string{m.PrincipalID, m.ClientID} {
		got, err := d.ObjectByID(ctx, id)
		must(t)(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	got, err := d.ObjectByName(ctx, "App")
	must(t)(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	must(t)(ignore(d.PutIdentity(ctx, nil, "other", "app", "eastus", nil)))
	_, err = d.ObjectByName(ctx, "app")
	wantCode(t, err, midas.Conflict)
	_, err = d.ObjectByName(ctx, "")
	wantCode(t, err, midas.NotFound)
	_, err = d.ObjectByID(ctx, "")
	wantCode(t, err, midas.NotFound)
}

func TestOwners(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	a, _, err := d.CreateApplication(ctx, "operator")
	must(t)(err)
	for _, who := range []string{a.ObjectID, a.ClientID, "", "%"} {
		if owner, err := d.IsOwner(ctx, who); owner || err != nil {
			t.Errorf("%q is owner before anyone said so: %v", who, err)
		}
	}
	must(t)(d.AssignOwner(ctx, a.ObjectID))
	must(t)(d.AssignOwner(ctx, a.ObjectID))
	if owner, err := d.IsOwner(ctx, a.ObjectID); !owner || err != nil {
		t.Errorf("owner %v, %v", owner, err)
	}
	if owner, _ := d.IsOwner(ctx, a.ClientID); owner {
		t.Error("a role belongs to the object id, not to the client id")
	}
	wantCode(t, d.AssignOwner(ctx, ""), midas.Invalid)
	must(t)(d.Close())
	if owner, err := d.IsOwner(ctx, a.ObjectID); owner || err == nil {
		t.Error("a directory that cannot be read says yes")
	}
}
