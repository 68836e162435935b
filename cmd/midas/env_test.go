package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExportsAreReadBackByTheShells(t *testing.T) {
	vars := []variable{
		{"PLAIN", "http://127.0.0.1:7169/msi/token"},
		{"IDENTITY_HEADER", `a'b"c$HOME\ ` + "`id`; # é"},
		{"SPACE", " two  words "},
	}
	var want []string
	for _, v := range vars {
		want = append(want, v.name+"="+v.value)
	}
	for shell, program := range map[string][]string{
		"sh":         {"sh", "-c"},
		"fish":       {"fish", "-c"},
		"powershell": {"pwsh", "-NoProfile", "-Command"},
	} {
		t.Run(shell, func(t *testing.T) {
			path, ok := shellAt(t, program[0])
			if !ok {
				return
			}
			script := exports(shells[shell], envRequest{vm: "myVM", shell: shell}, vars, nil) + "\nenv\n"
			out, err := exec.Command(path, append(program[1:], script)...).Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range want {
				if !strings.Contains(string(out), "\n"+line+"\n") && !strings.HasPrefix(string(out), line+"\n") {
					t.Errorf("%q did not arrive", line)
				}
			}
		})
	}
}

// shellAt finds a shell. PowerShell is none of Debian's packages: where there is none, what
// it would read is compared as text alone.
func shellAt(t *testing.T, program string) (path string, ok bool) {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err != nil && program == "pwsh":
		return "", false
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("%s: not installed; run test/servers/install.sh as root", program)
	case err != nil:
		t.Skipf("left out: no %s on PATH", program)
	}
	return path, true
}

func TestExportsText(t *testing.T) {
	vars := []variable{{"IDENTITY_HEADER", "it's"}}
	for shell, want := range map[string]string{
		"sh": `# Use it with: eval "$(midas env --vm myVM)"
# IDENTITY_HEADER is a secret: its holder gets tokens as this VM.
export IDENTITY_HEADER='it'\''s'
`,
		"fish": `# Use it with: midas env --vm myVM --shell fish | source
# IDENTITY_HEADER is a secret: its holder gets tokens as this VM.
set -gx IDENTITY_HEADER 'it\'s'
`,
		"powershell": `# Use it with: midas env --vm myVM --shell powershell | Out-String | Invoke-Expression
# IDENTITY_HEADER is a secret: its holder gets tokens as this VM.
$env:IDENTITY_HEADER = 'it''s'
`,
	} {
		t.Run(shell, func(t *testing.T) {
			if diff := cmp.Diff(want, exports(shells[shell], envRequest{vm: "myVM", shell: shell}, vars, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCommandsAreNobodysAlias(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte("#!/bin/sh\necho az \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	for shell, test := range map[string]struct {
		begins string
		as     []string // a program that runs $SCRIPT where az is an alias of echo
	}{
		"sh":         {"command az ", []string{"bash", "-c", `shopt -s expand_aliases; alias az=echo; eval "$SCRIPT"`}},
		"fish":       {"command az ", []string{"fish", "-c", `alias az=echo; echo $SCRIPT | source`}},
		"powershell": {"& (Get-Command -ErrorAction Stop -CommandType Application -TotalCount 1 az) ", []string{"pwsh", "-NoProfile", "-Command", `Set-Alias az echo; $env:SCRIPT | Invoke-Expression`}},
	} {
		t.Run(shell, func(t *testing.T) {
			script := exports(shells[shell], envRequest{shell: shell}, nil, [][]string{{"az", "login", "--password", "@it's"}})
			if !strings.Contains(script, "\n"+test.begins) {
				t.Errorf("printed:\n%s", script)
			}
			path, ok := shellAt(t, test.as[0])
			if !ok {
				return
			}
			t.Setenv("SCRIPT", script)
			if out, err := exec.Command(path, test.as[1:]...).CombinedOutput(); err != nil || string(out) != "az login --password @it's\n" {
				t.Errorf("ran %q, %v", out, err)
			}
		})
	}
}

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
