package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/internal/statedir"
)

func TestVMRunServesTheMetadataEndpoint(t *testing.T) {
	needNamespaces(t)
	needProgram(t, "curl")
	clearEnvironment(t)
	t.Setenv("http_proxy", "http://127.0.0.1:1") // nothing of it reaches the VM
	t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1")
	vm := newFakeVM(t, `null`)
	for name, test := range map[string]struct{ curl, want string }{
		"the caller is named, the rest is untouched": {
			`-H Metadata:true 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fx'`,
			"GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fx secret=id.secret forwarded=[] metadata=true\n",
		},
		"a query that Go cannot parse goes on as it is": {
			`'http://169.254.169.254/?a=1;b=2&c=%zz'`,
			"GET /?a=1;b=2&c=%zz secret= forwarded=[] metadata=\n",
		},
		"X-Forwarded-For goes on, for the endpoint to refuse": {
			`-H 'X-Forwarded-For: 10.0.0.1' http://169.254.169.254/metadata/versions`,
			"GET /metadata/versions secret=id.secret forwarded=[\"10.0.0.1\"] metadata=\n",
		},
		"a double slash goes on": {
			`http://169.254.169.254//metadata/identity`,
			"GET //metadata/identity secret=id.secret forwarded=[] metadata=\n",
		},
		"a caller cannot speak for another VM, nor have the proof dropped": {
			`-H 'X-IDENTITY-HEADER: other' -H 'Connection: X-IDENTITY-HEADER' http://169.254.169.254/Metadata/versions`,
			"GET /Metadata/versions secret=id.secret forwarded=[] metadata=\n",
		},
		"nor for this one in a dialect that wants the program's own proof": {
			`-H 'X-IDENTITY-HEADER: other' 'http://169.254.169.254/msi/token?api-version=2019-08-01'`,
			"GET /msi/token?api-version=2019-08-01 secret= forwarded=[] metadata=\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, stderr := vm.run(t, "vm", "run", "myVM", "--", "sh", "-c", "curl -sS --path-as-is --globoff "+test.curl)
			if code != 0 || out != test.want || stderr != "" {
				t.Errorf("exit code %d, %s%s", code, stderr, cmp.Diff(test.want, out))
			}
		})
	}
}

func TestVMRunForwardsMySQL(t *testing.T) {
	needNamespaces(t)
	needProgram(t, "bash")
	clearEnvironment(t)
	vm := newFakeVM(t, `null`)
	for _, name := range []string{"mydb", "mydb.mysql.database.azure.com", "127.0.0.1"} {
		code, out, stderr := vm.run(t, "vm", "run", "myVM", "-g", "", "--", "bash", "-c",
			"exec 3<>/dev/tcp/"+name+"/3306; echo hello >&3; exec 0<&3; "+closeWrite+"; cat <&3")
		if want := "gateway heard \"hello\\n\"\n"; code != 0 || out != want {
			t.Errorf("%s: exit code %d, output %q, %s", name, code, out, stderr)
		}
	}
}

// closeWrite half-closes descriptor 3 of a shell.
const closeWrite = `python3 -c 'import socket; socket.socket(fileno=3).shutdown(socket.SHUT_WR)'`

func TestVMRunServesTheNamesOfAzure(t *testing.T) {
	needNamespaces(t)
	needProgram(t, "curl")
	clearEnvironment(t)
	t.Setenv("https_proxy", "http://127.0.0.1:1") // nothing of it reaches the VM
	vm := newFakeVM(t, `null`)
	for _, name := range publicnames.All() {
		code, out, stderr := vm.run(t, "vm", "run", "myVM", "--", "curl", "-sS", "-H", "Authorization: Bearer the-token", "https://"+name+"/who/%2e/asks?a=%2f")
		if want := "GET /who/%2e/asks?a=%2f of " + name; code != 0 || out != want {
			t.Errorf("%s: exit code %d, output %q, %s", name, code, out, stderr)
		}
	}
	code, _, stderr := vm.run(t, "vm", "run", "myVM", "--", "curl", "-sS", "--noproxy", "*", "--resolve", "example.com:443:127.0.0.1", "https://example.com/")
	if code == 0 || !strings.Contains(stderr, "certificate") {
		t.Errorf("another name: exit code %d, %s", code, stderr)
	}
	// What others are told to trust vouches for none of these names.
	code, _, stderr = vm.run(t, "vm", "run", "myVM", "--", "curl", "-sS", "--cacert", vm.ca.CertPath(), "https://login.microsoftonline.com/")
	if code == 0 || !strings.Contains(stderr, "certificate") {
		t.Errorf("trusting the gateway's authority alone: exit code %d, %s", code, stderr)
	}
}

func TestVMRunReachesTheControlAddress(t *testing.T) {
	needNamespaces(t)
	needProgram(t, "curl")
	clearEnvironment(t)
	vm := newFakeVM(t, `null`)
	running, err := statedir.ReadRunning(vm.state)
	if err != nil {
		t.Fatal(err)
	}
	code, out, stderr := vm.run(t, "vm", "run", "myVM", "--", "curl", "-sS", "-H", "Authorization: Bearer the-token", "--cacert", running.CA, running.Control+"/who/asks")
	if code != 0 || !strings.HasPrefix(out, "GET /who/asks of 127.0.0.1:") {
		t.Errorf("exit code %d, output %q, %s", code, out, stderr)
	}
}

func TestVMRunPassesTheExitStatus(t *testing.T) {
	needNamespaces(t)
	clearEnvironment(t)
	vm := newFakeVM(t, `null`)
	for _, test := range []struct {
		command      []string
		code         int
		out, message string
	}{
		{[]string{"sh", "-c", "echo $MIDAS_VM; exit 7"}, 7, "myVM\n", ""},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143, "", ""},
		{[]string{"no-such-command"}, 127, "", "midas: run command: exec: \"no-such-command\": executable file not found in $PATH\n"},
		{[]string{"sh", "-c", "echo [$IDENTITY_ENDPOINT$MYSQL_TCP_PORT]"}, 0, "[]\n", ""},
	} {
		code, out, stderr := vm.run(t, append([]string{"vm", "run", "myvm", "--"}, test.command...)...)
		if code != test.code || out != test.out || stderr != test.message {
			t.Errorf("%v: exit code %d, output %q, %q", test.command, code, out, stderr)
		}
	}
}

func TestVMRunNeedsACommand(t *testing.T) {
	for _, args := range [][]string{{"vm", "run"}, {"vm", "run", "myVM"}, {"vm", "run", "myVM", "--"}} {
		var out, errs bytes.Buffer
		code := program{args, strings.NewReader(""), &out, &errs}.Run(t.Context())
		if code != exitUsage || !strings.HasPrefix(errs.String(), "midas: vm run needs the name of a VM and a command\n") {
			t.Errorf("%v: exit code %d, %s", args, code, &errs)
		}
	}
}
