package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/golden"
)

// Of a secret only its length is stable; times are of the test.
var unstable = regexp.MustCompile(`[0-9a-f]{64}|20\d\d-\d\d-\d\dT[0-9:.]+Z|"hint": "[0-9a-f]{3}"|S-1-12-1[-0-9]+|127\.0\.0\.1:\d+|[0-9A-F]{40}`)

// TestDirectoryCommands is what an operator does with people, groups, applications and
// service principals, against the real API.
func TestDirectoryCommands(t *testing.T) {
	s := &session{T: t, state: identityPlane(t), guids: map[string]string{}}
	do := func(line string) string { return s.run(strings.Fields(line)...) }
	s.run("ad", "user", "create", "--user-principal-name", "alice@contoso.example", "--display-name", "Alice O'Neill", "--password", "Passw0rd!")
	alice := do("ad user show --id ALICE@contoso.example --query id -o tsv")
	do("ad user list --upn alice@contoso.example --query [].displayName -o tsv")
	s.run("ad", "user", "list", "--display-name", "Alice O'", "-o", "table")
	s.run("ad", "user", "list", "--filter", "accountEnabled eq false")
	s.run("ad", "user", "create", "--user-principal-name", "alice@contoso.example", "--display-name", "x", "--password", "Passw0rd!")
	s.run("ad", "user", "create", "--user-principal-name", "bob@contoso.example", "--display-name", "Bob", "--password", "secret")
	do("ad user update --id alice@contoso.example --account-enabled false")
	do("ad user list --filter accountEnabled+eq+false") // not a filter: a plus is no blank here
	do("ad user update --id alice@contoso.example --account-enabled --force-change-password-next-sign-in")

	do("ad group create --display-name dba --mail-nickname dba")
	do("ad group create --display-name dba --mail-nickname dba --query id -o tsv")
	do("ad group create --display-name everyone --mail-nickname all --description people --query description -o tsv")
	do("ad group member add -g dba --member-id " + alice)
	do("ad group member add -g dba --member-id " + alice)
	dba := do("ad group show -g dba --query id -o tsv")
	do("ad group member add -g every --member-id " + dba)
	do("ad group member check -g everyone --member-id " + alice)
	do("ad group member list -g dba --query [].userPrincipalName -o tsv")
	do("ad user get-member-groups --id alice@contoso.example --query sort([].displayName) -o tsv")
	do("ad group get-member-groups -g dba")
	do("ad group owner add -g dba --owner-object-id " + alice)
	do("ad group owner list -g dba --query [].displayName -o tsv")
	do("ad group owner remove -g dba --owner-object-id " + alice)
	do("ad group member remove -g dba --member-id " + alice)
	do("ad group list -o table")
	do("ad group create --display-name dba --mail-nickname other --force --query displayName -o tsv")
	do("ad group show -g dba")
	do("ad group show -g nobody")
	do("ad group delete -g every")

	do("ad app create --display-name myApp --identifier-uris api://my api://other --web-redirect-uris https://localhost --query [displayName,identifierUris[],web.redirectUris[]]")
	do("ad app create --display-name myApp --identifier-uris api://my --query identifierUris")
	client := do("ad app show --id api://my --query appId -o tsv")
	do("ad app update --id " + client + " --identifier-uris api://my --web-redirect-uris")
	do("ad sp create --id api://my --query [displayName,servicePrincipalType]")
	do("ad sp create --id api://my")
	do("ad app credential reset --id " + client)
	do("ad app credential reset --id " + client + " --append --display-name second --years 2 --query appId -o tsv")
	do("ad app credential list --id api://my")
	key := do("ad app credential list --id api://my --query [1].keyId -o tsv")
	do("ad app credential delete --id api://my --key-id " + key)
	do("ad sp credential reset --id api://my --end-date 2099-12-31 --query tenant -o tsv")
	do("ad sp credential list --id api://my --query length(@)")
	s.certificates("api://my")
	do("ad sp show --id nobody")
	do("ad app show --id " + alice)
	do("ad sp list --spn api://my --query [].displayName -o tsv")
	do("ad sp delete --id api://my")
	do("ad app delete --id api://my")

	group := do("group create -n g -l eastus --query id -o tsv")
	do("ad sp create-for-rbac -n forRBAC --role Reader --scopes " + group)
	do("ad sp create-for-rbac -n forRBAC --role Reader --scopes " + group + " --query displayName -o tsv")
	do("ad sp create-for-rbac -n forRBAC --role Reader")
	do("ad sp create-for-rbac -n forRBAC --role Nothing --scopes " + group)
	do("ad sp list --display-name for --query [].displayName -o tsv")
	do("ad signed-in-user show")
	do("ad user delete --id " + alice)
	do("ad user show --id " + alice)
	golden.Assert(t, unstable.ReplaceAllStringFunc(s.log.String(), func(text string) string {
		switch {
		case strings.HasPrefix(text, `"hint"`):
			return `"hint": "HINT"`
		case strings.HasPrefix(text, "S-1"):
			return "SID"
		case strings.HasPrefix(text, "127"):
			return "HOST"
		case len(text) == 64:
			return "SECRET"
		case len(text) == 40:
			return "THUMBPRINT"
		}
		return "TIME"
	}), "ad.golden")
}

// certificates runs the commands about certificates with one of its own.
func (s *session) certificates(id string) {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.Fatal(err)
	}
	file := filepath.Join(s.state, "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		s.Fatal(err)
	}
	s.run("ad", "sp", "credential", "reset", "--id", id, "--cert", "nothing")
	if code, _, stderr := ran(s.T, s.state, "ad", "sp", "credential", "reset", "--id", id, "--cert", "@"+file, "--append"); code != 0 {
		s.Fatal(stderr)
	}
	s.run("ad", "sp", "credential", "list", "--id", id, "--cert", "--query", "[].[type,usage,customKeyIdentifier]")
	s.run("ad", "sp", "credential", "list", "--id", id, "--query", "length(@)")
	keyID := s.run("ad", "sp", "credential", "list", "--id", id, "--cert", "--query", "[0].keyId", "-o", "tsv")
	s.run("ad", "sp", "credential", "delete", "--id", id, "--cert", "--key-id", keyID)
	s.run("ad", "sp", "credential", "delete", "--id", id, "--cert", "--key-id", keyID)
}
