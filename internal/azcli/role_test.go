package azcli

import (
	"regexp"
	"strings"
	"testing"

	"gotest.tools/v3/golden"

	"github.com/midas-mysql/midas/internal/armtest"
)

var times = regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`)

// TestAccessCommands is what an operator does about who may do what, against the real
// API.
func TestAccessCommands(t *testing.T) {
	s := &session{T: t, state: armtest.Plane(t), guids: map[string]string{}}
	do := func(line string) string { return s.run(strings.Fields(line)...) }
	do("group create --name myResourceGroup --location westeurope -o none")
	do("vm create --resource-group myResourceGroup --name myVM -o none")
	do("identity create --resource-group myResourceGroup --name app -o none")
	clientID := do("identity show --resource-group myResourceGroup --name app --query clientId -o tsv")
	objectID := do("identity show --resource-group myResourceGroup --name app --query principalId -o tsv")

	s.run("role", "definition", "list", "--query", "[].roleName", "-o", "tsv")
	s.run("role", "definition", "list", "--name", "Managed Identity Operator")
	do("role definition list --custom-role-only")
	do("role assignment create --assignee " + clientID + " --role Reader --resource-group myResourceGroup")
	do("role assignment create --assignee-object-id " + objectID + " --assignee-principal-type ServicePrincipal --role reader -g myResourceGroup --query principalId")
	id := do("role assignment create --assignee-object-id " + objectID + " --role b24988ac-6180-42a0-ab88-20f7382dd24c --query id -o tsv")
	do("role assignment create --assignee " + clientID + " --role Emperor")
	do("role assignment create --assignee nobody@example.com --role Reader")
	do("role assignment create --assignee-object-id aaaaaaaa-0000-4000-8000-00000000000a --role Reader")
	do("role assignment create --assignee x --assignee-object-id y --role Reader")
	do("role assignment list --assignee " + clientID + " --all --query sort_by([].{Name:principalName,Role:roleDefinitionName},&Role)")
	do("role assignment list -g myResourceGroup --query [].roleDefinitionName -o tsv")
	do("role assignment list -g myResourceGroup --include-inherited --query sort([].roleDefinitionName) -o tsv")
	do("role assignment delete --ids " + id)
	do("role assignment delete --assignee " + clientID + " --role Reader -g myResourceGroup")
	do("role assignment delete --assignee " + clientID)
	do("role assignment list --scope /subscriptions/../x")

	do("lock create --name keep --lock-type CanNotDelete -g myResourceGroup --notes why")
	do("lock create --name vm --lock-type ReadOnly -g myResourceGroup --resource myVM --resource-type Microsoft.Compute/virtualMachines --query id")
	do("lock list -g myResourceGroup -o table")
	do("lock show --name keep -g myResourceGroup --query level -o tsv")
	do("vm delete -g myResourceGroup -n myVM --yes")
	do("lock delete --name vm -g myResourceGroup --resource-name myVM --resource-type Microsoft.Compute/virtualMachines")
	do("lock delete --name keep -g myResourceGroup")
	do("lock show --name keep -g myResourceGroup")

	do("resource list --resource-type Microsoft.Compute/virtualMachines --query [].[name,type,resourceGroup] -o tsv")
	do("resource list -o table")
	do("monitor activity-log list -g myResourceGroup --status Failed --query [].[operationName.value,status.value,subStatus.value] -o tsv")
	do("monitor activity-log list --namespace Microsoft.Authorization --max-events 2 --query [].operationName.value")
	do("monitor activity-log list --start-time yesterday")
	do("vm delete -g myResourceGroup -n myVM --yes")
	golden.Assert(t, times.ReplaceAllString(s.log.String(), "TIME"), "access.golden")
}
