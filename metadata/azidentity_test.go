package metadata_test

import (
	"crypto/sha1"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/midas-mysql/midas"
)

// sources are the variables by which Azure's SDKs choose a dialect.
var sources = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
	"AZURE_CLIENT_ID", "DEFAULT_IDENTITY_CLIENT_ID",
}

func set(t *testing.T, variables map[string]string) {
	for _, name := range sources {
		t.Setenv(name, "") // restored afterwards
		os.Unsetenv(name)
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// azidentityToken gets a token as programs do; nil is the system-assigned identity.
func (w *world) azidentityToken(id azidentity.ManagedIDKind) (midas.Principal, error) {
	cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: id, ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	w.must(err)
	t, err := cred.GetToken(w.Context(), policy.TokenRequestOptions{Scopes: []string{midas.Resource + "/.default"}})
	if err != nil {
		return midas.Principal{}, err
	}
	if left := t.ExpiresOn.Sub(w.now); left < 23*3600e9 || left > 25*3600e9 {
		w.Errorf("the SDK takes the token to live %s", left)
	}
	return w.verifier.Verify(w.Context(), t.Token)
}

// Go's azidentity, unmodified, in every dialect that it speaks.
func TestAzidentity(t *testing.T) {
	w := newWorld(t)
	user, system := w.identity("user-assigned"), w.system()
	plain := httptest.NewServer(w.endpoint)
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(w.endpoint.Fabric())
	t.Cleanup(secure.Close)
	secret := secretOf(w.vm.VMID)
	as := plain.URL + "/as/" + secret
	ids := map[string]azidentity.ManagedIDKind{
		"client id": azidentity.ClientID(user.ClientID), "object id": azidentity.ObjectID(user.PrincipalID), "resource id": azidentity.ResourceID(user.ResourceID),
	}
	for name, c := range map[string]struct {
		variables map[string]string
		kinds     []string // of user-assigned identity that the SDK can name there
	}{
		"App Service":  {map[string]string{"IDENTITY_ENDPOINT": plain.URL + "/msi/token", "IDENTITY_HEADER": secret}, []string{"client id", "object id", "resource id"}},
		"Azure ML":     {map[string]string{"MSI_ENDPOINT": plain.URL + "/msi/token", "MSI_SECRET": secret}, []string{"client id"}},
		"Cloud Shell":  {map[string]string{"MSI_ENDPOINT": as + "/cloudshell/oauth2/token"}, nil},
		"many slashes": {map[string]string{"MSI_ENDPOINT": plain.URL + "//as/" + secret + "//cloudshell/oauth2/token/"}, nil},
		"Service Fabric": {map[string]string{
			"IDENTITY_ENDPOINT": secure.URL + "/servicefabric/token", "IDENTITY_HEADER": secret,
			"IDENTITY_SERVER_THUMBPRINT": fmt.Sprintf("%X", sha1.Sum(secure.Certificate().Raw)),
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, c.variables)
			p, err := w.azidentityToken(nil)
			if err != nil || p.ClientID != system.ClientID {
				t.Errorf("system-assigned: token of %s, %v", p.ClientID, err)
			}
			for _, kind := range c.kinds {
				if p, err = w.azidentityToken(ids[kind]); err != nil || p.ClientID != user.ClientID {
					t.Errorf("by %s: token of %s, %v", kind, p.ClientID, err)
				}
			}
		})
	}
	t.Run("the reason of a refusal is shown", func(t *testing.T) {
		set(t, map[string]string{"IDENTITY_ENDPOINT": plain.URL + "/msi/token", "IDENTITY_HEADER": w.vm.VMID + ".wrong"})
		if _, err := w.azidentityToken(nil); err == nil || !strings.Contains(err.Error(), "the X-IDENTITY-HEADER is of no machine here") {
			t.Errorf("%v", err)
		}
	})
	t.Run("another certificate", func(t *testing.T) {
		set(t, map[string]string{
			"IDENTITY_ENDPOINT": secure.URL + "/servicefabric/token", "IDENTITY_HEADER": secret,
			"IDENTITY_SERVER_THUMBPRINT": strings.Repeat("0", 40),
		})
		if p, err := w.azidentityToken(nil); err == nil {
			t.Errorf("a token of %s from a server with another certificate", p.ClientID)
		}
	})
}

// defaultToken is azidentityToken with DefaultAzureCredential.
func (w *world) defaultToken() (midas.Principal, error) {
	cred, err := azidentity.NewDefaultAzureCredential(nil)
	w.must(err)
	t, err := cred.GetToken(w.Context(), policy.TokenRequestOptions{Scopes: []string{midas.Resource + "/.default"}})
	if err != nil {
		return midas.Principal{}, err
	}
	return w.verifier.Verify(w.Context(), t.Token)
}
