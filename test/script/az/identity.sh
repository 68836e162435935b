# What a program on the machine myVM does with az, signed in by the machine's identity; $1
# is the cloud that az is to believe in, $2 what it says of an identity that is not there.
# The machine may read the group.
. "$(dirname "$0")/expect.sh"
cloud=$1

is "$cloud" az account show --query environmentName --output tsv
CLIENT_ID=$(az identity show --resource-group myResourceGroup --name myManagedIdentity --query clientId --output tsv)
[[ $CLIENT_ID == $guid ]]
is myResourceGroup az group list --query '[].name' --output tsv
refused 1 AuthorizationFailed az identity create --resource-group myResourceGroup --name other

appid() { az account get-access-token "$@" --query accessToken --output tsv | cut -d. -f2 | tr _- /+ | { base64 -d 2>/dev/null || true; } | jq -r .appid; }
is "$CLIENT_ID" appid --resource-type oss-rdbms
is '' az login --identity --username $CLIENT_ID --output none
is "MSIClient-$CLIENT_ID" az account show --query user.assignedIdentityInfo --output tsv
refused 1 "$2" az login --identity --username 99999999-9999-9999-9999-999999999999
