package gateway_test

import (
	"context"
	"database/sql"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// testBackend is what a world runs on.
type testBackend interface {
	gateway.Backend
	DB() *sql.DB
	Dialect() string
	Version() string
	Close() error
}

// backends are the three kinds; embedded_test.go adds the engine of its build tag.
var backends = map[string]func(t *testing.T) testBackend{
	"MariaDB":   func(t *testing.T) testBackend { return external(t, mysqltest.MariaDB(t)) },
	"MySQL 9.7": func(t *testing.T) testBackend { return external(t, mysqltest.MySQL97(t)) },
}

func external(t *testing.T, server *mysqltest.Server) testBackend {
	t.Helper()
	b, err := backend.External(t.Context(), backend.ExternalConfig{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everyBackend runs a test in a new world on each kind of backend.
func everyBackend(t *testing.T, test func(t *testing.T, w *world)) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, open(t))) })
	}
}

// oneBackend is for tests of the gateway's own behaviour.
func oneBackend(t *testing.T) *world { return newWorld(t, backends["MariaDB"](t)) }

func TestDatabaseOfTheBackendRefuses(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	err := w.open(user, w.token(id), func(c *mysql.Config) { c.DBName = "no_such_database" }).Ping()
	w.refused(err, 1044)
}

// deadBackend answers until it is cut.
type deadBackend struct {
	testBackend
	dead atomic.Bool
}

func (d *deadBackend) Dial(ctx context.Context) (net.Conn, error) {
	if d.dead.Load() {
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", "127.0.0.1:1")
	}
	return d.testBackend.Dial(ctx)
}

var _ gateway.Backend = (*deadBackend)(nil)

func TestDeadBackendIsAPromptClearError(t *testing.T) {
	b := &deadBackend{testBackend: backends["MariaDB"](t)}
	w := newWorld(t, b)
	user, id := w.user("app")
	b.dead.Store(true)
	began := time.Now()
	err := w.open(user, w.token(id)).Ping()
	w.refused(err, 1429, "Can't connect to the database behind server 'mydb'")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	b.dead.Store(false)
	if err := w.open(user, w.token(id)).Ping(); err != nil {
		t.Errorf("after the backend came back: %v", err)
	}
}
