package gateway_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// overSocket are private servers, whose socket has no TLS unless it is asked for.
var overSocket = map[string]func(t *testing.T) testBackend{
	"MariaDB":   func(t *testing.T) testBackend { return private(t, mysqltest.MariaDBServer) },
	"MySQL 9.7": func(t *testing.T) testBackend { return private(t, mysqltest.MySQLServer) },
}

func private(t *testing.T, program string) testBackend {
	t.Helper()
	b, err := backend.Private(t.Context(), backend.PrivateConfig{
		Dir: filepath.Join(t.TempDir(), "backend"), Binary: mysqltest.Require(t, program), Password: "of the service",
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// askingTLS counts what is asked about accounts that require TLS.
type askingTLS struct {
	gateway.Accounts
	asked *atomic.Int32
}

func (a askingTLS) RequiresTLS(ctx context.Context, user string) (bool, error) {
	a.asked.Add(1)
	return a.Accounts.RequiresTLS(ctx, user)
}

// hop is the cipher of the gateway's own connection to the backend: "" without TLS.
func (w *world) hop(db *sql.DB) string {
	w.Helper()
	var name, cipher string
	w.must(db.QueryRowContext(w.Context(), "SHOW SESSION STATUS WHERE Variable_name = 'Ssl_cipher'").Scan(&name, &cipher))
	return cipher
}

// TestAccountsThatRequireTLS are let in where the hop to the backend has none: TLS is started
// for them, and for nobody else.
func TestAccountsThatRequireTLS(t *testing.T) {
	for name, open := range overSocket {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open(t))
			var asked atomic.Int32
			w.wrapAccounts = func(a gateway.Accounts) gateway.Accounts { return askingTLS{a, &asked} }
			w.startGateway()
			user, id := w.user("app")
			other, otherID := w.user("other")
			w.exec(w.backend.DB(), fmt.Sprintf("ALTER USER '%s'@'%%' REQUIRE SSL", user),
				fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY 'native password' REQUIRE SSL", w.name("native")))
			for range 3 {
				if w.hop(w.open(user, w.token(id))) == "" {
					t.Error("an AADUSER that requires TLS is in without")
				}
				if w.hop(w.open(w.name("native"), "native password")) == "" {
					t.Error("a native account that requires TLS is in without")
				}
			}
			if cipher := w.hop(w.open(other, w.token(otherID))); cipher != "" {
				t.Errorf("who requires none has TLS over a socket, %s", cipher)
			}
			if n := asked.Load(); n != 2 {
				t.Errorf("asked %d times which of two accounts require TLS", n)
			}
			w.exec(w.backend.DB(), fmt.Sprintf("ALTER USER '%s'@'%%' REQUIRE X509", other))
			w.refused(w.open(other, w.token(otherID)).Ping(), 1045, "it must need no certificate")
		})
	}
}

// TestRequireTLSOverTCP: over TCP there is TLS where the server offers it, for everybody.
func TestRequireTLSOverTCP(t *testing.T) {
	w := newWorld(t, backends["MySQL 9.7"](t))
	user, id := w.user("app")
	w.exec(w.backend.DB(), fmt.Sprintf("ALTER USER '%s'@'%%' REQUIRE SSL", user))
	for range 2 {
		if w.hop(w.open(user, w.token(id))) == "" {
			t.Error("no TLS to a server that offers it")
		}
	}
	w.exec(w.backend.DB(), fmt.Sprintf("ALTER USER '%s'@'%%' REQUIRE NONE", user))
	if w.hop(w.open(user, w.token(id))) == "" {
		t.Error("no TLS to a server that offers it")
	}
}

// TestTLSToTheBackendIsResumed: a handshake of its own for each session would cost sign-in
// more than all else.
func TestTLSToTheBackendIsResumed(t *testing.T) {
	w := newWorld(t, backends["MySQL 9.7"](t))
	user, id := w.user("app")
	resumed := func() bool {
		var name, value string
		w.must(w.open(user, w.token(id)).QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Ssl_sessions_reused'").Scan(&name, &value))
		return value == "1"
	}
	resumed()
	for range 3 {
		if !resumed() {
			t.Error("a session's TLS began anew")
		}
	}
}
