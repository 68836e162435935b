package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/ca"
	"github.com/midas-mysql/midas/internal/confine"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

var keyDir string // signing keys take seconds to make: the worlds share them

func TestMain(m *testing.M) {
	confine.Enter() // a private server begins as this binary, started again
	dir, err := os.MkdirTemp("", "midas-gateway-test-")
	if err != nil {
		panic(err)
	}
	keyDir = filepath.Join(dir, "keys")
	code := m.Run()
	os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// bound binds the servers of a world to their backends.
type bound struct {
	*world
	accounts func(ctx context.Context, s midas.Server) (gateway.Accounts, error)
}

func (b bound) Backend(_ context.Context, s midas.Server) (gateway.Backend, error) {
	return b.behind(s), nil
}

func (b bound) Accounts(ctx context.Context, s midas.Server) (gateway.Accounts, error) {
	return b.accounts(ctx, s)
}

// behind is the backend of a server.
func (w *world) behind(s midas.Server) testBackend {
	if other := w.others[s.Name]; other != nil {
		return other
	}
	return w.backend
}

// world is an identity plane and a gateway in front of a real server, with one MySQL
// server "mydb" whose administrator is the application admin.
type world struct {
	*testing.T
	backend   testBackend
	directory *directory.Directory
	issuer    *issuer.Issuer
	ca        *ca.CA
	gateway   *gateway.Gateway
	addr      string
	stop      func()

	server directory.Server
	admin  midas.Identity
	copies string // folder of the copies of account rows
	suffix string // makes names of this world its own on a shared server

	// Of the next gateway.
	signInTimeout         time.Duration
	maxSigningIn          int
	maxSigningInPerSource int
	maxSessions           int
	writeTimeout          time.Duration
	wrapAccounts          func(gateway.Accounts) gateway.Accounts
	wrapVerifier          func(midas.Verifier) midas.Verifier
	others                map[string]testBackend    // of servers that are not on backend, by name
	listeners             map[string][]net.Listener // of servers that have one to themselves
	wrapListener          func(net.Listener) net.Listener
	log                   *lines
	recheck               time.Duration
	feed                  midas.Feed
	servers               gateway.Servers
	exists                func(context.Context, midas.Principal) (bool, error)
	groups                func(context.Context, midas.Principal) ([]string, bool, error)

	rounds func(n int64) // waits for as many rounds of recheck; set by count

	ahead  atomic.Int64              // by how much the gateway's clock is ahead
	frozen atomic.Pointer[time.Time] // nil while it goes on

	mu      sync.Mutex
	signIns []midas.SignIn
}

func (w *world) now() time.Time {
	now := time.Now()
	if at := w.frozen.Load(); at != nil {
		now = *at
	}
	return now.Add(time.Duration(w.ahead.Load()))
}

const tenantGroup = "rg"

func newWorld(t *testing.T, b testBackend) *world {
	t.Helper()
	w := &world{T: t, backend: b, copies: filepath.Join(t.TempDir(), "accounts"), log: &lines{}, suffix: fmt.Sprintf("%d", time.Now().UnixNano()%1e9)}
	t.Cleanup(func() { b.Close() })
	dir := t.TempDir()
	var err error
	w.directory, err = directory.Open(t.Context(), directory.Config{Path: filepath.Join(dir, "directory.db"), Alone: true})
	w.must(err)
	t.Cleanup(func() { w.directory.Close() })
	w.feed, w.servers, w.exists, w.groups = w.directory, w.directory, w.active, w.memberGroups
	tenant, _ := w.directory.Tenant()
	w.issuer, err = issuer.New(issuer.Config{
		Dir: keyDir, TenantID: tenant, Applications: w.directory, Members: w.directory,
		BaseURL: func() string { return "https://127.0.0.1:7443" },
	})
	w.must(err)
	w.ca, err = ca.Open(ca.Config{Dir: filepath.Join(dir, "ca")})
	w.must(err)
	_, _, err = w.directory.PutGroup(t.Context(), nil, tenantGroup, "eastus", nil)
	w.must(err)
	w.admin = w.identity("admin")
	w.server, _, err = w.directory.PutServer(t.Context(), nil, tenantGroup, "mydb", directory.ServerChange{
		Change: directory.Change{Location: "eastus"},
		Admin:  &directory.Administrator{Administrator: midas.Administrator{Login: w.name("admin"), ObjectID: w.admin.PrincipalID, TenantID: tenant}},
	})
	w.must(err)
	w.startGateway()
	return w
}

func (w *world) startGateway() {
	w.Helper()
	stores := map[string]*account.Store{}
	var mu sync.Mutex
	copies, err := account.OpenCopies(w.copies)
	w.must(err)
	g, err := gateway.New(w.Context(), gateway.Config{
		Verifier: w.verifier(), Servers: w.servers, TLS: w.ca.TLSConfig(nil), Listeners: w.listeners,
		Backends: bound{w, func(ctx context.Context, s midas.Server) (gateway.Accounts, error) {
			mu.Lock()
			defer mu.Unlock()
			if stores[s.UniqueID] == nil {
				key, err := account.DeriveServerKey([]byte(strings.Repeat("k", 32)), s.UniqueID, 1)
				if err != nil {
					return nil, err
				}
				store, err := account.New(ctx, account.StoreConfig{
					DB: w.behind(s).DB(), Dialect: w.behind(s).Dialect(), ServerID: s.UniqueID, Directory: w.directory,
					Key: key, Copies: copies, CacheTTL: time.Nanosecond,
				})
				if err != nil {
					return nil, err
				}
				stores[s.UniqueID] = store
			}
			if w.wrapAccounts != nil {
				return w.wrapAccounts(stores[s.UniqueID]), nil
			}
			return stores[s.UniqueID], nil
		}},
		Now: w.now, SignInTimeout: w.signInTimeout, MaxSigningIn: w.maxSigningIn,
		MaxSigningInPerSource: w.maxSigningInPerSource, MaxSessions: w.maxSessions, WriteTimeout: w.writeTimeout, Recheck: w.recheck, Exists: w.exists, Groups: w.groups, Feed: w.feed,
		Audit: func(r midas.SignIn) { w.mu.Lock(); w.signIns = append(w.signIns, r); w.mu.Unlock() },
		Log:   slog.New(slog.NewTextHandler(io.MultiWriter(w.Output(), w.log), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	w.must(err)
	w.gateway = g
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.addr = ln.Addr().String()
	if w.wrapListener != nil {
		ln = w.wrapListener(ln)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, ln) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		now, cancelNow := context.WithCancel(context.Background())
		cancelNow()
		<-served // Shutdown comes after Serve
		g.Shutdown(now)
	})
	w.Cleanup(w.stop)
}

func (w *world) verifier() midas.Verifier {
	tenant, _ := w.directory.Tenant()
	v, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: w.issuer.IssuerURLs(), TenantID: tenant, Keys: w.issuer.Keys()}},
		Audiences: []string{midas.Resource, midas.Resource + "/", midas.ResourceAppID}, Now: w.now,
	})
	w.must(err)
	if w.wrapVerifier != nil {
		return w.wrapVerifier(v)
	}
	return v
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// name is a database user name that no other world uses on a shared server.
func (w *world) name(base string) string { return base + "_" + w.suffix }

func (w *world) identity(name string) midas.Identity {
	w.Helper()
	made, _, err := w.directory.PutIdentity(w.Context(), nil, tenantGroup, name, "eastus", nil)
	w.must(err)
	return made.Identity
}

func (w *world) token(id midas.Identity) string {
	w.Helper()
	minted, err := w.issuer.Mint(w.Context(), midas.TokenRequest{Identity: id, Resource: midas.Resource})
	w.must(err)
	return minted.Raw
}

func (w *world) tls() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.ca.PEM())
	return &tls.Config{RootCAs: roots, ServerName: "localhost"}
}

// open is an ordinary driver with a token as its password.
func (w *world) open(user, password string, change ...func(*mysql.Config)) *sql.DB {
	w.Helper()
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd = "tcp", w.addr, user, password
	config.TLS = w.tls()
	config.Timeout, config.ReadTimeout = 10*time.Second, 20*time.Second
	config.Logger = &mysql.NopLogger{}
	for _, c := range change {
		c(config)
	}
	connector, err := mysql.NewConnector(config)
	w.must(err)
	db := sql.OpenDB(connector)
	w.Cleanup(func() { db.Close() })
	return db
}

// inTheClear is for a client that sends what it has for a password when it is asked for it as it is.
func inTheClear(c *mysql.Config) { c.AllowCleartextPasswords = true }

// asAdmin is one connection signed in as the server's Entra administrator.
func (w *world) asAdmin() *sql.Conn {
	w.Helper()
	conn, err := w.open(w.name("admin"), w.token(w.admin)).Conn(w.Context())
	w.must(err)
	w.Cleanup(func() { conn.Close() })
	return conn
}

func (w *world) exec(on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statements ...string,
) {
	w.Helper()
	for _, statement := range statements {
		if _, err := on.ExecContext(w.Context(), statement); err != nil {
			w.Fatalf("%s: %v", statement, err)
		}
	}
}

// user makes an identity with an AADUSER of its own.
func (w *world) user(base string) (string, midas.Identity) {
	w.Helper()
	id := w.identity(base)
	w.exec(w.asAdmin(), fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name(base), id.ClientID))
	return w.name(base), id
}

func (w *world) lastSignIn() midas.SignIn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.signIns) == 0 {
		return midas.SignIn{}
	}
	return w.signIns[len(w.signIns)-1]
}

// refused checks that err is MySQL's error number, with words in its text.
func (w *world) refused(err error, number uint16, words ...string) {
	w.Helper()
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != number {
		w.Errorf("want error %d, got %v", number, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(e.Message, word) {
			w.Errorf("error %d does not say %q: %s", number, word, e.Message)
		}
	}
}

// active and memberGroups are what a stack asks of its directory.
func (w *world) active(ctx context.Context, p midas.Principal) (bool, error) {
	return w.directory.Active(ctx, p.ObjectID)
}

func (w *world) memberGroups(ctx context.Context, p midas.Principal) ([]string, bool, error) {
	ids, err := w.directory.MemberGroups(ctx, p.ObjectID)
	return ids, err == nil, err
}
