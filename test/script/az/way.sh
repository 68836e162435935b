# What each way of pointing az here has to lead to: the issuer, Resource Manager and Graph. $1 is
# the cloud that az is to believe in. The words of az themselves are commands.sh's.
. "$(dirname "$0")/expect.sh"
cloud=$1

is "$cloud" az account show --query environmentName --output tsv
SUB=$(az account show --query id --output tsv)
GROUP=/subscriptions/$SUB/resourceGroups/myResourceGroup
is eastus az group create --name myResourceGroup --location eastus --query location --output tsv
IDENTITY=$(az identity create --resource-group myResourceGroup --name myManagedIdentity --query '[clientId,id,principalId]' --output tsv | tr '\n' '\t')
read -r CLIENT_ID RESOURCE_ID OBJECT_ID <<< "$IDENTITY"
is Bearer az account get-access-token --resource-type oss-rdbms --query tokenType --output tsv

# For identity.sh: the machine has the identity, which may read the group.
is myVM az rest --method put --url "$GROUP/providers/Microsoft.Compute/virtualMachines/myVM?api-version=2020-06-01" \
	--body '{"location": "eastus", "identity": {"type": "UserAssigned", "userAssignedIdentities": {"'$RESOURCE_ID'": {}}}}' --query name --output tsv
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/python"
is "$GROUP" az role assignment create --assignee-object-id $OBJECT_ID --assignee-principal-type ServicePrincipal --role Reader --scope $GROUP --query scope --output tsv
is "$CLIENT_ID" az ad sp show --id $CLIENT_ID --query appId --output tsv
