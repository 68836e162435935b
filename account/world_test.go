package account

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// onServers runs a test against each kind of real server. The tests run one after the
// other: the lock of accounts is one for the whole server.
func onServers(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("mariadb", func(t *testing.T) { test(t, newWorld(t, mysqltest.MariaDB(t))) })
	t.Run("mysql", func(t *testing.T) { test(t, newWorld(t, mysqltest.MySQL97(t))) })
}

// world is a real server with a corner of its own: every user, server id and database of
// a test has its tag in the name and is gone when the test ends.
type world struct {
	t      *testing.T
	server *mysqltest.Server
	root   *sql.DB
	tag    string
	dir    *fakeDirectory
	log    logBuffer

	mu      sync.Mutex
	now     time.Time
	secrets []string // what no log may say
}

func newWorld(t *testing.T, server *mysqltest.Server) *world {
	w := &world{
		t: t, server: server, root: server.DB(), tag: strings.ToLower(rand.Text()[:8]),
		dir: &fakeDirectory{}, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
	t.Cleanup(w.clean)
	return w
}

func (w *world) mysql() bool { return w.server.Dialect == "mysql" }

func (w *world) clean() {
	for _, u := range w.query("SELECT CONCAT(User, '@', Host) FROM mysql.user WHERE User LIKE '%" + w.tag + "%'") {
		at := strings.LastIndex(u, "@")
		w.exec("DROP USER " + quoteAccount(u[:at], u[at+1:]))
	}
	w.exec("DROP DATABASE IF EXISTS " + w.database())
	if Installed(context.Background(), w.root) {
		w.exec("DELETE FROM midas.aaduser WHERE server LIKE '%" + w.tag + "%'")
	}
	for _, secret := range w.secrets {
		if strings.Contains(w.log.String(), secret) {
			w.t.Errorf("a secret was logged:\n%s", w.log.String())
		}
	}
}

func (w *world) database() string { return "d_" + w.tag }

// name makes a user name of this test.
func (w *world) name(what string) string { return what + "_" + w.tag }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// config is that of a gateway for the server called name.
func (w *world) config(name string) StoreConfig {
	id := "/subscriptions/" + w.tag + "/flexibleServers/" + name
	return StoreConfig{
		DB: w.root, Dialect: w.server.Dialect, ServerID: id, Key: w.key(id, 1), Issuer: OwnIssuer, Tenant: tenant,
		Directory: w.dir, Now: w.clock, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
}

const tenant = "77777777-7777-7777-7777-777777777777"

// key is a version of the key of a server of this test.
func (w *world) key(serverID string, version int) ServerKey {
	w.t.Helper()
	return serverKey(w.t, bytes.Repeat([]byte(w.tag), 8), serverID, version)
}

func serverKey(t *testing.T, master []byte, serverID string, version int) ServerKey {
	t.Helper()
	key, err := DeriveServerKey(master, serverID, version)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w *world) open(cfg StoreConfig) *Store {
	w.t.Helper()
	s, err := New(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// store is one gateway of the test's first server.
func (w *world) store() *Store {
	w.t.Helper()
	return w.open(w.config("first"))
}

// pool connects as root with parameters of go-sql-driver, such as sql_mode='…'.
func (w *world) pool(params string) *sql.DB {
	w.t.Helper()
	return w.poolOf(w.server.User, w.server.Password, params, nil)
}

func (w *world) poolOf(user, password, params string, change func(*mysql.Config)) *sql.DB {
	w.t.Helper()
	cfg, err := mysql.ParseDSN("u@unix(" + w.server.Socket + ")/?" + params)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.User, cfg.Passwd, cfg.Logger = user, password, &mysql.NopLogger{}
	if change != nil {
		change(cfg)
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	w.t.Cleanup(func() { db.Close() })
	return db
}

// poor makes a native user with these privileges on everything, and connects as it.
func (w *world) poor(what, privileges string) *sql.DB {
	w.t.Helper()
	name, password := w.name(what), "Aa1-"+rand.Text()
	w.exec("CREATE USER " + quoteAccount(name, "%") + " IDENTIFIED BY '" + password + "'")
	w.exec("GRANT " + privileges + " ON *.* TO " + quoteAccount(name, "%"))
	return w.poolOf(name, password, "", nil)
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.root.ExecContext(context.Background(), query, args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// query returns the first column.
func (w *world) query(query string, args ...any) []string {
	w.t.Helper()
	rows, err := w.root.QueryContext(context.Background(), query, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			w.t.Fatalf("%s: %v", query, err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return out
}

// hosts lists the hosts of the backend's accounts of that name.
func (w *world) hosts(user string) []string {
	w.t.Helper()
	return w.query("SELECT Host FROM mysql.user WHERE User = ? ORDER BY Host", user)
}

// rows lists the ids that rows of that name map to, whatever their server.
func (w *world) rows(user string) []string {
	w.t.Helper()
	return w.query("SELECT principal FROM midas.aaduser WHERE user = ? ORDER BY host", user)
}

// signIn signs in to the backend as a gateway does, and returns the error number: 0
// when it got in as exactly that account.
func (w *world) signIn(user, password string) uint16 {
	w.t.Helper()
	db := w.poolOf(user, password, "", nil)
	defer db.Close()
	var current string
	err := db.QueryRowContext(w.t.Context(), "SELECT CURRENT_USER()").Scan(&current)
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused):
		return refused.Number
	case err != nil:
		w.t.Fatalf("sign in as %s: %v", user, err)
	case !strings.HasPrefix(current, user+"@"):
		w.t.Fatalf("signed in as %s and is %s", user, current)
	}
	return 0
}

// lockedOut is the number by which the server refuses a locked account whose password is right.
func (w *world) lockedOut() uint16 {
	if w.mysql() {
		return 3118
	}
	return 4151
}

// secret is s.Secret, remembered.
func (w *world) secret(s *Store, a Account) string {
	secret := s.Secret(a)
	w.secrets = append(w.secrets, secret)
	return secret
}

// create makes an AADUSER of an application.
func (w *world) create(s *Store, user, id string) Account {
	w.t.Helper()
	done, err := s.Create(w.t.Context(), CreateRequest{Name: user, ID: id, SkipValidation: true}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return done.Account
}

func (w *world) lookup(s *Store, user string) []Account {
	w.t.Helper()
	accounts, err := s.found(w.t.Context(), user)
	if err != nil {
		w.t.Fatal(err)
	}
	return accounts
}

// expect checks class and number of an error.
func expect(t *testing.T, err error, code midas.Code, number uint16) {
	t.Helper()
	if n, _ := numberOf(err); err == nil || midas.CodeOf(err) != code || n != number {
		t.Fatalf("error %v (%s, %d), want %s, %d", err, midas.CodeOf(err), n, code, number)
	}
}

// replace runs statements in which %s is the account.
func (w *world) replace(statements []string, user string) {
	w.t.Helper()
	for _, statement := range statements {
		w.exec(strings.ReplaceAll(statement, "%s", quoteAccount(user, "%")))
	}
}

// copyAccount makes an account as another's SHOW CREATE USER says. MariaDB's does not
// say the marker, so there the row is copied.
func (w *world) copyAccount(from, to string) {
	w.t.Helper()
	if !w.mysql() {
		w.exec("INSERT INTO mysql.global_priv SELECT Host, ?, Priv FROM mysql.global_priv WHERE User = ?", to, from)
		w.exec("FLUSH PRIVILEGES")
		return
	}
	db := w.pool("print_identified_with_as_hex=ON") // the hash is no text
	var statement string
	if err := db.QueryRowContext(w.t.Context(), "SHOW CREATE USER "+quoteAccount(from, "%")).Scan(&statement); err != nil {
		w.t.Fatal(err)
	}
	w.exec(strings.Replace(statement, quoteName(from), quoteName(to), 1))
}

// reassert is Reassert for tests that care for the account alone.
func reassert(t *testing.T, s *Store, a Account) error {
	t.Helper()
	_, err := s.Reassert(t.Context(), a)
	return err
}

// found is what a gateway does at a sign-in.
func (s *Store) found(ctx context.Context, user string) ([]Account, error) {
	accounts, err := s.Lookup(ctx, user)
	if errors.Is(err, ErrDoubtful) {
		accounts, err = s.Mend(ctx, user)
	}
	return accounts, err
}

// numberOf returns the MySQL error number and SQLSTATE to answer err with: its own if
// it has one, else 1105 (unknown error).
func numberOf(err error) (number uint16, sqlState string) {
	var e *Error
	if errors.As(err, &e) {
		return e.Number, e.SQLState
	}
	return mysqlerr.Unknown, mysqlerr.General
}
