// Package midastest runs the whole of midas inside a Go test: identities, the metadata
// endpoint, the gateway and a database behind it.
//
//	m := midastest.Start(t)
//	m.CreateAADUser("orders", "SELECT ON shop.*")
//	db := m.Open("orders") // each connection signs in with a fresh token
//
// It owns one server, its Microsoft Entra administrator, and an identity on a virtual
// machine for each name that a test gives; all end with the test. It listens on loopback
// alone, and never leaves anything behind. It is no way to serve anything: for that there is
// `midas up`.
//
// The embedded engine, which needs nothing installed, is linked when the tests are built
// with -tags gms_pure_go; without the tag, ask for MariaDB.
package midastest

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/internal/confine"
	"github.com/midas-mysql/midas/internal/stack"
)

const (
	// Server is the name of the MySQL server.
	Server = "mydb"
	// Group is the resource group of everything that a test makes.
	Group = "midastest"
	// administrator is an identity, so that it signs in as any other does.
	administrator = "administrator"
)

// A database server begins as the binary that starts it, which confines itself first. The
// main of a test binary is not ours, and init runs before it.
func init() { confine.Enter() }

// Midas is a running midas. Its methods end the test when they fail.
type Midas struct {
	tb     testing.TB
	stack  *stack.Stack
	clock  *clock
	admin  *sql.DB
	tlsKey string // under which go-sql-driver/mysql knows the gateway's authority

	mu         sync.Mutex
	identities map[string]identity
}

// Option changes what Start starts.
type Option func(*stack.Config)

// MariaDB puts a MariaDB server of the test's own behind the gateway, instead of the
// embedded engine. It takes mariadbd from PATH, or mysqld when there is no mariadbd.
func MariaDB() Option { return func(c *stack.Config) { c.Backend = "mysqld" } }

// Backend puts a server behind the gateway that is running already, as
// `midas up --backend URL` does. Databases and AADUSERs that the test makes are left there.
func Backend(url string) Option { return func(c *stack.Config) { c.Backend = url } }

// Log writes the log of midas, which is silent otherwise.
func Log(log *slog.Logger) Option { return func(c *stack.Config) { c.Log = log } }

// Start runs a midas with one server until the test ends.
func Start(tb testing.TB, options ...Option) *Midas {
	tb.Helper()
	m := &Midas{tb: tb, clock: &clock{}, identities: map[string]identity{}}
	cfg := stack.Config{
		State: tb.TempDir(), Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: "embedded", AdminLogin: stack.OperatorLogin, Now: m.clock.now,
		Gateway: stack.GatewaySettings{DrainTime: time.Second},
	}
	for _, o := range options {
		o(&cfg)
	}
	if cfg.Backend == "embedded" && !stack.HasEmbedded() {
		tb.Fatal("midastest: these tests are built without the embedded engine: run go test -tags gms_pure_go, or start with midastest.MariaDB()")
	}
	var err error
	if m.stack, err = stack.Open(context.Background(), cfg); err != nil {
		tb.Fatalf("midastest: start midas: %v", err)
	}
	tb.Cleanup(m.stack.Close)
	m.serve()
	m.trustAuthority()
	m.identity(administrator)
	m.declare(`
resource-groups: [{name: ` + Group + `}]
servers:
- name: ` + Server + `
  resource-group: ` + Group + `
  administrator: {login: ` + administrator + `, principal: {identity: ` + Group + `/` + administrator + `}}
`)
	m.admin = m.Open(administrator)
	m.admin.SetMaxOpenConns(1) // a database that is chosen with USE stays chosen
	return m
}

// serve runs the stack, and ends it with the test, after what the test itself cleans up.
func (m *Midas) serve() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.stack.Run(ctx, ctx) }()
	m.tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			m.tb.Errorf("midastest: midas ended with an error: %v", err)
		}
	})
}

// Admin is signed in as the server's Microsoft Entra administrator, over one connection.
func (m *Midas) Admin() *sql.DB { return m.admin }

// Addr is the address of the gateway, host and port.
func (m *Midas) Addr() string { return m.stack.Running().MySQL }

// CA is the path of the certificate authority that clients of the gateway trust, a PEM file.
func (m *Midas) CA() string { return m.stack.Running().CA }

// Advance moves the clock of midas, so that a test need not wait for a token to expire: of
// what it checks, issues and remembers, and of the pools that Open returns. Other programs,
// the database and TLS certificates keep the time of the machine.
func (m *Midas) Advance(d time.Duration) { m.clock.advance(d) }

// CreateAADUser runs CREATE AADUSER for the identity of that name, and GRANT for each of
// grants, such as "SELECT ON shop.*".
func (m *Midas) CreateAADUser(name string, grants ...string) {
	m.tb.Helper()
	statements := []string{"CREATE AADUSER " + quote(name) + " IDENTIFIED BY " + quote(m.identity(name).clientID)}
	for _, grant := range grants {
		statements = append(statements, "GRANT "+grant+" TO "+quote(name)+"@'%'")
	}
	for _, s := range statements {
		if _, err := m.admin.Exec(s); err != nil {
			m.tb.Fatalf("midastest: %s: %v", s, err)
		}
	}
}

// DSN is a data source name of go-sql-driver/mysql by which the user signs in, with a token
// in it that is good for a day of the clock.
func (m *Midas) DSN(user string) string {
	m.tb.Helper()
	cfg := m.config(user)
	cfg.Passwd, cfg.TLSConfig = m.Token(user), m.tlsKey
	return cfg.FormatDSN()
}

func (m *Midas) config(user string) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", m.Addr(), user+"@"+Server
	return cfg
}
