package tokensource

import (
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/midas-mysql/midas"
)

// FromEnvironment returns the credential of the workload that this process is:
//
//   - IDENTITY_ENDPOINT with IDENTITY_HEADER (App Service and its like, `midas env`),
//     or MIDAS_VM (inside `midas vm run`): its managed identity
//   - AZURE_FEDERATED_TOKEN_FILE: its workload identity
//
// clientID chooses a user-assigned identity; empty means AZURE_CLIENT_ID, and without
// that the system-assigned one. On a real Azure VM nothing in the environment says so:
// use ManagedIdentity there. An environment that names no
// workload is an error of class midas.NotFound.
func FromEnvironment(clientID string) (azcore.TokenCredential, error) {
	if clientID == "" {
		clientID = os.Getenv("AZURE_CLIENT_ID")
	}
	switch {
	case os.Getenv("IDENTITY_ENDPOINT") != "" && os.Getenv("IDENTITY_HEADER") != "", os.Getenv("MIDAS_VM") != "":
		return ManagedIdentity(ManagedIdentityConfig{ClientID: clientID})
	case os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientID:                 clientID,
			DisableInstanceDiscovery: privateAuthority(os.Getenv("AZURE_AUTHORITY_HOST")),
		})
		if err != nil {
			return nil, midas.Errorf(midas.Invalid, "workload identity: %w", err)
		}
		return credential, nil
	}
	return nil, midas.Errorf(midas.NotFound, "the environment names no workload: neither IDENTITY_ENDPOINT with IDENTITY_HEADER, nor MIDAS_VM, nor AZURE_FEDERATED_TOKEN_FILE is set").
		WithHint("run the program with midas vm run or under midas env, or choose a credential: tokensource.ManagedIdentity on a virtual machine of Azure")
}

// privateAuthority reports whether an authority is none of Microsoft's, so that
// Microsoft need not be asked whether it knows it.
func privateAuthority(host string) bool {
	u, err := url.Parse(host)
	if host == "" || err != nil {
		return false
	}
	for _, public := range []string{"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn"} {
		if strings.EqualFold(u.Hostname(), public) {
			return false
		}
	}
	return true
}
