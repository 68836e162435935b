package directory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

// scene makes changes and compares what the feed names with what it should.
type scene struct {
	*testing.T
	d      *Directory
	at     uint64
	labels []string       // of ids, each before its label
	called map[string]int // by method
}

func (s *scene) label(id, label string) { s.labels = append(s.labels, strings.ToLower(id), label) }

// step calls a method of the directory; want are the changes that it must name, and no other.
func (s *scene) step(method string, do func() error, want ...string) {
	s.Helper()
	s.called[method]++
	if err := do(); err != nil {
		s.Fatalf("%s: %v", method, err)
	}
	named, upTo := since(s.T, s.d, s.at)
	s.at = upTo
	for i := range named {
		named[i] = strings.NewReplacer(s.labels...).Replace(named[i])
	}
	slices.Sort(named)
	slices.Sort(want)
	if diff := cmp.Diff(want, named); diff != "" && len(want)+len(named) > 0 {
		s.Errorf("%s: %s", method, diff)
	}
}

// twice is step, and the same again, which changes nothing any more.
func (s *scene) twice(method string, do func() error, want ...string) {
	s.Helper()
	s.step(method, do, want...)
	s.step(method, do)
}

// TestFeedNamesWhatChanged makes every change that a directory can make, and each that
// can be made again once more.
func TestFeedNamesWhatChanged(t *testing.T) {
	d := fresh(t)
	s := &scene{T: t, d: d, at: head(t, d), called: map[string]int{}}
	s.label(d.groupID("rg")+"/providers/", "")
	s.label(d.groupID("rg"), "rg")
	s.label("/subscriptions/"+d.subscriptionID, "sub")
	s.resources()
	s.machines()
	s.servers()
	s.people()
	s.applications()
	s.rights()
	s.grants()
	s.ends()
	for _, method := range mutating(t) {
		if s.called[method] == 0 {
			t.Errorf("%s writes to the directory, and what the feed says of it is not tested", method)
		}
	}
}

const (
	machine  = "microsoft.compute/virtualmachines/"
	identity = "microsoft.managedidentity/userassignedidentities/"
	mysql    = "microsoft.dbformysql/flexibleservers/"
)

func (s *scene) resources() {
	ctx, tags := s.Context(), map[string]string{"a": "b"}
	s.twice("PutGroup", func() error { return ignore(s.d.PutGroup(ctx, nil, "rg", "eastus", tags)) }, "resource rg")
	s.twice("PatchGroup", func() error { _, err := s.d.PatchGroup(ctx, nil, "RG", map[string]string{}); return err }, "resource rg")
	set := func(map[string]string) map[string]string { return tags }
	s.twice("SetTags", func() error { _, err := s.d.SetTags(ctx, nil, "/subscriptions/"+s.d.subscriptionID, set); return err }, "other setting/tags")
	plain := "Microsoft.Network/virtualNetworks"
	s.twice("PutOpaque", func() error { return ignore(s.d.PutOpaque(ctx, nil, plain, "rg", "Net", Change{Location: "eastus"})) }, "resource microsoft.network/virtualnetworks/net")
	s.twice("DeleteOpaque", func() error { _, err := s.d.DeleteOpaque(ctx, nil, plain, "rg", "net"); return err }, "resource microsoft.network/virtualnetworks/net")
	var m ManagedIdentity
	put := func() (err error) {
		m, _, err = s.d.PutIdentity(ctx, nil, "rg", "One", "eastus", nil)
		s.label(m.PrincipalID, "one")
		s.label(m.ClientID, "one-client")
		return err
	}
	s.twice("PutIdentity", put, "principal one", "resource "+identity+"one")
	s.twice("PatchIdentity", func() error { _, err := s.d.PatchIdentity(ctx, nil, "rg", "one", tags); return err }, "resource "+identity+"one")
	outside := FederatedCredential{FederatedCredential: midas.FederatedCredential{Name: "fed", Issuer: "https://i.example", Subject: "s", Audiences: []string{"a"}}}
	s.twice("PutIdentityFederation", func() error { return ignore(s.d.PutIdentityFederation(ctx, nil, "rg", "one", outside)) }, "federated-credential one-client")
	s.twice("DeleteIdentityFederation", func() error { _, err := s.d.DeleteIdentityFederation(ctx, nil, "rg", "one", "fed"); return err }, "federated-credential one-client")
}

func (s *scene) machines() {
	ctx := s.Context()
	one := s.d.resourceID(identityKind, "rg", "one")
	s.twice("PutVM", func() error {
		return ignore(s.d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: users(one)}))
	}, "workload "+machine+"vm")
	s.twice("PatchVM", func() error {
		_, err := s.d.PatchVM(ctx, nil, "rg", "vm", Change{Body: []byte(`{"x":1}`)})
		return err
	}, "workload "+machine+"vm")
	id := s.d.resourceID(vmKind, "rg", "vm")
	give := func() error {
		v, err := s.d.UpdateVMIdentity(ctx, id, IdentityPatch{Type: "SystemAssigned,UserAssigned"})
		if err == nil {
			s.label(v.System.PrincipalID, "system")
		}
		return err
	}
	s.twice("UpdateVMIdentity", give, "principal system", "workload "+machine+"vm")
	take := func() error {
		_, err := s.d.UpdateVMIdentity(ctx, id, IdentityPatch{Type: "UserAssigned"})
		return err
	}
	s.twice("UpdateVMIdentity", take, "principal system", "workload "+machine+"vm")
	s.twice("PutWorkloadMatch", func() error {
		return ignore(s.d.PutWorkloadMatch(ctx, nil, "rg", "vm", "a", WorkloadMatchInput{UserID: "1000"}))
	}, "recognition "+machine+"vm")
	s.twice("DeleteWorkloadMatch", func() error { _, err := s.d.DeleteWorkloadMatch(ctx, nil, "rg", "vm", "a"); return err }, "recognition "+machine+"vm")
	s.step("PutWorkloadMatch", func() error {
		return ignore(s.d.PutWorkloadMatch(ctx, nil, "rg", "vm", "a", WorkloadMatchInput{UserID: "1001"}))
	}, "recognition "+machine+"vm")
	// Whatever hangs on the machine or the identity goes with it, by a foreign key or a
	// trigger, and is named.
	s.twice("DeleteIdentity", func() error { _, err := s.d.DeleteIdentity(ctx, nil, "rg", "one"); return err },
		"principal one", "resource "+identity+"one", "workload "+machine+"vm")
	s.twice("DeleteVM", func() error { _, err := s.d.DeleteVM(ctx, nil, "rg", "vm"); return err }, "workload "+machine+"vm", "recognition "+machine+"vm")
}

func (s *scene) servers() {
	ctx, id := s.Context(), "server "+mysql+"mydb"
	var made Server
	s.twice("PutServer", func() (err error) {
		made, _, err = s.d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})
		s.label(made.UniqueID, "unique")
		return err
	}, id)
	s.twice("PatchServer", func() error {
		_, err := s.d.PatchServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Tags: map[string]string{"x": "y"}}})
		return err
	}, id)
	s.twice("SetAdministrator", func() error { return ignore(s.d.SetAdministrator(ctx, nil, "rg", "mydb", admin("admin", sid))) }, id)
	s.twice("SetParameter", func() error { _, err := s.d.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", "ON"); return err }, id)
	s.twice("SetParameter", func() error { _, err := s.d.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", "OFF"); return err }, id)
	s.twice("SetBackendParameter", func() error { return s.d.SetBackendParameter(ctx, nil, made.UniqueID, "max_connections", "90") }, id)
	s.twice("SetBackendParameter", func() error { return s.d.SetBackendParameter(ctx, nil, made.UniqueID, "max_connections", "") }, id)
	s.twice("DeleteAdministrator", func() error { _, err := s.d.DeleteAdministrator(ctx, nil, "rg", "mydb"); return err }, id)
	s.step("Seal", func() error { return s.d.Seal(ctx, made.UniqueID) })
	s.twice("DeleteServer", func() error { _, err := s.d.DeleteServer(ctx, nil, "rg", "mydb"); return err }, id, "other departed_server/unique")
	s.twice("ForgetServer", func() error { return s.d.ForgetServer(ctx, made.UniqueID) }, "other departed_server/unique")
	var again Server
	s.step("PutServer", func() (err error) {
		again, _, err = s.d.PutServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Location: "eastus"}})
		s.label(again.UniqueID, "unique")
		return err
	}, id)
	s.twice("UndoServer", func() error { return s.d.UndoServer(ctx, again) }, id, "other departed_server/unique")
}

func (s *scene) people() {
	ctx := s.Context()
	var alice User
	s.step("CreateUser", func() error { alice = person(s.T, s.d, "alice"); s.label(alice.ObjectID, "alice"); return nil }, "principal alice")
	s.twice("UpdateUser", func() error {
		_, err := s.d.UpdateUser(ctx, nil, alice.ObjectID, UserChange{DisplayName: new("Alice")})
		return err
	}, "principal alice")
	s.step("UpdateUser", func() error {
		_, err := s.d.UpdateUser(ctx, nil, alice.ObjectID, UserChange{Enabled: new(false)})
		return err
	}, "principal alice")
	s.step("RevokeUserGrants", func() error { return s.d.RevokeUserGrants(ctx, alice.ObjectID) }, "principal alice")
	var inner, outer SecurityGroup
	s.step("CreateSecurityGroup", func() error { inner = team(s.T, s.d, "inner"); s.label(inner.ObjectID, "inner"); return nil }, "group inner")
	s.step("CreateSecurityGroup", func() error { outer = team(s.T, s.d, "outer"); s.label(outer.ObjectID, "outer"); return nil }, "group outer")
	s.twice("UpdateSecurityGroup", func() error {
		_, err := s.d.UpdateSecurityGroup(ctx, nil, inner.ObjectID, SecurityGroupChange{Description: new("x")})
		return err
	}, "group inner")
	s.step("AddMember", func() error { return s.d.AddMember(ctx, nil, inner.ObjectID, alice.ObjectID) }, "members inner", "principal alice")
	s.step("AddMember", func() error { return s.d.AddMember(ctx, nil, outer.ObjectID, inner.ObjectID) }, "members outer", "group inner")
	s.step("RemoveMember", func() error { return s.d.RemoveMember(ctx, nil, outer.ObjectID, inner.ObjectID) }, "members outer", "group inner")
	s.twice("SetMembers", func() error { _, err := s.d.SetMembers(ctx, inner.ObjectID, nil); return err }, "members inner", "principal alice")
	s.step("SetMembers", func() error { _, err := s.d.SetMembers(ctx, inner.ObjectID, []string{alice.ObjectID}); return err }, "members inner", "principal alice")
	s.step("AddMember", func() error { return s.d.AddMember(ctx, nil, outer.ObjectID, inner.ObjectID) }, "members outer", "group inner")
	s.step("AddOwner", func() error { return s.d.AddOwner(ctx, nil, inner.ObjectID, alice.ObjectID) }, "other ownership/inner")
	s.step("RemoveOwner", func() error { return s.d.RemoveOwner(ctx, nil, inner.ObjectID, alice.ObjectID) }, "other ownership/inner")
	s.twice("DeleteSecurityGroup", func() error { _, err := s.d.DeleteSecurityGroup(ctx, nil, inner.ObjectID); return err },
		"group inner", "members inner", "members outer", "principal alice")
	s.twice("DeleteUser", func() error { _, err := s.d.DeleteUser(ctx, nil, alice.ObjectID); return err }, "principal alice")
}

func (s *scene) applications() {
	ctx := s.Context()
	var a Application
	audiences := []string{"audience app", "audience api://app"}
	s.step("RegisterApplication", func() (err error) {
		a, err = s.d.RegisterApplication(ctx, nil, ApplicationChange{Name: new("app"), IdentifierURIs: &[]string{"api://One"}})
		s.label(a.ObjectID, "object")
		s.label(a.ClientID, "app")
		return err
	}, append(audiences, "application app", "audience api://one")...)
	second := ApplicationChange{Body: []byte(`{"api":{"requestedAccessTokenVersion":2}}`), IdentifierURIs: &[]string{"api://One"}}
	s.twice("UpdateApplication", func() error { _, err := s.d.UpdateApplication(ctx, nil, a.ObjectID, second); return err },
		append(audiences, "application app", "audience api://one")...)
	s.twice("UpdateApplication", func() error {
		_, err := s.d.UpdateApplication(ctx, nil, a.ObjectID, ApplicationChange{IdentifierURIs: &[]string{"api://two"}})
		return err
	}, "audience api://one", "audience api://two")
	var p ServicePrincipal
	s.step("CreateServicePrincipal", func() (err error) {
		p, err = s.d.CreateServicePrincipal(ctx, nil, a.ClientID, ServicePrincipalChange{})
		s.label(p.ObjectID, "principal")
		return err
	}, "principal principal")
	s.twice("UpdateServicePrincipal", func() error {
		_, err := s.d.UpdateServicePrincipal(ctx, nil, p.ObjectID, ServicePrincipalChange{Enabled: new(false)})
		return err
	}, "principal principal")
	s.credentials(a)
	s.twice("DeleteServicePrincipal", func() error { _, err := s.d.DeleteServicePrincipal(ctx, nil, p.ObjectID); return err }, "principal principal")
	s.twice("DeleteApplication", func() error { _, err := s.d.DeleteApplication(ctx, nil, a.ObjectID); return err },
		append(audiences, "application app", "audience api://two", "credential object", "federated-credential app")...)
}

func (s *scene) credentials(a Application) {
	ctx := s.Context()
	var one Secret
	s.step("AddSecret", func() (err error) {
		one, _, err = s.d.AddSecret(ctx, nil, a.ObjectID, "one", noon, noon.Add(time.Hour))
		return err
	}, "credential object")
	s.step("RemoveSecret", func() error { return s.d.RemoveSecret(ctx, nil, a.ObjectID, one.KeyID) }, "credential object")
	s.step("ResetSecret", func() error { _, err := s.d.ResetSecret(ctx, a.ClientID); return err }, "credential object")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(s.T)(err)
	list := []Certificate{{KeyID: "11111111-1111-1111-1111-111111111111", DER: certificate(s.T, key, noon, noon.Add(time.Hour))}}
	s.twice("SetCertificates", func() error { return s.d.SetCertificates(ctx, a.ObjectID, list) }, "credential object")
	outside := FederatedCredential{FederatedCredential: midas.FederatedCredential{Name: "fed", Issuer: "https://i.example", Subject: "s", Audiences: []string{"a"}}}
	s.step("CreateApplicationFederation", func() error { _, err := s.d.CreateApplicationFederation(ctx, nil, a.ObjectID, outside); return err }, "federated-credential app")
	s.twice("UpdateApplicationFederation", func() error {
		_, err := s.d.UpdateApplicationFederation(ctx, nil, a.ObjectID, "fed", func(c *FederatedCredential) error { c.Subject = "t"; return nil })
		return err
	}, "federated-credential app")
	s.twice("DeleteApplicationFederation", func() error { _, err := s.d.DeleteApplicationFederation(ctx, nil, a.ObjectID, "fed"); return err }, "federated-credential app")
	s.step("CreateApplicationFederation", func() error { _, err := s.d.CreateApplicationFederation(ctx, nil, a.ObjectID, outside); return err }, "federated-credential app")
}

func (s *scene) rights() {
	ctx := s.Context()
	var p ServicePrincipal
	s.step("CreateApplication", func() (err error) {
		p, _, err = s.d.CreateApplication(ctx, "robot")
		s.label(p.ObjectID, "robot")
		s.label(p.ClientID, "robot-app")
		if a, err := s.d.ApplicationByClientID(ctx, p.ClientID); err == nil {
			s.label(a.ObjectID, "robot-object")
		}
		return err
	}, "principal robot", "application robot-app", "audience robot-app", "audience api://robot-app", "credential robot-object")
	s.twice("AssignOwner", func() error { return s.d.AssignOwner(ctx, p.ObjectID) }, "role-assignment robot")
	a := RoleAssignment{
		Name: "22222222-2222-2222-2222-222222222222", PrincipalID: p.ObjectID, RoleID: s.d.Roles()[0].ID, Scope: s.d.groupID("rg"),
	}
	s.twice("PutRoleAssignment", func() error { return ignore(s.d.PutRoleAssignment(ctx, nil, a, "somebody")) }, "role-assignment robot")
	s.twice("DeleteRoleAssignment", func() error { return ignore(s.d.DeleteRoleAssignment(ctx, nil, a.Scope, a.Name)) }, "role-assignment robot")
	l := Lock{Name: "l", Level: "ReadOnly", Scope: s.d.groupID("rg")}
	s.twice("PutLock", func() error { return ignore(s.d.PutLock(ctx, nil, l)) }, "lock rg")
	s.twice("DeleteLock", func() error { _, err := s.d.DeleteLock(ctx, nil, l.Scope, l.Name); return err }, "lock rg")
}

// grants are read at each use, so that nobody has to be told of them.
func (s *scene) grants() {
	ctx := s.Context()
	u := person(s.T, s.d, "bob")
	s.at = head(s.T, s.d)
	g := Grant{Family: "f", ClientID: "c", UserID: u.ObjectID, Begun: noon, Ends: noon.Add(time.Hour)}
	s.step("KeepGrant", func() error { return s.d.KeepGrant(ctx, [32]byte{1}, g, u.Stamp, nil, noon) })
	s.step("TakeGrant", func() error { return ignore(s.d.TakeGrant(ctx, [32]byte{1}, "", noon)) })
	s.step("RevokeGrants", func() error { return s.d.RevokeGrants(ctx, "f") })
}

// ends removes a resource group with something of each kind in it.
func (s *scene) ends() {
	ctx := s.Context()
	m, _, err := s.d.PutIdentity(ctx, nil, "rg", "One", "eastus", nil)
	must(s.T)(err)
	s.label(m.PrincipalID, "last")
	v, _, err := s.d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: &IdentityPatch{Type: "SystemAssigned,UserAssigned", UserAssigned: map[string]bool{m.ID: true}}})
	must(s.T)(err)
	s.label(v.System.PrincipalID, "own")
	must(s.T)(ignore(s.d.PutWorkloadMatch(ctx, nil, "rg", "vm", "a", WorkloadMatchInput{UserID: "1"})))
	db := newServer(s.T, s.d, "rg", "mydb")
	s.label(db.UniqueID, "gone")
	must(s.T)(ignore(s.d.PutLock(ctx, nil, Lock{Name: "l", Level: "CanNotDelete", Scope: v.ID})))
	s.at = head(s.T, s.d)
	s.twice("DeleteGroup", func() error { _, err := s.d.DeleteGroup(ctx, nil, "rg"); return err },
		"resource rg", "resource "+identity+"one", "principal last", "principal own", "workload "+machine+"vm", "recognition "+machine+"vm",
		"server "+mysql+"mydb", "other departed_server/gone", "lock "+machine+"vm")
}

// mutating are the exported methods of Directory that may write: by the calls in the
// source, they come to write.
func mutating(t *testing.T) (methods []string) {
	calls := map[string]map[string]bool{}
	files, err := filepath.Glob("*.go")
	must(t)(err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t)(err)
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			calls[fn.Name.Name] = map[string]bool{}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if d, ok := s.X.(*ast.Ident); ok && d.Name == "d" {
						calls[fn.Name.Name][s.Sel.Name] = true
					}
				}
				return true
			})
		}
	}
	var reaches func(name string, seen map[string]bool) bool
	reaches = func(name string, seen map[string]bool) bool {
		if name == "write" || name == "commit" {
			return true
		}
		if seen[name] {
			return false
		}
		seen[name] = true
		for called := range calls[name] {
			if reaches(called, seen) {
				return true
			}
		}
		return false
	}
	for name := range calls {
		// The activity log is no part of what is remembered; see unfed.
		if ast.IsExported(name) && name != "Note" && name != "Close" && name != "Activities" && reaches(name, map[string]bool{}) {
			methods = append(methods, name)
		}
	}
	slices.Sort(methods)
	if len(methods) < 40 {
		t.Fatalf("only %d methods that write are found", len(methods))
	}
	return methods
}
