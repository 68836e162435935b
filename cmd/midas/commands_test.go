package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/golden"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

// identityPlane starts the real directory, issuer and ARM API on one TLS address and
// returns a state directory in which they are the running midas.
func identityPlane(t *testing.T) string {
	t.Helper()
	state := t.TempDir()
	fatal := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	server := httptest.NewUnstartedServer(nil)
	baseURL := func() string { return server.URL }
	d, err := directory.Open(t.Context(), directory.Config{Path: filepath.Join(state, "directory.db")})
	fatal(err)
	t.Cleanup(func() { _ = d.Close() })
	tenant, subscription := d.Tenant()
	minter, err := issuer.New(issuer.Config{
		Dir: filepath.Join(state, "issuer"), TenantID: tenant, BaseURL: baseURL,
		Applications: d, People: d, Principals: d, Members: d, Grants: d, Resources: d,
	})
	fatal(err)

	var api, people http.Handler
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case slices.Contains([]string{"subscriptions", "providers"}, strings.Split(r.URL.Path, "/")[1]):
			api.ServeHTTP(w, r)
		case graph.Serves(r.URL.Path):
			people.ServeHTTP(w, r)
		default:
			minter.ServeHTTP(w, r)
		}
	})
	server.StartTLS()
	t.Cleanup(server.Close)
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: minter.IssuerURLs(), TenantID: tenant, Keys: minter.Keys()}},
		Audiences: []string{armclient.Audience, armclient.GraphAudience},
	})
	fatal(err)
	people, err = graph.New(graph.Config{Directory: d, Verifier: verifier, BaseURL: baseURL})
	fatal(err)
	app, secret, err := d.CreateApplication(t.Context(), "operator")
	fatal(err)
	fatal(d.AssignOwner(t.Context(), app.ObjectID))
	api, err = arm.New(arm.Config{
		Directory: d, Verifier: verifier, BaseURL: baseURL,
		DefaultAdmin: &midas.Administrator{Login: "operator", ObjectID: app.ObjectID, TenantID: tenant},
	})
	fatal(err)

	ca := statedir.CAPath(state)
	fatal(os.MkdirAll(filepath.Dir(ca), 0o700))
	fatal(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	fatal(statedir.WriteOperator(state, statedir.Operator{ClientID: app.ClientID, ClientSecret: secret, TenantID: tenant, SubscriptionID: subscription}))
	fatal(statedir.WriteRunning(state, statedir.Running{Control: server.URL, CA: ca, PID: os.Getpid()}))
	return state
}

var guid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// session runs commands one after the other and writes down what a person would see,
// with each GUID replaced by its number of appearance.
type session struct {
	*testing.T
	state string
	log   strings.Builder
	guids map[string]string
}

func (s *session) run(args ...string) string {
	s.Helper()
	code, stdout, stderr := ran(s.T, s.state, args...)
	s.log.WriteString(s.stable(fmt.Sprintf("$ midas %s\n%s%s", strings.Join(args, " "), stdout, stderr)))
	if code != 0 {
		fmt.Fprintf(&s.log, "[exit code %d]\n", code)
	}
	s.log.WriteString("\n")
	return strings.TrimSuffix(stdout, "\n")
}

func (s *session) stable(text string) string {
	return guid.ReplaceAllStringFunc(text, func(id string) string {
		if s.guids[id] == "" {
			s.guids[id] = fmt.Sprintf("GUID-%d", len(s.guids)+1)
		}
		return s.guids[id]
	})
}

// TestCommands is what an operator does with the resources, against the real API. The
// first part is that of the page "Connect with Managed Identity to Azure Database for
// MySQL", word for word.
func TestCommands(t *testing.T) {
	s := &session{T: t, state: identityPlane(t), guids: map[string]string{}}
	do := func(line string) string { return s.run(strings.Fields(line)...) }
	do("group create --name myResourceGroup --location westeurope")
	do("vm create --resource-group myResourceGroup --name myVM --image Ubuntu2204 --generate-ssh-keys")
	do("mysql flexible-server create --resource-group myResourceGroup --name mydb --public-access None --yes")

	do("identity create --resource-group myResourceGroup --name myManagedIdentity")
	resourceID := do("identity show --resource-group myResourceGroup --name myManagedIdentity --query id --output tsv")
	clientID := do("identity show --resource-group myResourceGroup --name myManagedIdentity --query clientId --output tsv")
	if guid.FindString(clientID) != clientID || !strings.HasSuffix(resourceID, "/myManagedIdentity") {
		t.Fatalf("RESOURCE_ID=%q CLIENT_ID=%q", resourceID, clientID)
	}
	do("vm identity assign --resource-group myResourceGroup --name myVM --identities " + resourceID)

	do("group show -n MYRESOURCEGROUP")
	do("group list -o table")
	do("group list --tag team=a&b -o json")
	do("group exists -n myResourceGroup")
	do("group exists -n other")
	do("group show -n other")
	do("identity create -g other -n i")
	do("identity create -g myResourceGroup -n second -l eastus --tags team=a b")
	do("identity update --ids " + resourceID + " --tags changed=yes")
	do("identity list --query [].{Name:name,Tags:tags.team} -o tsv")
	do("vm identity assign -g myResourceGroup -n myVM --identities second [system]")
	do("vm identity remove -g myResourceGroup -n myVM --identities " + resourceID)
	do("vm identity show -g myResourceGroup -n myVM")
	do("vm identity remove -g myResourceGroup -n myVM --identities second [system]")
	do("vm identity show -g myResourceGroup -n myVM")
	do("vm identity remove -g myResourceGroup -n myVM --identities second")
	do("vm create -g myResourceGroup -n other --assign-identity")
	do("vm show -g myResourceGroup -n myVM")
	do("vm list -g myResourceGroup --query [].[name,identity.type] -o tsv")
	do("vm show -g myResourceGroup -n nowhere")

	do("mysql flexible-server show -g myResourceGroup -n mydb")
	do("mysql flexible-server list -o table")
	do("mysql flexible-server ad-admin show -g myResourceGroup -s mydb")
	do("mysql flexible-server parameter set -g myResourceGroup -s mydb -n aad_auth_only -v ON --query value")
	do("mysql flexible-server ad-admin create -g myResourceGroup -s mydb -u aad_admin -i " + clientID + " --identity second")
	do("mysql flexible-server ad-admin list -g myResourceGroup -s mydb --query [].login -o tsv")
	do("mysql flexible-server ad-admin delete -g myResourceGroup -s mydb --yes")
	do("mysql flexible-server parameter show -g myResourceGroup -s mydb --name aad_auth_only")
	do("mysql flexible-server parameter list -g myResourceGroup -s mydb --query [?name=='aad_auth_only'].[name,value] -o tsv")
	do("mysql flexible-server parameter show -g myResourceGroup -s mydb --name nonsense")
	do("mysql flexible-server delete -g myResourceGroup -n mydb -y")

	do("identity delete -g myResourceGroup -n second")
	do("identity delete -g myResourceGroup -n second")
	do("vm delete -g myResourceGroup -n myVM --yes")
	do("group delete -n myResourceGroup --yes")
	do("identity list")
	golden.Assert(t, s.log.String(), "commands.golden")
}

func TestCA(t *testing.T) {
	state := identityPlane(t)
	code, path, stderr := ran(t, state, "ca", "--path")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	want, err := os.ReadFile(strings.TrimSuffix(path, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, got, _ := ran(t, state, "ca"); got != string(want) {
		t.Errorf("midas ca prints another certificate than the file of --path holds")
	}
	if code, _, stderr := ran(t, t.TempDir(), "ca"); code != exitNotFound || !strings.Contains(stderr, "hint: midas up makes one") {
		t.Errorf("without one: exit code %d, stderr %q", code, stderr)
	}
}
