package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnv(t *testing.T) {
	for name, test := range map[string]struct {
		identity string
		want     string
	}{
		"one user-assigned identity is chosen": {
			`{"type": "UserAssigned", "userAssignedIdentities": {"/one": {"clientId": "c-1"}}}`, "export AZURE_CLIENT_ID='c-1'\n",
		},
		"of two none is chosen": {
			`{"type": "UserAssigned", "userAssignedIdentities": {"/one": {"clientId": "c-1"}, "/two": {"clientId": "c-2"}}}`, "",
		},
		"the system-assigned one goes first": {
			`{"type": "SystemAssigned, UserAssigned", "principalId": "p", "userAssignedIdentities": {"/one": {"clientId": "c-1"}}}`, "",
		},
		"no identity": {`null`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnvironment(t)
			vm := newFakeVM(t, test.identity)
			code, out, stderr := vm.run(t, "env", "--vm", "myvm") // in any case
			if code != 0 {
				t.Fatal(stderr)
			}
			client := filepath.Join(vm.state, "client")
			want := `# Use it with: eval "$(midas env --vm myvm)"
export IDENTITY_ENDPOINT='` + vm.metadata.URL + `/msi/token'
# IDENTITY_HEADER is a secret: its holder gets tokens as this VM until 2100-01-01T00:00:00Z; midas env prints the next.
export IDENTITY_HEADER='id.secret'
` + test.want + `export MYSQL_HOST='127.0.0.1'
export MYSQL_TCP_PORT='` + vm.port + `'
export SSL_CERT_FILE='` + client + `/ca-bundle.pem'
export REQUESTS_CA_BUNDLE='` + client + `/ca-bundle.pem'
export NODE_EXTRA_CA_CERTS='` + client + `/ca-bundle.pem'
export MYSQL_HOME='` + client + `'
`
			if diff := cmp.Diff(want, out); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvOfTheOperatorHoldsNoIdentity(t *testing.T) {
	clearEnvironment(t)
	code, out, stderr := newFakeVM(t, `null`).run(t, "env")
	if code != 0 || strings.Contains(out, "IDENTITY") || !strings.Contains(out, "export MYSQL_HOST=") {
		t.Errorf("exit code %d, %s\n%s", code, stderr, out)
	}
}

func TestEnvRefuses(t *testing.T) {
	clearEnvironment(t)
	vm := newFakeVM(t, `null`)
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"env", "--vm", "other"}, exitNotFound, `midas: there is no VM "other"`},
		{[]string{"env", "--vm", ".."}, exitUsage, `midas: ".." is not the name of a VM`},
		{[]string{"env", "--shell", "csh"}, exitUsage, `midas: --shell "csh" is not a shell`},
	} {
		fails := "false\n"
		if test.args[1] == "--shell" {
			fails = "throw 'midas env failed'\nfalse\n" // whichever shell that is
		}
		code, out, stderr := vm.run(t, test.args...)
		if code != test.code || !strings.HasPrefix(stderr, test.says) || out != fails {
			t.Errorf("%v: exit code %d, output %q, %q; want %d, %q", test.args, code, out, stderr, test.code, test.says)
		}
	}
}
