package issuer_test

import (
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

const (
	clients  = "../test/clients"
	nodeLock = clients + "/node/package-lock.json"
)

// foreign is a program that knows nothing of midas and believes an authority.
type foreign struct {
	program   []string
	authority string
}

// objectID is whose a token is to the program, which checks it by the issuer's discovery
// document.
func (f foreign) objectID(issuer, audience, raw string) (string, error) {
	cmd := exec.Command(f.program[0], append(f.program[1:], issuer, audience, f.authority)...)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+f.authority, "SSL_CERT_FILE="+f.authority)
	cmd.Stdin = strings.NewReader(raw)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// verifiers use go-oidc and jwx, jose for Node, and PyJWT.
func verifiers(t *testing.T, r *realm) map[string]foreign {
	t.Helper()
	mysqltest.Require(t, mysqltest.Node)
	mysqltest.Require(t, mysqltest.Python)
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "verify"), ".")
	build.Dir = "../test/verify"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build test/verify: %v\n%s", err, out)
	}
	modules := mysqltest.NodePackages(nodeLock)
	if modules == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("the packages of test/clients/node are not installed: test/servers/install.sh does that")
		}
		t.Skip("left out: the packages of test/clients/node are not installed")
	}
	node := filepath.Join(dir, "node")
	if err := os.CopyFS(node, os.DirFS(clients+"/node")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(node, "node_modules")); err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]foreign{
		"go-oidc and jwx": {[]string{filepath.Join(dir, "verify")}, authority},
		"jose":            {[]string{mysqltest.Find(mysqltest.Node), filepath.Join(node, "verify.js")}, authority},
		"PyJWT":           {[]string{mysqltest.Find(mysqltest.Python), clients + "/python/verify.py"}, authority},
	}
}

// TestForeignVerifiers: tokens of every shape are good to all of them, and what is not
// good to us is not good to any.
func TestForeignVerifiers(t *testing.T) {
	r := newRealm(t)
	programs := verifiers(t, r)
	second := r.app(t, 2, "api://orders").ClientID
	id := r.federated(t)
	v1, v2 := r.IssuerURLs()[0], r.IssuerURLs()[1]
	person := func(resource string) string {
		status, doc := r.signIn(t, "scope", resource+"/.default")
		if status != http.StatusOK {
			t.Fatal(status, doc)
		}
		return doc["access_token"].(string)
	}
	identity := func(q midas.TokenRequest) string {
		q.Identity = id
		minted, err := r.Mint(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return minted.Raw
	}
	good := identity(midas.TokenRequest{Resource: midas.Resource})
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	for _, c := range []struct{ name, issuer, audience, raw, object string }{
		{"version 1, application", v1, midas.Resource, good, id.PrincipalID},
		{"version 1, person", v1, midas.Resource, person(midas.Resource), r.userID},
		{"version 2, application", v2, second, identity(midas.TokenRequest{Resource: "api://orders"}), id.PrincipalID},
		{"version 2, person", v2, second, person("api://orders"), r.userID},
		{"for somebody else", v1, "https://vault.azure.net", good, ""},
		{"of version 1 where version 2 is believed", v2, midas.Resource, good, ""},
		{"another's claims", v1, midas.Resource, head + "." + strings.Split(person(midas.Resource), ".")[1] + "." + signature, ""},
		{"another's signature", v1, midas.Resource, head + "." + body + "." + strings.Split(person(midas.Resource), ".")[2], ""},
		{"unsigned", v1, midas.Resource, unsigned(map[string]any{"iss": v1, "aud": midas.Resource, "oid": "x", "exp": time.Now().Unix() + 60}), ""},
		{"expired", v1, midas.Resource, identity(midas.TokenRequest{Resource: midas.Resource, Expired: true}), ""},
	} {
		for name, program := range programs {
			object, err := program.objectID(c.issuer, c.audience, c.raw)
			if c.object != "" && (err != nil || object != c.object) || c.object == "" && err == nil {
				t.Errorf("%s, %s: %q, %v", c.name, name, object, err)
			}
		}
	}
	r.rotate(t, programs, id)
}

// rotate has them find a new key, know the one before it still, and believe none that was
// revoked.
func (r *realm) rotate(t *testing.T, programs map[string]foreign, id midas.Identity) {
	t.Helper()
	v1 := r.IssuerURLs()[0]
	made := func() string {
		t.Helper()
		minted, err := r.Mint(t.Context(), midas.TokenRequest{Identity: id, Resource: midas.Resource})
		if err != nil {
			t.Fatal(err)
		}
		return minted.Raw
	}
	old := made()
	if _, err := r.RotateKeys(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	young := made()
	for name, program := range programs {
		for when, raw := range map[string]string{"of the key before": old, "of the new key": young} {
			if object, err := program.objectID(v1, midas.Resource, raw); err != nil || object != id.PrincipalID {
				t.Errorf("%s, after a rotation, %s: %q, %v", name, when, object, err)
			}
		}
	}
	if _, err := r.RotateKeys(t.Context(), true, true); err != nil {
		t.Fatal(err)
	}
	for name, program := range programs {
		if object, err := program.objectID(v1, midas.Resource, young); err == nil {
			t.Errorf("%s, of a revoked key: %q", name, object)
		}
	}
}
