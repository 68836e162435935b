package workload

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/shelltest"
	"github.com/midas-mysql/midas/metadata"
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
			path, ok := shelltest.Path(t, program[0])
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

// A name from the settings file is in a comment, which it must not leave: a shell runs the rest.
func TestExportsTellOfServersApart(t *testing.T) {
	apart := map[string][]string{"two": {"127.0.0.1:7307", "[::1]:7307"}, "x\nrm -rf .": {"127.0.0.1:7308"}}
	want := `# Use it with: eval "$(midas env)"
# Server two is not at MYSQL_HOST: connect to 127.0.0.1:7307 or [::1]:7307.
# Server x rm -rf . is not at MYSQL_HOST: connect to 127.0.0.1:7308.
export MYSQL_HOST='127.0.0.1'
`
	if diff := cmp.Diff(want, exports(shells["sh"], envRequest{shell: "sh", apart: apart}, []variable{{"MYSQL_HOST", "127.0.0.1"}}, nil)); diff != "" {
		t.Error(diff)
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
			path, ok := shelltest.Path(t, test.as[0])
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

// PowerShell's own rule (about_Quoting_Rules): of two single quotation marks, of whatever form, it
// reads the first.
func TestTypographicQuotesDoNotEndATextInPowerShell(t *testing.T) {
	if got := shells["powershell"].quote("a’; calc; ‘b‚c‛d'"); got != "'a’’; calc; ‘‘b‚‚c‛‛d'''" {
		t.Errorf("quoted as %s", got)
	}
}

func TestAFailedCommandOfEnvThrowsInPowerShell(t *testing.T) {
	script := exports(shells["powershell"], envRequest{shell: "powershell"}, nil, [][]string{{"az", "a"}, {"az", "b"}})
	const az, check = "& (Get-Command -ErrorAction Stop -CommandType Application -TotalCount 1 az) ", "\nif ($LASTEXITCODE -ne 0) { throw 'midas env: az failed' }\n"
	if !strings.HasSuffix(script, "\n"+az+"a"+check+az+"b"+check) {
		t.Errorf("%s", script)
	}
}

func TestSecretsStandWhereTheMetadataEndpointReadsThem(t *testing.T) {
	if secretPath != metadata.SecretPath {
		t.Errorf("%q, and the endpoint reads them below %q", secretPath, metadata.SecretPath)
	}
}
