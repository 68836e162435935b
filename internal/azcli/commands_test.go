package azcli

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"gotest.tools/v3/golden"

	"github.com/midas-mysql/midas/internal/armtest"
)

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
	s := &session{T: t, state: armtest.Plane(t), guids: map[string]string{}}
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
