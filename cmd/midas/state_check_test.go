//go:build unix

package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// stranger is a user id that is nobody's here.
const stranger = 12345

// needRoot leaves a test out that only root can run: it gives files away.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI runs this as root")
		}
		t.Skip("left out: only root can give a file away")
	}
}

// plant makes path, a folder if it ends with a slash, somebody else's.
func plant(t *testing.T, dir, path string) string {
	t.Helper()
	path, folder := filepath.Join(dir, path), strings.HasSuffix(path, "/")
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if folder {
		err = errors.Join(err, os.MkdirAll(path, 0o700))
	} else {
		f, openErr := os.OpenFile(path, os.O_CREATE, 0o600)
		err = errors.Join(err, openErr, f.Close())
	}
	if err := errors.Join(err, os.Lchown(path, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUpRefusesAPlantedState(t *testing.T) {
	needRoot(t)
	for _, name := range []string{
		"directory.db", "directory.db-wal", "directory.db-shm", "issuer/", "issuer/keys.json", "ca/", "ca/ca.pem", "ca/ca.key",
		"ca-azure/", "operator.json", "up.json", "login.json", "login-ca.pem", "login-tokens.json", "master.key", "lock",
		"backend/", "backend/data/", "client/", "client/ca-bundle.pem", "client/az-cloud/", "accounts/", "accounts/1.json",
	} {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			state := t.TempDir()
			path := plant(t, state, name)
			s, err := openStack(t.Context(), trial(state, false, nil))
			if err == nil {
				s.close()
				t.Fatalf("%s was adopted", path)
			}
			if !strings.Contains(err.Error(), path+" ") || !strings.Contains(err.Error(), "user id 12345") || !strings.Contains(err.Error(), "chown") {
				t.Errorf("%v; want the path, its owner, and what to do", err)
			}
			if all, _ := os.ReadDir(state); len(all) != 1 {
				t.Errorf("the state holds %v: something was made beside what was planted", all)
			}
		})
	}
}

func TestUpRefusesAPlantedStateDirectory(t *testing.T) {
	needRoot(t)
	base := t.TempDir()
	open := filepath.Join(base, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.Mkdir(open+"/state", 0o700)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := errors.Join(os.Mkdir(base+"/ours", 0o700), os.Symlink("ours", link), os.Lchown(link, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	for state, says := range map[string]string{
		plant(t, base, "theirs/"): "user id 12345", open + "/state": open + " is not its owner's alone: it has mode 0777", link: "user id 12345",
	} {
		s, err := openStack(t.Context(), trial(state, false, nil))
		if err == nil {
			s.close()
			t.Errorf("%s was adopted", state)
			continue
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
	// A machine without other users may say so; what is in the state is looked at all the same.
	s, err := openStack(t.Context(), trial(open+"/state", true, nil))
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	plant(t, open+"/state", "operator.json")
	if s, err = openStack(t.Context(), trial(open+"/state", true, nil)); err == nil {
		s.close()
		t.Error("what was planted in a shared state was adopted")
	}
}

func TestUpMendsAStateThatOthersCouldWriteTo(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := errors.Join(os.Mkdir(state, 0o700), os.Mkdir(state+"/ca", 0o700), os.Chmod(state+"/ca", 0o777), os.Chmod(state, 0o777)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := openStack(t.Context(), trial(state, false, slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	for _, dir := range []string{state, state + "/ca"} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v, %v", dir, info.Mode(), err)
		}
		if !strings.Contains(log.String(), fmt.Sprintf(`"%s had mode 0777"`, dir)) {
			t.Errorf("nothing is said of %s:\n%s", dir, &log)
		}
	}
}

// A command line that reads a planted file must not even call the address in it.
func TestCommandsSendNothingWhereAPlantedStateSays(t *testing.T) {
	needRoot(t)
	var calls atomic.Int32
	trap := httptest.NewUnstartedServer(http.NotFoundHandler())
	trap.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			calls.Add(1)
		}
	}
	trap.StartTLS()
	defer trap.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trap.Certificate().Raw})
	newState := func() string {
		dir := t.TempDir()
		ca := caPath(dir)
		err := errors.Join(os.Mkdir(filepath.Dir(ca), 0o700), os.WriteFile(ca, certificate, 0o644),
			writeRunning(dir, Running{Control: trap.URL, Metadata: trap.URL, MySQL: "127.0.0.1:1", CA: ca, PID: os.Getpid()}),
			writeOperator(dir, Operator{ClientID: "c", ClientSecret: testSecret, TenantID: testTenant, SubscriptionID: testSubscription}))
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	if ran(t, newState(), "group", "list"); calls.Load() == 0 {
		t.Fatal("the trap catches nothing")
	}
	for _, planted := range []string{"up.json", "operator.json", "login.json", "ca/", "ca/ca.pem"} {
		for _, command := range [][]string{
			{"group", "list"},
			{"env", "--vm", "vm"},
			{"env", "--az"},
			{"vm", "run", "vm", "--", "true"},
			{"token"},
			{"connect"},
			{"login", "--service-principal", "--username", "c", "--password", testSecret},
			{"ca"},
			{"account", "show"},
		} {
			state := newState()
			path := plant(t, state, planted)
			calls.Store(0)
			code, out, stderr := ran(t, state, command...)
			if code != exitFailed || calls.Load() > 0 || !strings.Contains(stderr, path+" ") || strings.Contains(out+stderr, testSecret) {
				t.Errorf("%v with a planted %s: exit code %d, %d connections, %s%s", command, planted, code, calls.Load(), out, stderr)
			}
		}
	}
}

// What the state has no part in goes on.
func TestCommandsWithoutAStateDoNotLookAtIt(t *testing.T) {
	needRoot(t)
	state := plant(t, t.TempDir(), "theirs/")
	if code, _, stderr := ran(t, state, "version"); code != exitOK {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
