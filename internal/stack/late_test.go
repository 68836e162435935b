package stack

import (
	"bytes"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/workload"
)

// A database that starts later than midas, as at the boot of a machine, keeps nobody from the
// issuer, and is found once it is there.
func TestDatabaseMayStartLater(t *testing.T) {
	database := mysqltest.Fresh(t, "mariadb")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().String()
	ln.Close()
	w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state"), mysql: database}
	var log bytes.Buffer
	s, err := Open(t.Context(), Config{
		State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: "mysql://" + database.User + "@" + at, BackendPassword: database.Password, AdminLogin: OperatorLogin,
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	w.must(err)
	w.Stack = s
	defer s.Close()
	if _, err := s.Backends(t.Context()); err == nil || !strings.Contains(log.String(), "nothing listens at backend "+at) {
		t.Fatalf("the database is there: %v\n%s", err, &log)
	}
	_, _, err = w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
	w.must(err)
	w.refuses("one", "nothing listens at backend "+at)
	ln, err = net.Listen("tcp", at)
	w.must(err)
	defer ln.Close()
	go func() { _ = workload.ForwardTo(ln, database.Addr) }()
	if _, err := w.made("one"); err != nil {
		t.Error(err)
	}
}

// A database that refuses midas, as one does in whose place somebody else answers, ends the first
// start: it may be the wrong one. Later others have servers, and are not kept out.
func TestDatabaseThatRefusesKeepsNobodyElseOut(t *testing.T) {
	database := mysqltest.Fresh(t, "mariadb")
	w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state"), mysql: database}
	open := func(password string) (*Stack, error) {
		return Open(t.Context(), Config{
			State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
			Backend: "mysql://" + database.User + "@" + database.Addr, BackendPassword: password, AdminLogin: OperatorLogin,
		})
	}
	if _, err := open("wrong"); midas.CodeOf(err) != midas.Unauthenticated {
		t.Fatalf("the first start: %v", err)
	}
	w.open()
	_, _, err := w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
	w.must(err)
	w.server()
	w.Close()
	s, err := open("wrong")
	w.must(err)
	s.Close()
}
