package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/statedir"
)

func TestBackendTrust(t *testing.T) {
	s := mysqltest.MariaDB(t)
	state := filepath.Join(t.TempDir(), "state")
	for _, name := range []string{s.Addr, s.Socket, "mysql://root:hush@" + s.Addr, "unix:" + s.Socket} {
		code, stdout, stderr := ran(t, state, "backend", "trust", name, "--query", "servedBy", "-o", "tsv")
		if code != exitOK || !strings.HasPrefix(stdout, "user ") || strings.Contains(stdout+stderr, "hush") {
			t.Errorf("%s: exit code %d:\n%s%s", name, code, stdout, stderr)
		}
	}
	known, err := os.ReadFile(statedir.KnownBackends(state))
	if err != nil || strings.Count(string(known), `"user"`) != 2 || strings.Contains(string(known), "hush") {
		t.Errorf("remembered %s, %v", known, err)
	}
	for name, says := range map[string]string{
		"db.example.com": "only servers on this machine are remembered",
		"mysql://root:hush@" + s.Addr + "?tls=verify": "only servers on this machine are remembered",
		"postgres://" + s.Addr:                        "scheme",
		"/nonexistent/mysqld.sock":                    "nothing listens",
	} {
		code, stdout, stderr := ran(t, state, "backend", "trust", name)
		if code != exitFailed || !strings.Contains(stderr, says) || strings.Contains(stdout+stderr, "hush") {
			t.Errorf("%s: exit code %d, not with %q:\n%s%s", name, code, says, stdout, stderr)
		}
	}
}
