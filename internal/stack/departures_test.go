package stack

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/statedir"
)

// Servers whose process does not end are deleted, and then another one. Those who delete that one
// do not wait for theirs, one after the other, and its data is gone at once.
func TestDeletedServersThatHangHoldUpNoOther(t *testing.T) {
	if backend.Installed() == "" {
		mysqltest.Require(t, mysqltest.MariaDBServer)
	}
	w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state")}
	s, err := Open(t.Context(), Config{
		State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: "mysqld", AdminLogin: OperatorLogin,
	})
	w.must(err)
	w.Stack = s
	t.Cleanup(s.Close)
	_, _, err = w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
	w.must(err)
	folder := func(s midas.Server) string {
		return filepath.Join(w.state, statedir.BackendDir, strings.ToLower(s.UniqueID))
	}
	var hung []midas.Server
	for _, name := range []string{"hung-1", "hung-2"} {
		server, err := w.made(name)
		w.must(err)
		text, err := os.ReadFile(filepath.Join(folder(server), "run", "mysqld.pid"))
		w.must(err)
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		w.must(err)
		w.must(syscall.Kill(pid, syscall.SIGSTOP))
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		_, err = w.directory.DeleteServer(t.Context(), nil, "rg", name)
		w.must(err)
		go w.dropDeparted(t.Context())
		hung = append(hung, server)
	}
	other, err := w.made("other")
	w.must(err)
	_, err = w.directory.DeleteServer(t.Context(), nil, "rg", "other")
	w.must(err)
	w.dropDeparted(t.Context())
	for _, one := range hung { // their processes are waited for longer
		if _, err := os.Stat(folder(one)); err != nil {
			t.Errorf("the deletion waited for %s: %v", one.Name, err)
		}
	}
	if _, err := os.Stat(folder(other)); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

// A server is made over and over while the database that is declared for it is down. Each is gone
// without a trace: they were remembered for good, and each wrote a line about all before it.
func TestServersWithoutTheirDatabaseLeaveNothing(t *testing.T) {
	var log bytes.Buffer
	w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state")}
	s, err := Open(t.Context(), Config{
		State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: "embedded", AdminLogin: OperatorLogin, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Servers: []ServerSettings{{Name: "down", Backend: &ExternalBackend{URL: "unix:" + filepath.Join(t.TempDir(), "none.sock")}}},
	})
	w.must(err)
	w.Stack = s
	t.Cleanup(s.Close)
	_, _, err = w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
	w.must(err)
	for range 20 {
		if _, err := w.made("down"); midas.CodeOf(err) != midas.Unavailable {
			t.Fatalf("a server whose database is down: %v", err)
		}
	}
	if left, err := w.directory.DepartedServers(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%d servers are remembered: %v", len(left), err)
	}
	// One that was there before its database went down is remembered, and has a line for each
	// ten seconds however often it is asked for.
	for range 20 {
		_, _, err := w.directory.PutServer(t.Context(), nil, "rg", "down", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
		w.must(err)
		_, err = w.directory.DeleteServer(t.Context(), nil, "rg", "down")
		w.must(err)
		w.dropDeparted(t.Context())
	}
	if left, err := w.directory.DepartedServers(t.Context()); err != nil || len(left) != 20 {
		t.Errorf("%d servers are remembered: %v", len(left), err)
	}
	if lines := strings.Count(log.String(), "stays for now"); lines != 1 {
		t.Errorf("%d lines about them", lines)
	}
}

// What a deletion could not drop is dropped soon after, without another deletion or start: it was in
// the way of a server that was made again, whose administrator had no account.
func TestDeletedServersAreTriedAgain(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		first := w.server()
		w.create(w.store(first), "app")
		_, err := w.directory.DeleteServer(t.Context(), nil, "rg", "mydb")
		w.must(err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.retryDepartures(ctx, time.Millisecond) }()
		w.within(10*time.Second, "nothing is left of the server", func() bool {
			left, err := w.directory.DepartedServers(t.Context())
			return err == nil && len(left) == 0
		})
		cancel()
		w.must(<-done)
		var n int
		w.must(w.mysql.DB().QueryRow("SELECT COUNT(*) FROM mysql.user WHERE User = 'app'").Scan(&n))
		if n != 0 {
			t.Errorf("%d accounts are left", n)
		}
	})
}
