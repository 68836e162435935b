package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/shelltest"
	"github.com/midas-mysql/midas/internal/vmns"
)

// azureCloud is an az that stands for the real one: what it is called with is in the file.
func azureCloud(t *testing.T, fails string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	text := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\ncase \"$*\" in %s) exit 1;; esac\n", calls, fails)
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return calls
}

// A script whose `midas env` fails ends there: the next line would speak to a real cloud.
func TestAFailedEnvEndsTheScript(t *testing.T) {
	clearEnvironment(t)
	vm := newFakeVM(t, `null`)
	calls := azureCloud(t, "none")
	for name, args := range map[string]string{
		"midas is not running":         "env --az --state " + t.TempDir(),
		"no such VM":                   "env --az --vm other --state " + vm.state,
		"a name that is none":          "env --vm .. --state " + vm.state,
		"a flag that is none":          "env --aze --state " + vm.state,
		"a flag before it":             "--bogus env --az",
		"a way that is none":           "env --az --way out --state " + vm.state,
		"a word too many":              "env myVM --state " + vm.state,
		"no proxy":                     "env --az --way proxy --state " + vm.state,
		"settings that are none":       "env --az --config /none --state " + vm.state,
		"a query that is none":         "env --az --query '[' --state " + vm.state,
		"a format that is none":        "env --az -o text --state " + vm.state,
		"a flag without its value":     "env --az --vm",
		"a state that is no directory": "env --az --state /dev/null",
	} {
		for shell, script := range map[string]string{
			"dash": `set -e; eval "$(midas %s)"; az group list`,
			"bash": `set -euo pipefail; eval "$(midas %s)"; az group list`,
			"sh":   `eval "$(midas %s)" && az group list`,
			"fish": `midas %s | source; and az group list`,
		} {
			t.Run(shell+"/"+name, func(t *testing.T) {
				path, ok := shelltest.Path(t, shell)
				if !ok {
					return
				}
				_ = os.Remove(calls)
				out, err := exec.Command(path, "-c", fmt.Sprintf(script, args)).CombinedOutput()
				if said, readErr := os.ReadFile(calls); readErr == nil {
					t.Errorf("the cloud was asked: %s", said)
				}
				if err == nil || !strings.Contains(string(out), "midas: ") {
					t.Errorf("%v, %s", err, out)
				}
			})
		}
	}
}

// Whichever command of az fails, none after it runs: az would sign in to the real cloud with
// the operator's secret.
func TestAFailedCommandOfEnvEndsTheScript(t *testing.T) {
	clearEnvironment(t)
	for _, fails := range []string{"'cloud register'*", "'cloud set'*", "login*"} {
		for shell, script := range map[string]string{
			"dash": `set -e; eval "$(midas env --az)"; az group list`,
			"bash": `set -e; eval "$(midas env --az)"; az group list`,
			"sh":   `eval "$(midas env --az)" && az group list`,
			"fish": `midas env --az --shell fish | source; and az group list`,
		} {
			t.Run(shell+"/"+fails, func(t *testing.T) {
				path, ok := shelltest.Path(t, shell)
				if !ok {
					return
				}
				vm := newFakeVM(t, `null`)
				calls := azureCloud(t, fails)
				t.Setenv("MIDAS_STATE", vm.state)
				out, err := exec.Command(path, "-c", script).CombinedOutput()
				said, readErr := os.ReadFile(calls)
				lines := strings.Split(strings.TrimSpace(string(said)), "\n")
				last := lines[len(lines)-1]
				if matched, _ := filepath.Match(strings.ReplaceAll(fails, "'", ""), strings.ReplaceAll(last, "/", "_")); err == nil || readErr != nil || !matched {
					t.Errorf("%v, %v: after %q az was called with %q\n%s", err, readErr, fails, lines, out)
				}
			})
		}
	}
}

func TestAFailedEnvThrowsInPowerShell(t *testing.T) {
	for _, args := range [][]string{
		{"env", "--shell", "powershell"}, {"env", "--shell=powershell", "--bogus"}, {"env", "--bogus", "--shell", "powershell"},
	} {
		if _, out, _ := ran(t, t.TempDir(), args...); out != "throw 'midas env failed'\n" {
			t.Errorf("%v: %q", args, out)
		}
	}
	t.Setenv("MIDAS_SHELL", "powershell")
	if _, out, _ := ran(t, t.TempDir(), "env"); out != "throw 'midas env failed'\n" {
		t.Errorf("by the environment: %q", out)
	}
}

// brokenWriter is a stream of which nothing comes but a panic.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { panic("broken") }

func TestAPanicOfEnvEndsTheScript(t *testing.T) {
	var out bytes.Buffer
	func() {
		defer func() {
			if recover() == nil {
				t.Error("there was no panic")
			}
		}()
		program{[]string{"--state", t.TempDir(), "env"}, strings.NewReader(""), &out, brokenWriter{}}.Run(t.Context())
	}()
	if out.String() != "false\n" {
		t.Errorf("%q", out.String())
	}
}

// What is no env keeps its output to itself.
func TestOtherFailuresPrintNothing(t *testing.T) {
	for _, args := range [][]string{{"group", "list"}, {"bogus"}, {"vm", "show", "-n", "v", "-g", "g"}} {
		if code, out, _ := ran(t, t.TempDir(), args...); code == exitOK || out != "" {
			t.Errorf("%v: exit code %d, %q", args, code, out)
		}
	}
}

// forbidding is a script that runs a command where the kernel allows no namespaces.
const forbidding = `echo 0 >/proc/sys/user/max_user_namespaces && echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"`

// Without a private network, 169.254.169.254 is somebody else's.
func TestVMRunWithoutNamespacesRunsNothing(t *testing.T) {
	needNamespaces(t)
	needProgram(t, "unshare")
	clearEnvironment(t)
	vm := newFakeVM(t, `null`)
	ran := filepath.Join(t.TempDir(), "ran")
	forbidden := func(args ...string) (code int, out, stderr string) {
		args = append([]string{"--user", "--map-root-user", "sh", "-c", forbidding, "sh", "midas", "--state", vm.state}, args...)
		cmd := exec.Command("unshare", args...)
		var outs, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &outs, &errs
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode(), outs.String(), errs.String()
	}
	code, out, stderr := forbidden("vm", "run", "myVM", "--", "touch", ran)
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command was run")
	}
	if code != exitFailed || out != "" || !strings.HasPrefix(stderr, "midas: "+vmns.ErrForbidden.Error()) || !strings.Contains(stderr, "\nhint: midas vm run --plain myVM -- ") {
		t.Errorf("exit code %d, %q, %s", code, out, stderr)
	}
	code, out, stderr = forbidden("vm", "run", "--plain", "myVM", "--", "sh", "-c", "echo $MIDAS_VM $IDENTITY_HEADER; exit 7")
	if code != 7 || out != "myVM id.secret\n" || stderr != "" {
		t.Errorf("--plain: exit code %d, %q, %s", code, out, stderr)
	}
}

func TestVMRunPlain(t *testing.T) {
	clearEnvironment(t)
	vm := newFakeVM(t, `null`)
	code, out, stderr := vm.run(t, "vm", "run", "--plain", "myVM", "--",
		"sh", "-c", "echo $MIDAS_VM $IDENTITY_ENDPOINT $IDENTITY_HEADER $MYSQL_HOST:$MYSQL_TCP_PORT; exit 7")
	want := "myVM " + vm.metadata.URL + "/msi/token id.secret 127.0.0.1:" + vm.port + "\n"
	if code != 7 || out != want || stderr != "" {
		t.Errorf("exit code %d, %q, %s; want %q", code, out, stderr, want)
	}
}
