package directorytest

import (
	"maps"
	"strings"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

func (w *world) testTenant() {
	tenant, subscription := w.Tenant()
	if uuid.Validate(tenant) != nil || uuid.Validate(subscription) != nil || tenant == subscription {
		w.Errorf("tenant %q, subscription %q", tenant, subscription)
	}
	w.group("rg")
	w.must(w.Close())
	w.Store = w.another()
	if t, s := w.Tenant(); t != tenant || s != subscription {
		w.Errorf("opened again: %s, %s", t, s)
	}
	_, err := w.GetGroup(w.Context(), "rg")
	w.must(err)
}

func (w *world) testGroups() {
	ctx := w.Context()
	g, created, err := w.PutGroup(ctx, nil, "Shop", "East US", map[string]string{"a": "b"})
	w.must(err)
	if !created || g.Name != "Shop" || g.Location != "eastus" || !strings.EqualFold(g.ID, w.subscription()+"/resourceGroups/Shop") {
		w.Errorf("created %t: %+v", created, g)
	}
	if again, created, err := w.PutGroup(ctx, nil, "SHOP", "eastus", nil); err != nil || created || again.Name != "Shop" || len(again.Tags) != 0 {
		w.Errorf("put again: created %t, %+v, %v", created, again, err)
	}
	w.want(done(w.PutGroup(ctx, nil, "shop", "westus", nil)), midas.Conflict)
	w.want(done(w.PutGroup(ctx, nil, "a/b", "eastus", nil)), midas.Invalid)
	if g, err = w.PatchGroup(ctx, nil, "shop", map[string]string{"c": "d"}); err != nil || !maps.Equal(g.Tags, map[string]string{"c": "d"}) {
		w.Errorf("tags %v, %v", g.Tags, err)
	}
	w.group("Another")
	all, err := w.ListGroups(ctx)
	if got := names(all, func(g directory.Group) string { return g.Name }); err != nil || got != "Another Shop" {
		w.Errorf("groups %s, %v", got, err)
	}
	w.must(done(w.PutIdentity(ctx, nil, "shop", "web", "eastus", nil)))
	if existed, err := w.DeleteGroup(ctx, nil, "sHop"); err != nil || !existed {
		w.Errorf("deleted %t, %v", existed, err)
	}
	if existed, err := w.DeleteGroup(ctx, nil, "shop"); err != nil || existed {
		w.Errorf("deleted again: %t, %v", existed, err)
	}
	_, err = w.GetGroup(ctx, "shop")
	w.want(err, midas.NotFound)
	w.group("shop")
	_, err = w.GetIdentity(ctx, "shop", "web")
	w.want(err, midas.NotFound) // what was in it went with it
}

func (w *world) testIdentities() {
	ctx := w.Context()
	w.group("rg")
	first := w.identity("web")
	if uuid.Validate(first.ClientID) != nil || uuid.Validate(first.PrincipalID) != nil || first.ClientID == first.PrincipalID {
		w.Errorf("%+v", first.Identity)
	}
	if again := w.identity("WEB"); again.Identity != first.Identity {
		w.Errorf("put again: %+v", again.Identity)
	}
	if id, ok := w.CanonicalIdentityID(strings.ToUpper(first.ID)); !ok || !strings.EqualFold(id, first.ID) {
		w.Errorf("canonical id %q, %t", id, ok)
	}
	object, err := w.ObjectByID(ctx, strings.ToUpper(first.PrincipalID))
	if want := (midas.DirectoryObject{Kind: midas.KindService, ObjectID: first.PrincipalID, ClientID: first.ClientID, Name: "web"}); err != nil || object != want {
		w.Errorf("%+v, %v", object, err)
	}
	if active, err := w.Active(ctx, first.PrincipalID); err != nil || !active {
		w.Errorf("active %t, %v", active, err)
	}
	if existed, err := w.DeleteIdentity(ctx, nil, "rg", "web"); err != nil || !existed {
		w.Errorf("deleted %t, %v", existed, err)
	}
	if active, err := w.Active(ctx, first.PrincipalID); err != nil || active {
		w.Errorf("active after it was deleted: %t, %v", active, err)
	}
	if second := w.identity("web"); second.ClientID == first.ClientID || second.PrincipalID == first.PrincipalID {
		w.Errorf("made anew it has an id of the former: %+v", second.Identity)
	}
	w.want(done(w.PutIdentity(ctx, nil, "nowhere", "web", "eastus", nil)), midas.NotFound)
}

func (w *world) testMachines() {
	ctx := w.Context()
	w.group("rg")
	id := w.identity("web")
	vm, created, err := w.PutVM(ctx, nil, "rg", "vm", directory.Change{
		Location: "eastus", Identity: &directory.IdentityPatch{Type: "SystemAssigned, UserAssigned", UserAssigned: map[string]bool{id.ID: true}},
	})
	w.must(err)
	if !created || vm.System == nil || len(vm.UserAssigned) != 1 || vm.UserAssigned[0].PrincipalID != id.PrincipalID {
		w.Fatalf("created %t: %+v", created, vm)
	}
	byID, err := w.WorkloadByID(ctx, strings.ToUpper(vm.ID))
	w.must(err)
	byVMID, err := w.WorkloadByVMID(ctx, vm.VMID)
	w.must(err)
	if byID.VMID != vm.VMID || byVMID.ResourceID != byID.ResourceID || *byID.System != *vm.System {
		w.Errorf("%+v, %+v", byID, byVMID)
	}
	assigned, err := w.AssignedResources(ctx, "rg", "web")
	if err != nil || len(assigned) != 1 || !strings.EqualFold(assigned[0].ID, vm.ID) {
		w.Errorf("%+v, %v", assigned, err)
	}
	if vm, err = w.PatchVM(ctx, nil, "rg", "vm", directory.Change{Identity: &directory.IdentityPatch{Type: "UserAssigned", UserAssigned: map[string]bool{id.ID: true}}}); err != nil || vm.System != nil {
		w.Errorf("%+v, %v", vm.System, err)
	}
	if active, err := w.Active(ctx, byID.System.PrincipalID); err != nil || active {
		w.Errorf("the identity that was taken away is active: %t, %v", active, err)
	}
	w.must(second(w.DeleteIdentity(ctx, nil, "rg", "web")))
	if vm, err = w.GetVM(ctx, "rg", "vm"); err != nil || len(vm.UserAssigned) != 0 {
		w.Errorf("it has an identity that was deleted: %+v, %v", vm.UserAssigned, err)
	}
	w.must(second(w.DeleteVM(ctx, nil, "rg", "vm")))
	_, err = w.WorkloadByVMID(ctx, vm.VMID)
	w.want(err, midas.NotFound)
	anew, _, err := w.PutVM(ctx, nil, "rg", "vm", directory.Change{Location: "eastus"})
	if err != nil || anew.VMID == vm.VMID {
		w.Errorf("made anew it has the id of the former: %v", err)
	}
}

func (w *world) testWorkloadMatches() {
	ctx := w.Context()
	w.group("rg")
	for _, name := range []string{"a", "b"} {
		w.must(done(w.PutVM(ctx, nil, "rg", name, directory.Change{Location: "eastus"})))
	}
	put := func(vm, name string, in directory.WorkloadMatchInput) error {
		return done(w.PutWorkloadMatch(ctx, nil, "rg", vm, name, in))
	}
	w.must(put("a", "net", directory.WorkloadMatchInput{CIDR: "10.1.2.0/24"}))
	w.must(put("a", "user", directory.WorkloadMatchInput{UserID: "1000"}))
	w.want(put("b", "net", directory.WorkloadMatchInput{CIDR: "10.1.0.0/16"}), midas.Conflict) // around the other
	w.want(put("b", "net", directory.WorkloadMatchInput{CIDR: "10.1.2.3"}), midas.Conflict)    // within it
	w.want(put("b", "user", directory.WorkloadMatchInput{UserID: "1000"}), midas.Conflict)
	w.want(put("b", "both", directory.WorkloadMatchInput{UserID: "1001", Cgroup: "/app"}), midas.Invalid)
	w.want(put("b", "lo", directory.WorkloadMatchInput{CIDR: "127.0.0.1"}), midas.Invalid)
	w.want(put("none", "net", directory.WorkloadMatchInput{UserID: "1"}), midas.NotFound)
	all, err := w.WorkloadMatches(ctx)
	if got := names(all, func(m directory.WorkloadMatch) string { return m.Name }); err != nil || got != "net user" {
		w.Errorf("%s, %v", got, err)
	}
	w.must(second(w.DeleteVM(ctx, nil, "rg", "a")))
	if all, err := w.WorkloadMatches(ctx); err != nil || len(all) != 0 {
		w.Errorf("matches of a machine that was deleted: %+v, %v", all, err)
	}
	w.must(put("b", "net", directory.WorkloadMatchInput{CIDR: "10.1.0.0/16"}))
}

func (w *world) testServers() {
	ctx := w.Context()
	w.group("rg")
	w.group("other")
	id := w.identity("admin")
	s, created, err := w.PutServer(ctx, nil, "rg", "mydb", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	w.must(err)
	if !created || s.UniqueID == "" || s.FQDN != "mydb.mysql.database.azure.com" || s.Admin != nil {
		w.Errorf("created %t: %+v", created, s)
	}
	w.want(done(w.PutServer(ctx, nil, "other", "mydb", directory.ServerChange{Change: directory.Change{Location: "eastus"}})), midas.Conflict)
	admin := directory.Administrator{Administrator: midas.Administrator{Login: "boss", ObjectID: id.PrincipalID}}
	w.must(done(w.SetAdministrator(ctx, nil, "rg", "mydb", admin)))
	if _, err := w.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", "ON"); err != nil {
		w.Error(err)
	}
	known, err := w.Server(ctx, "MYDB")
	if err != nil || known.UniqueID != s.UniqueID || known.Admin == nil || known.Admin.Login != "boss" || !known.AADOnly {
		w.Errorf("%+v, %v", known, err)
	}
	if _, err := w.PatchServer(ctx, nil, "rg", "mydb", directory.ServerChange{Change: directory.Change{Tags: map[string]string{"a": "b"}}}); err != nil {
		w.Error(err)
	}
	if all, err := w.Servers(ctx); err != nil || len(all) != 1 || all[0].UniqueID != s.UniqueID || all[0].Admin == nil {
		w.Errorf("%+v, %v", all, err)
	}
	w.must(second(w.DeleteAdministrator(ctx, nil, "rg", "mydb")))
	w.must(second(w.DeleteServer(ctx, nil, "rg", "mydb")))
	_, err = w.Server(ctx, "mydb")
	w.want(err, midas.NotFound)
	anew, _, err := w.PutServer(ctx, nil, "other", "mydb", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	if err != nil || anew.UniqueID == s.UniqueID || anew.AADOnly {
		w.Errorf("made anew: %+v, %v", anew, err)
	}
	w.must(w.UndoServer(ctx, s)) // which is not there any more
	if known, err := w.Server(ctx, "mydb"); err != nil || known.UniqueID != anew.UniqueID {
		w.Errorf("after another of its name was undone: %+v, %v", known, err)
	}
}

func (w *world) testOpaqueResources() {
	ctx := w.Context()
	const kind = "Microsoft.Network/virtualNetworks"
	g := w.group("rg")
	w.must(done(w.PutOpaque(ctx, nil, kind, "rg", "Net", directory.Change{Body: []byte(`{"properties":{"a":1}}`)})))
	r, err := w.GetOpaque(ctx, kind, "RG", "net")
	if err != nil || r.Name != "Net" || r.Location != "eastus" || !strings.Contains(string(r.Body), `"a"`) {
		w.Errorf("%+v, %v", r, err)
	}
	if all, err := w.ListOpaque(ctx, "Microsoft.Network/publicIPAddresses", ""); err != nil || len(all) != 0 {
		w.Errorf("of another type: %+v, %v", all, err)
	}
	_, err = w.SetTags(ctx, nil, g.ID, func(map[string]string) map[string]string { return map[string]string{"x": "y"} })
	w.must(err)
	if tags, err := w.Tags(ctx, g.ID); err != nil || !maps.Equal(tags, map[string]string{"x": "y"}) {
		w.Errorf("%v, %v", tags, err)
	}
	w.must(second(w.DeleteOpaque(ctx, nil, kind, "rg", "net")))
	_, err = w.GetOpaque(ctx, kind, "rg", "net")
	w.want(err, midas.NotFound)
}

func (w *world) testPages() {
	ctx := w.Context()
	w.group("rg")
	for _, name := range []string{"ccc", "Aaa", "bbb"} {
		w.identity(name)
	}
	after, got := "", ""
	for range 4 {
		page, err := w.PageIdentities(ctx, "rg", directory.Span{After: after, Limit: 2})
		w.must(err)
		if len(page) == 0 {
			break
		}
		got += names(page, func(m directory.ManagedIdentity) string { return m.Name }) + "|"
		last := page[len(page)-1]
		after = last.Name + "/" + last.Group
	}
	if got != "Aaa bbb|ccc|" {
		w.Errorf("pages %s", got)
	}
}

func (w *world) testFederation() {
	ctx := w.Context()
	w.group("rg")
	id := w.identity("web")
	in := directory.FederatedCredential{FederatedCredential: midas.FederatedCredential{
		Name: "first", Issuer: "https://issuer.example", Subject: "repo", Audiences: []string{"api://AzureADTokenExchange"},
	}}
	w.must(done(w.PutIdentityFederation(ctx, nil, "rg", "web", in)))
	of, all, err := w.FederatedCredentials(ctx, id.ClientID)
	if err != nil || of.PrincipalID != id.PrincipalID || len(all) != 1 || all[0].Subject != "repo" {
		w.Errorf("%+v, %+v, %v", of, all, err)
	}
	again := in
	again.Name = "second"
	w.want(done(w.PutIdentityFederation(ctx, nil, "rg", "web", again)), midas.Conflict) // the same tokens under another name
	w.must(second(w.DeleteIdentityFederation(ctx, nil, "rg", "web", "FIRST")))
	if _, all, err := w.FederatedCredentials(ctx, id.ClientID); err != nil || len(all) != 0 {
		w.Errorf("%+v, %v", all, err)
	}
}

// second drops whether something existed.
func second[A any](_ A, err error) error { return err }
