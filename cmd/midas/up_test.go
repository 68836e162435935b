package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/statedir"
)

func TestUpRefusesAddresses(t *testing.T) {
	clearEnvironment(t)
	state := t.TempDir()
	unlock, err := statedir.Lock(state) // another midas runs: the address is what is wrong all the same
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	for _, test := range []struct{ flag, address, says string }{
		{"control", "nonsense", "missing port in address"},
		{"control", "", "missing port in address"},
		{"control", "127.0.0.1:99999", "invalid port"},
		{"metadata", "7169", "missing port in address"},
		{"metadata", "", "missing port in address"},
		{"mysql", "::1:7306", "too many colons in address"},
		{"ops", "localhost", "missing port in address"},
		{"proxy", "localhost:no-such-service", "unknown port"},
	} {
		code, stdout, stderr := ran(t, state, "up", "--"+test.flag, test.address)
		want := fmt.Sprintf("midas: --%s %q: ", test.flag, test.address)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, want) || !strings.Contains(stderr, test.says) {
			t.Errorf("exit code %d, stdout %q, stderr %q; want %q", code, stdout, stderr, want)
		}
	}
	code, _, stderr := ran(t, state, "up", "--ops", "", "--proxy", "")
	if code == exitUsage || !strings.HasPrefix(stderr, "midas: another midas serves from") {
		t.Errorf("without ops and proxy: exit code %d, stderr %q", code, stderr)
	}
}

// az would be the real cloud's where no alias or function of its name holds.
func TestNextStepsAreOfMidasAlone(t *testing.T) {
	_, steps, _ := strings.Cut(nextSteps, "%s")
	steps, _, _ = strings.Cut(steps, "\n\n")
	for line := range strings.Lines(steps) {
		if !strings.HasPrefix(line, "  midas ") {
			t.Errorf("%q", line)
		}
	}
}

func TestNextStepsNameTheState(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/home/state")
	for state, want := range map[string]string{
		"/home/state/midas":       "",
		"/other/state":            "  export MIDAS_STATE='/other/state'\n",
		"/other/it's mine; id $X": `  export MIDAS_STATE='/other/it'\''s mine; id $X'` + "\n",
	} {
		if got := exportState(state); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}
