package seed

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// example is the world of docs/seed.md.
const example = `location: eastus
users:
- name: ada@example.com
  display-name: Ada Lovelace
  password-env: ADA_PASSWORD
groups:
- name: DB Admins
  members:
  - user: ada@example.com
  - identity: myResourceGroup/deployer
resource-groups:
- name: myResourceGroup
  tags: {env: dev}
identities:
- name: myManagedIdentity
  resource-group: myResourceGroup
- name: deployer
  resource-group: myResourceGroup
  federated-credentials:
  - name: main
    issuer: https://token.actions.githubusercontent.com
    subject: repo:contoso/shop:ref:refs/heads/main
vms:
- name: myVM
  resource-group: myResourceGroup
  identities: ["[system]", myManagedIdentity]
servers:
- name: mydb
  resource-group: myResourceGroup
  administrator:
    login: db-admins
    principal: {group: DB Admins}
  parameters: {aad_auth_only: "ON"}
role-assignments:
- role: Reader
  principal: {vm: myResourceGroup/myVM}
  scope: {resource-group: myResourceGroup}
`

type place struct {
	Config
	t   *testing.T
	dir *directory.Directory
}

func newPlace(t *testing.T) *place {
	t.Helper()
	d, err := directory.Open(t.Context(), directory.Config{Path: filepath.Join(t.TempDir(), "directory.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	operator, _, err := d.CreateApplication(t.Context(), "operator")
	if err != nil {
		t.Fatal(err)
	}
	return &place{t: t, dir: d, Config: Config{
		Directory: d, Folder: t.TempDir(),
		DefaultAdmin: &midas.Administrator{Login: "operator", ObjectID: operator.ObjectID},
		Getenv:       func(name string) string { return map[string]string{"ADA_PASSWORD": "correct horse 42"}[name] },
	}}
}

func (p *place) apply(text string) ([]string, error) {
	p.t.Helper()
	w, err := Parse("w.yaml", []byte(text))
	if err != nil {
		p.t.Fatal(err)
	}
	p.Trial = func(ctx context.Context) (Trial, error) { return p.dir.Trial(ctx, p.t.TempDir()) }
	return w.Apply(p.t.Context(), p.Config)
}

// all is everything that a world can say, as it is in the directory, ids included.
func (p *place) all() string {
	p.t.Helper()
	ctx, d := p.t.Context(), p.dir
	groups, err1 := d.ListGroups(ctx)
	identities, err2 := d.ListIdentities(ctx, "")
	vms, err3 := d.ListVMs(ctx, "")
	servers, err4 := d.ListServers(ctx, "")
	people, err5 := d.Named(ctx, midas.KindUser, "ada@example.com")
	security, err6 := d.Named(ctx, midas.KindGroup, "DB Admins")
	text, err7 := json.Marshal([]any{groups, identities, vms, servers, people, security})
	for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return string(text)
}

func TestExample(t *testing.T) {
	p := newPlace(t)
	made, err := p.apply(example)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"user ada@example.com", "resource group myResourceGroup", "identity myManagedIdentity", "identity deployer", "vm myVM",
		"group DB Admins", "members of group DB Admins", "server mydb", "administrator of server mydb", "parameter aad_auth_only of server mydb",
		"federated credential main of identity deployer", "role Reader of vm myResourceGroup/myVM",
	}
	slices.Sort(made)
	slices.Sort(want)
	if !slices.Equal(made, want) {
		t.Errorf("made %q", made)
	}
	ada, err := p.dir.CheckPassword(t.Context(), "ada@example.com", "correct horse 42")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := p.dir.MemberGroups(t.Context(), ada.ObjectID)
	if err != nil {
		t.Fatal(err)
	}
	server, err := p.dir.Server(t.Context(), "mydb")
	if err != nil || len(groups) != 1 || server.Admin == nil || server.Admin.ObjectID != groups[0] || server.Admin.Login != "db-admins" || !server.AADOnly {
		t.Errorf("groups of ada %q, server %+v, %v", groups, server, err)
	}
	vm, err := p.dir.GetVM(t.Context(), "myResourceGroup", "myVM")
	if err != nil || vm.System == nil || len(vm.UserAssigned) != 1 {
		t.Fatalf("%+v, %v", vm, err)
	}
	scope := "/subscriptions/x"
	if _, sub := p.dir.Tenant(); sub != "" {
		scope = "/subscriptions/" + sub + "/resourceGroups/myResourceGroup"
	}
	for action, want := range map[string]bool{"Microsoft.Compute/virtualMachines/read": true, "Microsoft.Compute/virtualMachines/write": false} {
		if may, err := p.dir.Allowed(t.Context(), vm.System.PrincipalID, action, scope); err != nil || may != want {
			t.Errorf("%s: %v, %v", action, may, err)
		}
	}

	before := p.all()
	made, err = p.apply(example)
	if err != nil || len(made) != 0 {
		t.Errorf("a second time: made %q, %v", made, err)
	}
	if after := p.all(); after != before {
		t.Errorf("a second time:\n%s\n%s", before, after)
	}
}

// TestExampleIsTheDocuments keeps the world of the document one that works.
func TestExampleIsTheDocuments(t *testing.T) {
	text, err := os.ReadFile("../docs/seed.md")
	if err != nil || !strings.Contains(string(text), example) {
		t.Errorf("docs/seed.md does not hold the example, %v", err)
	}
}

func TestChanges(t *testing.T) {
	p := newPlace(t)
	text, _, _ := strings.Cut(example, "role-assignments:")
	if _, err := p.apply(text); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ from, to, want string }{
		{`["[system]", myManagedIdentity]`, `[myManagedIdentity, deployer]`, "vm myVM"},
		{`[myManagedIdentity, deployer]`, `[]`, "vm myVM"},
		{`identities: []`, `identities: ["[SYSTEM]", "MYRESOURCEGROUP/deployer"]`, "vm myVM"},
		{"  identities: [\"[SYSTEM]\", \"MYRESOURCEGROUP/deployer\"]\n", "", ""}, // says nothing about them
		{"  - user: ada@example.com\n", "", "members of group DB Admins"},
		{"env: dev", "env: prod", "resource group myResourceGroup"},
		{"  tags: {env: prod}\n", "", ""},
		{`"ON"`, `"off"`, "parameter aad_auth_only of server mydb"},
		{"db-admins", "admins", "administrator of server mydb"},
		{"Lovelace", "King", "user ada@example.com"},
		{"refs/heads/main", "refs/heads/next", "federated credential main of identity deployer"},
		{"users:\n- name: ada@example.com\n", "users:\n- name: ADA@example.com\n", ""},
		{"- name: mydb\n", "- name: mydb\n  version: '9.7'\n", "server mydb"},
		{"- name: deployer\n", "- name: deployer\n  tags: {a: b}\n", "identity deployer"},
		{"- name: myVM\n", "- name: myVM\n  tags: {a: b}\n", "vm myVM"},
	} {
		next := strings.Replace(text, test.from, test.to, 1)
		if next == text {
			t.Fatalf("%q is not in\n%s", test.from, text)
		}
		text = next
		made, err := p.apply(text)
		if err != nil || strings.Join(made, ", ") != test.want {
			t.Errorf("%s to %s: made %q, %v", test.from, test.to, made, err)
		}
	}
}

// TestWhatCannotBeMadeChangesNothing: also what comes before it in the file.
func TestWhatCannotBeMadeChangesNothing(t *testing.T) {
	p := newPlace(t)
	if _, err := p.apply(example); err != nil {
		t.Fatal(err)
	}
	before := p.all()
	const begin = "resource-groups:\n- name: new\n"
	for _, test := range []struct{ text, want string }{
		{"identities:\n- name: x\n  resource-group: nowhere\n", "w.yaml:5: identities[0].resource-group: Resource group 'nowhere' could not be found."},
		{"identities:\n- name: x!\n  resource-group: new\n", "w.yaml:4: identities[0].name: The resource name 'x!'"},
		{"vms:\n- name: v\n  resource-group: new\n  identities:\n  - nobody\n", "w.yaml:7: vms[0].identities[0]: The Resource"},
		{"vms:\n- name: myVM\n  resource-group: myResourceGroup\n  location: westus\n", "w.yaml:6: vms[0].location: myVM is in location eastus"},
		{"servers:\n- name: mydb\n  resource-group: new\n", "w.yaml:4: servers[0].name: Specified server name 'mydb' is already used."},
		{"servers:\n- name: other\n  resource-group: new\n  identities: ['[system]']\n", "w.yaml:6: servers[0].identities[0]: [system] is for VMs"},
		{"servers:\n- name: other\n  resource-group: new\n  location: far!\n", "w.yaml:6: servers[0].location: The provided location 'far!' is not available for resource type 'Microsoft.DBforMySQL/flexibleServers'."},
		{"servers:\n- name: other\n  resource-group: new\n  version: new!\n", "w.yaml:6: servers[0].version: The value 'new!'"},
		{"identities:\n- name: xyz\n  resource-group: new\n  tags: {'a/b': c}\n", "w.yaml:6: identities[0].tags: The name of the tag 'a/b'"},
		{"vms:\n- name: myVM\n  resource-group: myResourceGroup\n  tags: {'': c}\n", "w.yaml:6: vms[0].tags: The tag ''"},
		{"servers:\n- name: other\n  resource-group: new\n  parameters: {wait_timeout: '8'}\n", "w.yaml:6: servers[0].parameters.wait_timeout: The configuration 'wait_timeout' does not exist."},
		{"servers:\n- name: other\n  resource-group: new\n  administrator:\n    login: a\n    principal: {group: None}\n", `w.yaml:8: servers[0].administrator.principal.group: there is no group "None"`},
		{"groups:\n- name: g\n  members:\n  - application: nobody\n", `w.yaml:6: groups[0].members[0].application: there is no application "nobody"`},
		{"groups:\n- name: g\n  members:\n  - group: g\n", "w.yaml:5: groups[0].members: An object cannot be added to its own members."},
		{"groups:\n- name: g\n  members:\n  - vm: myVM\n", `w.yaml:6: groups[0].members[0].vm: "myVM" does not say in which resource group`},
		{"groups:\n- name: g\n- name: G\n", "w.yaml:5: groups[1].name: g is declared twice"},
		{"users:\n- name: eve@example.com\n  password-env: EVE\n", "w.yaml:5: users[0].password-env: the variable EVE is not set"},
		{"users:\n- name: eve@example.com\n  password-file: nowhere\n", "w.yaml:5: users[0].password-file: open "},
		{"applications:\n- name: ci\n  secret-file: nowhere/ci.json\n", "w.yaml:5: applications[0].secret-file: stat "},
		{"role-assignments:\n- role: Raeder\n  principal: {user: ada@example.com}\n", `w.yaml:4: role-assignments[0].role: there is no role "Raeder"`},
		{"role-assignments:\n- role: Reader\n  principal: {user: ada@example.com}\n  scope: {vm: new/none}\n", "w.yaml:6: role-assignments[0].scope.vm: The Resource"},
	} {
		made, err := p.apply(begin + test.text)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || len(made) > 0 {
			t.Errorf("%s: made %q, %v\nwant %s", test.text, made, err, test.want)
		}
		if after := p.all(); after != before {
			t.Fatalf("%s: changed\n%s\n%s", test.text, before, after)
		}
	}
}

func TestSecretsOfApplications(t *testing.T) {
	p := newPlace(t)
	const text = "applications:\n- name: ci\n  secret-file: ci.json\n"
	if made, err := p.apply(text); err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	path := filepath.Join(p.Folder, "ci.json")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	var credential struct{ AppID, Password, Tenant string }
	raw, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(raw, &credential) != nil {
		t.Fatal(string(raw), err)
	}
	if _, err := p.dir.CheckSecret(t.Context(), credential.AppID, credential.Password); err != nil {
		t.Error(err)
	}
	if made, err := p.apply(text); err != nil || len(made) != 0 {
		t.Errorf("a second time: %q, %v", made, err)
	}
	// A file of somebody else's is not overwritten.
	if err := os.WriteFile(filepath.Join(p.Folder, "other.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := p.apply("applications:\n- name: other\n  secret-file: other.json\n"); err == nil || len(made) > 0 {
		t.Errorf("made %q, %v", made, err)
	}
}
