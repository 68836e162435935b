package stack

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// A match of loopback addresses that an earlier version accepted is still listed, does not
// count, and is logged.
func TestStartWarnsOfMatchesOfLoopback(t *testing.T) {
	state := t.TempDir()
	path := filepath.Join(state, "directory.db")
	d, err := directory.Open(t.Context(), directory.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	_, _, groupErr := d.PutGroup(t.Context(), nil, "g", "eastus", nil)
	_, _, vmErr := d.PutVM(t.Context(), nil, "g", "vm", directory.Change{Location: "eastus"})
	_, _, oldErr := d.PutWorkloadMatch(t.Context(), nil, "g", "vm", "old", directory.WorkloadMatchInput{CIDR: "127.0.0.0/8", InsecureOwn: true})
	_, _, otherErr := d.PutWorkloadMatch(t.Context(), nil, "g", "vm", "other", directory.WorkloadMatchInput{CIDR: "10.0.0.0/8"})
	if err := errors.Join(groupErr, vmErr, oldErr, otherErr, d.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE recognition SET insecure_own = 0`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	var log bytes.Buffer
	s, err := Open(t.Context(), trial(state, false, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if text := log.String(); strings.Count(text, "loopback") != 1 || !strings.Contains(text, "match=old cidr=127.0.0.0/8") || !strings.Contains(text, "/virtualMachines/vm") {
		t.Errorf("%s", text)
	}
}

// trial is a stack in a state, on any ports.
func trial(state string, shared bool, log *slog.Logger) Config {
	return Config{
		State: state, SharedState: shared, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: "embedded", AdminLogin: OperatorLogin, Log: log,
	}
}
