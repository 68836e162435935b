package vmns

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// asUser names the environment variable that makes this test binary call Run by
// itself, so that a test can do it as another user or send signals to it.
const asUser = "VMNS_TEST_RUN"

func TestMain(m *testing.M) {
	Enter()
	if script := os.Getenv(asUser); script != "" {
		os.Exit(runHelper(script))
	}
	os.Exit(m.Run())
}

func runHelper(script string) int {
	code, err := Run(context.Background(), Config{
		Forwards: []Forward{{"169.254.169.254:80", answer("helper")}},
		Command:  []string{"sh", "-c", script}, Env: os.Environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	return code
}

// helper starts Run in a process of its own, as another user if uid is not ours.
func helper(t *testing.T, uid int, script string) (*exec.Cmd, *bufio.Scanner, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asUser+"="+script)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
	if uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out), &stderr
}

func TestOrdinaryUser(t *testing.T) {
	need(t, "curl")
	uid := os.Getuid()
	if uid == 0 {
		uid = 65534
	}
	cmd, out, stderr := helper(t, uid, `id -u; curl -sS --noproxy '*' http://169.254.169.254/
		grep CapEff /proc/self/status; grep CapAmb /proc/self/status; exit 7`)
	var lines []string
	for out.Scan() {
		lines = append(lines, out.Text())
	}
	err := cmd.Wait()
	if strings.Contains(stderr.String(), ErrForbidden.Error()) {
		skipOrFail(t, errors.New(stderr.String()))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v, want exit status 7; %s", err, stderr)
	}
	want := []string{
		fmt.Sprint(uid), "helper for 169.254.169.254/",
		"CapEff:\t0000000000000000", "CapAmb:\t0000000000000000", // the powers of the set-up are gone
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func TestSignalsPass(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skip("ignored here, as in a shell's background job: so it stays")
			}
			t.Run("command that handles it", func(t *testing.T) {
				cmd, out, stderr := helper(t, os.Getuid(), fmt.Sprintf(`trap 'echo caught; exit 9' %d; echo ready; while :; do sleep 0.01; done`, s))
				if !ready(t, out, stderr) {
					return
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				if !out.Scan() || out.Text() != "caught" {
					t.Errorf("got %q, want the trap's word", out.Text())
				}
				if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 9 {
					t.Errorf("%v, want exit status 9; %s", err, stderr)
				}
			})
			t.Run("command that dies of it", func(t *testing.T) {
				cmd, out, stderr := helper(t, os.Getuid(), `echo ready; exec sleep 60`)
				if !ready(t, out, stderr) {
					return
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 128+int(s) {
					t.Errorf("%v, want exit status %d; %s", err, 128+int(s), stderr)
				}
			})
		})
	}
}

func TestCommandDiesWithTheParent(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	cmd, out, stderr := helper(t, os.Getuid(), `echo ready; echo $$; exec sleep 60`)
	if !ready(t, out, stderr) {
		return
	}
	out.Scan()
	var pid int
	if _, err := fmt.Sscan(out.Text(), &pid); err != nil {
		t.Fatal(err)
	}
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(handle)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	poll := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 5000); n != 1 || err != nil {
		t.Errorf("the command outlived its parent by 5 s (%v)", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left in the temporary directory: %v (%v)", left, err)
	}
}

func ready(t *testing.T, out *bufio.Scanner, stderr *bytes.Buffer) bool {
	t.Helper()
	if out.Scan() && out.Text() == "ready" {
		return true
	}
	if strings.Contains(stderr.String(), ErrForbidden.Error()) {
		skipOrFail(t, errors.New(stderr.String()))
	}
	t.Fatalf("the command did not start: %s", stderr)
	return false
}
