package azcli

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

	"github.com/midas-mysql/midas/internal/armtest"
)

// Of a secret only its length is stable; times are of the test.
var unstable = regexp.MustCompile(`[0-9a-f]{64}|20\d\d-\d\d-\d\dT[0-9:.]+Z|"hint": "[0-9a-f]{3}"|S-1-12-1[-0-9]+|127\.0\.0\.1:\d+|[0-9A-F]{40}`)

// TestDirectoryCommands is what an operator does with people, groups, applications and
// service principals, against the real API.
func TestDirectoryCommands(t *testing.T) {
	s := &session{T: t, state: armtest.Plane(t), guids: map[string]string{}}
	alice := s.people()
	s.groups(alice)
	s.applications(alice)
	s.forRBAC()
	s.do("ad signed-in-user show")
	s.do("ad user delete --id " + alice)
	s.do("ad user show --id " + alice)
	golden.Assert(t, unstable.ReplaceAllStringFunc(s.log.String(), placeholder), "ad.golden")
}

// placeholder is what stands for a text that is not stable.
func placeholder(text string) string {
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
}

func (s *session) do(line string) string {
	s.Helper()
	return s.run(strings.Fields(line)...)
}

// people returns the object id of alice.
func (s *session) people() (alice string) {
	s.Helper()
	s.run("ad", "user", "create", "--user-principal-name", "alice@contoso.example", "--display-name", "Alice O'Neill", "--password", "Passw0rd!")
	alice = s.do("ad user show --id ALICE@contoso.example --query id -o tsv")
	s.do("ad user list --upn alice@contoso.example --query [].displayName -o tsv")
	s.run("ad", "user", "list", "--display-name", "Alice O'", "-o", "table")
	s.run("ad", "user", "list", "--filter", "accountEnabled eq false")
	s.run("ad", "user", "create", "--user-principal-name", "alice@contoso.example", "--display-name", "x", "--password", "Passw0rd!")
	s.run("ad", "user", "create", "--user-principal-name", "bob@contoso.example", "--display-name", "Bob", "--password", "secret")
	s.do("ad user update --id alice@contoso.example --account-enabled false")
	s.do("ad user list --filter accountEnabled+eq+false") // not a filter: a plus is no blank here
	s.do("ad user update --id alice@contoso.example --account-enabled --force-change-password-next-sign-in")
	return alice
}

func (s *session) groups(alice string) {
	s.Helper()
	s.do("ad group create --display-name dba --mail-nickname dba")
	s.do("ad group create --display-name dba --mail-nickname dba --query id -o tsv")
	s.do("ad group create --display-name everyone --mail-nickname all --description people --query description -o tsv")
	s.do("ad group member add -g dba --member-id " + alice)
	s.do("ad group member add -g dba --member-id " + alice)
	dba := s.do("ad group show -g dba --query id -o tsv")
	s.do("ad group member add -g every --member-id " + dba)
	s.do("ad group member check -g everyone --member-id " + alice)
	s.do("ad group member list -g dba --query [].userPrincipalName -o tsv")
	s.do("ad user get-member-groups --id alice@contoso.example --query sort([].displayName) -o tsv")
	s.do("ad group get-member-groups -g dba")
	s.do("ad group owner add -g dba --owner-object-id " + alice)
	s.do("ad group owner list -g dba --query [].displayName -o tsv")
	s.do("ad group owner remove -g dba --owner-object-id " + alice)
	s.do("ad group member remove -g dba --member-id " + alice)
	s.do("ad group list -o table")
	s.do("ad group create --display-name dba --mail-nickname other --force --query displayName -o tsv")
	s.do("ad group show -g dba")
	s.do("ad group show -g nobody")
	s.do("ad group delete -g every")
}

func (s *session) applications(alice string) {
	s.Helper()
	s.do("ad app create --display-name myApp --identifier-uris api://my api://other --web-redirect-uris https://localhost --query [displayName,identifierUris[],web.redirectUris[]]")
	s.do("ad app create --display-name myApp --identifier-uris api://my --query identifierUris")
	client := s.do("ad app show --id api://my --query appId -o tsv")
	s.do("ad app update --id " + client + " --identifier-uris api://my --web-redirect-uris")
	s.do("ad sp create --id api://my --query [displayName,servicePrincipalType]")
	s.do("ad sp create --id api://my")
	s.do("ad app credential reset --id " + client)
	s.do("ad app credential reset --id " + client + " --append --display-name second --years 2 --query appId -o tsv")
	s.do("ad app credential list --id api://my")
	key := s.do("ad app credential list --id api://my --query [1].keyId -o tsv")
	s.do("ad app credential delete --id api://my --key-id " + key)
	s.do("ad sp credential reset --id api://my --end-date 2099-12-31 --query tenant -o tsv")
	s.do("ad sp credential list --id api://my --query length(@)")
	s.certificates("api://my")
	s.do("ad sp show --id nobody")
	s.do("ad app show --id " + alice)
	s.do("ad sp list --spn api://my --query [].displayName -o tsv")
	s.do("ad sp delete --id api://my")
	s.do("ad app delete --id api://my")
}

// forRBAC makes service principals that have a role from the start.
func (s *session) forRBAC() {
	s.Helper()
	group := s.do("group create -n g -l eastus --query id -o tsv")
	s.do("ad sp create-for-rbac -n forRBAC --role Reader --scopes " + group)
	s.do("ad sp create-for-rbac -n forRBAC --role Reader --scopes " + group + " --query displayName -o tsv")
	s.do("ad sp create-for-rbac -n forRBAC --role Reader")
	s.do("ad sp create-for-rbac -n forRBAC --role Nothing --scopes " + group)
	s.do("ad sp list --display-name for --query [].displayName -o tsv")
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
