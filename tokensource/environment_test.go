package tokensource

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/midas-mysql/midas"
)

var variables = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "MSI_ENDPOINT", "MSI_SECRET", "IMDS_ENDPOINT",
	"MIDAS_VM", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
}

func setEnvironment(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range variables {
		t.Setenv(name, env[name])
	}
}

func TestFromEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "assertion")
	if err := os.WriteFile(file, []byte("eyJ"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"App Service": {
			map[string]string{"IDENTITY_ENDPOINT": "http://127.0.0.1:1", "IDENTITY_HEADER": "x"},
			fmt.Sprintf("%T", &azidentity.ManagedIdentityCredential{}),
		},
		"inside vm run": {map[string]string{"MIDAS_VM": "myVM"}, fmt.Sprintf("%T", &azidentity.ManagedIdentityCredential{})},
		"workload identity": {
			map[string]string{"AZURE_FEDERATED_TOKEN_FILE": file, "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t"},
			fmt.Sprintf("%T", &azidentity.WorkloadIdentityCredential{}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, test.env)
			got, err := FromEnvironment("")
			if err != nil || fmt.Sprintf("%T", got) != test.want {
				t.Errorf("credential %T, error %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestFromEnvironmentWithoutAWorkload(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing":                        nil,
		"an endpoint without its secret": {"IDENTITY_ENDPOINT": "http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, env)
			got, err := FromEnvironment("")
			if got != nil || midas.CodeOf(err) != midas.NotFound || midas.HintOf(err) == "" {
				t.Errorf("credential %T, error %v; want class %q and what to do", got, err, midas.NotFound)
			}
		})
	}
}

func TestFromEnvironmentExplainsAnIncompleteOne(t *testing.T) {
	setEnvironment(t, map[string]string{"AZURE_FEDERATED_TOKEN_FILE": "/nowhere"})
	if got, err := FromEnvironment(""); err == nil || got != nil {
		t.Errorf("credential %v, error %v; want an error about the missing client id", got, err)
	}
}

// TestAppServiceEndpoint runs the real SDK against an endpoint as App Service has it.
func TestAppServiceEndpoint(t *testing.T) {
	var asked []string
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Identity-Header") != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked = append(asked, r.FormValue("resource")+" "+r.FormValue("client_id"))
		_ = json.NewEncoder(w).Encode(map[string]string{
			"access_token": fmt.Sprint("token ", len(asked)), "token_type": "Bearer",
			"expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()),
		})
	}))
	defer endpoint.Close()
	setEnvironment(t, map[string]string{
		"IDENTITY_ENDPOINT": endpoint.URL, "IDENTITY_HEADER": "secret", "AZURE_CLIENT_ID": "1111-from-environment",
	})
	credential, err := FromEnvironment("")
	if err != nil {
		t.Fatal(err)
	}
	source, err := New(Config{Credential: credential})
	if err != nil {
		t.Fatal(err)
	}
	first, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source.Discard(first.Raw)
	second, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The second one shows that a discarded token is not given again by MSAL's cache.
	if first.Raw != "token 1" || second.Raw != "token 2" {
		t.Errorf("tokens %q and %q", first.Raw, second.Raw)
	}
	if want := "https://ossrdbms-aad.database.windows.net 1111-from-environment"; asked[0] != want {
		t.Errorf("asked for %q, want %q", asked[0], want)
	}
}

func TestPrivateAuthority(t *testing.T) {
	for host, want := range map[string]bool{
		"": false, "https://login.microsoftonline.com/": false, "https://LOGIN.microsoftonline.us": false,
		"https://127.0.0.1:7443/": true, "https://login.microsoftonline.com.example.org/": true,
	} {
		if got := privateAuthority(host); got != want {
			t.Errorf("privateAuthority(%q) = %v", host, got)
		}
	}
}
