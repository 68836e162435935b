# What the operator does with az; $1 is the cloud that az is to believe in.
. "$(dirname "$0")/expect.sh"
cloud=$1

is "$cloud" az account show --query environmentName --output tsv
SUB=$(az account show --query id --output tsv)
GROUP=/subscriptions/$SUB/resourceGroups/myResourceGroup
is eastus az group create --name myResourceGroup --location eastus --query location --output tsv
is Succeeded az group show --name myResourceGroup --query properties.provisioningState --output tsv
is myResourceGroup az group list --query "[?name=='myResourceGroup'].name" --output tsv
is true az group exists --name myResourceGroup
is false az group exists --name other
refused 3 '(ResourceGroupNotFound)' az group show --name other
is '*eastus*' az account list-locations --query '[].name' --output tsv

is myManagedIdentity az identity create --resource-group myResourceGroup --name myManagedIdentity --tags kind=test --query name --output tsv
CLIENT_ID=$(az identity show --resource-group myResourceGroup --name myManagedIdentity --query clientId --output tsv)
[[ $CLIENT_ID == $guid ]]
RESOURCE_ID=$(az identity show --resource-group myResourceGroup --name myManagedIdentity --query id --output tsv)
is test az identity show --ids $RESOURCE_ID --query tags.kind --output tsv
is "$RESOURCE_ID" az identity list --query '[].id' --output tsv
is 1 az identity list --resource-group myResourceGroup --query 'length(@)' --output tsv
refused 3 '(ResourceNotFound)' az identity show --resource-group myResourceGroup --name other
is other az identity create --resource-group myResourceGroup --name other --location westeurope --query name --output tsv
is '' az identity delete --resource-group myResourceGroup --name other
is '' az identity delete --resource-group myResourceGroup --name other

is Bearer az account get-access-token --resource-type oss-rdbms --query tokenType --output tsv
is Bearer az account get-access-token --resource https://ossrdbms-aad.database.windows.net --query tokenType --output tsv

is mydb az rest --method put --url "$GROUP/providers/Microsoft.DBforMySQL/flexibleServers/mydb?api-version=2021-12-01-preview" \
	--body '{"location": "eastus", "properties": {"version": "8.0.21"}}' --query name --output tsv
is mydb.mysql.database.azure.com az mysql flexible-server show --resource-group myResourceGroup --name mydb --query fullyQualifiedDomainName --output tsv
# What az reads of a server, and fails without.
is '*mydb*' az mysql flexible-server list --resource-group myResourceGroup --output table
is blue az mysql flexible-server update --resource-group myResourceGroup --name mydb --tags team=blue --only-show-errors --query tags.team --output tsv
is 7 az mysql flexible-server update --resource-group myResourceGroup --name mydb --only-show-errors --query backup.backupRetentionDays --output tsv
refused 1 'private access' az mysql flexible-server firewall-rule list --resource-group myResourceGroup --name mydb
ADMIN=$(az identity show --ids $RESOURCE_ID --query principalId --output tsv)
mysql='az mysql flexible-server'
scope='--resource-group myResourceGroup --server-name mydb'
is "UserAssigned" $mysql identity assign $scope --identity $RESOURCE_ID --query type --output tsv
is "$ADMIN" $mysql ad-admin create $scope --display-name boss --object-id $ADMIN --identity $RESOURCE_ID --query sid --output tsv
is boss $mysql ad-admin show $scope --query login --output tsv
is ActiveDirectory $mysql ad-admin list $scope --query '[].administratorType' --output tsv
is '' $mysql ad-admin delete $scope --yes --only-show-errors
is '' $mysql ad-admin list $scope --query '[].login' --output tsv

az_role() { PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/python" az role "$@"; }
is Reader az_role definition list --name Reader --query '[].roleName' --output tsv
assignee="--assignee-object-id $ADMIN --assignee-principal-type ServicePrincipal"
is "$GROUP" az_role assignment create $assignee --role Reader --scope $GROUP --query scope --output tsv
is "$GROUP" az_role assignment list --scope $GROUP --query "[?principalId=='$ADMIN'].scope" --output tsv
is Reader az_role assignment list --assignee $ADMIN --all --query '[].roleDefinitionName' --output tsv
is '' az_role assignment delete --assignee $ADMIN --role Reader --scope $GROUP --only-show-errors
is '' az_role assignment list --scope $GROUP --query "[?principalId=='$ADMIN'].scope" --output tsv

federated='--resource-group myResourceGroup --identity-name myManagedIdentity'
is fic az identity federated-credential create $federated --name fic --issuer https://issuer.example/ --subject system:serviceaccount:ns:sa \
	--audiences api://AzureADTokenExchange --query name --output tsv
is system:serviceaccount:ns:sa az identity federated-credential show $federated --name fic --query subject --output tsv
is fic az identity federated-credential list $federated --query '[].name' --output tsv
is https://other.example/ az identity federated-credential update $federated --name fic --issuer https://other.example/ --subject a --audiences b --query issuer --output tsv
is '' az identity federated-credential delete $federated --name fic --yes
is '' az identity federated-credential list $federated --query '[].name' --output tsv

# Debian's package of az finds no virtual machines in its newest profile.
machine=$GROUP/providers/Microsoft.Compute/virtualMachines/myVM
is myVM az rest --method put --url "$machine?api-version=2020-06-01" --body '{"location": "eastus"}' --query name --output tsv
az cloud set --name "$cloud" --profile 2020-09-01-hybrid --only-show-errors
vm='--resource-group myResourceGroup --name myVM'
is "$CLIENT_ID" az vm identity assign $vm --identities $RESOURCE_ID --query 'userAssignedIdentities.*.clientId' --output tsv
is "$CLIENT_ID" az vm identity show $vm --query 'userAssignedIdentities.*.clientId' --output tsv
is "$guid" az vm identity assign $vm --query systemAssignedIdentity --output tsv
is 'SystemAssigned, UserAssigned' az vm show $vm --query identity.type --output tsv
is SystemAssigned az vm identity remove $vm --identities $RESOURCE_ID --query type --output tsv
is '' az vm identity remove $vm --identities '[system]'
is '' az vm identity show $vm
is "$CLIENT_ID" az vm identity assign $vm --identities $RESOURCE_ID --query 'userAssignedIdentities.*.clientId' --output tsv
is myVM az vm list --query '[].name' --output tsv
az cloud set --name "$cloud" --profile latest --only-show-errors
