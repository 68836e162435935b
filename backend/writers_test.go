//go:build unix

package backend_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestWritersOfPasswordsAreBounded: a private MariaDB gives its readers a turn, and of one that
// somebody else runs the operator is told what would.
func TestWritersOfPasswordsAreBounded(t *testing.T) {
	private := open(t, prepared(t, mysqltest.Require(t, mysqltest.MariaDBServer)), mysqltest.Require(t, mysqltest.MariaDBServer))
	var writers int
	if err := private.DB().QueryRow("SELECT @@GLOBAL.max_write_lock_count").Scan(&writers); err != nil || writers != 1 {
		t.Errorf("a private server lets %d writers go before its readers, %v", writers, err)
	}
	server := mysqltest.Fresh(t, "mariadb")
	said := func() string {
		var log bytes.Buffer
		b, err := backend.External(t.Context(), backend.ExternalConfig{URL: server.URL, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		return log.String()
	}
	if got := said(); !strings.Contains(got, "SET GLOBAL max_write_lock_count=1") {
		t.Errorf("of a server with the usual setting it says %q", got)
	}
	if _, err := server.DB().Exec("SET GLOBAL max_write_lock_count = 1"); err != nil {
		t.Fatal(err)
	}
	if got := said(); strings.Contains(got, "max_write_lock_count") {
		t.Errorf("of a server that is set up it says %q", got)
	}
}

// TestWhoseSessionsCanBeTold: the operator is told where sessions that run a stored program in
// somebody else's name cannot be told by the account that they signed in as.
func TestWhoseSessionsCanBeTold(t *testing.T) {
	for options, want := range map[string]bool{"--performance-schema=ON": false, "--performance-schema=OFF": true} {
		server := mysqltest.Fresh(t, "mariadb", options)
		var log bytes.Buffer
		b, err := backend.External(t.Context(), backend.ExternalConfig{URL: server.URL, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		if got := strings.Contains(log.String(), "performance_schema=ON"); got != want {
			t.Errorf("%s: said %t: %s", options, got, log.String())
		}
	}
}
