package main

import (
	"os"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/armtest"
)

func TestCA(t *testing.T) {
	state := armtest.Plane(t)
	code, path, stderr := ran(t, state, "ca", "--path")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	want, err := os.ReadFile(strings.TrimSuffix(path, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, got, _ := ran(t, state, "ca"); got != string(want) {
		t.Errorf("midas ca prints another certificate than the file of --path holds")
	}
	if code, _, stderr := ran(t, t.TempDir(), "ca"); code != exitNotFound || !strings.Contains(stderr, "hint: midas up makes one") {
		t.Errorf("without one: exit code %d, stderr %q", code, stderr)
	}
}
