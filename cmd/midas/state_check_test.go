//go:build unix

package main

import (
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/midas-mysql/midas/internal/armtest"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/statedirtest"
)

// A command line that reads a planted file must not even call the address in it.
func TestCommandsSendNothingWhereAPlantedStateSays(t *testing.T) {
	statedirtest.NeedRoot(t)
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
		ca := statedir.CAPath(dir)
		err := errors.Join(os.Mkdir(filepath.Dir(ca), 0o700), os.WriteFile(ca, certificate, 0o644),
			statedir.WriteRunning(dir, statedir.Running{Control: trap.URL, Metadata: trap.URL, MySQL: "127.0.0.1:1", CA: ca, PID: os.Getpid()}),
			statedir.WriteOperator(dir, statedir.Operator{ClientID: "c", ClientSecret: armtest.Secret, TenantID: armtest.Tenant, SubscriptionID: armtest.Subscription}))
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
			{"login", "--service-principal", "--username", "c", "--password", armtest.Secret},
			{"ca"},
			{"account", "show"},
		} {
			state := newState()
			path := statedirtest.Plant(t, state, planted)
			calls.Store(0)
			code, out, stderr := ran(t, state, command...)
			if code != exitFailed || calls.Load() > 0 || !strings.Contains(stderr, path+" ") || strings.Contains(out+stderr, armtest.Secret) {
				t.Errorf("%v with a planted %s: exit code %d, %d connections, %s%s", command, planted, code, calls.Load(), out, stderr)
			}
		}
	}
}

// What the state has no part in goes on.
func TestCommandsWithoutAStateDoNotLookAtIt(t *testing.T) {
	statedirtest.NeedRoot(t)
	state := statedirtest.Plant(t, t.TempDir(), "theirs/")
	if code, _, stderr := ran(t, state, "version"); code != exitOK {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
