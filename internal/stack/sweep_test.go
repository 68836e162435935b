package stack

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/directory"
)

// sweeping runs what a stack runs beside its ports.
func (w *accountsWorld) sweeping() (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func() { done <- w.sweepAccounts(ctx) }()
	return func() { cancel(); <-done }
}

// within waits for what has to come to be a few seconds after its cause.
func (w *accountsWorld) within(d time.Duration, what string, so func() bool) {
	w.Helper()
	for deadline := time.Now().Add(d); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Errorf("%v later it does not hold that %s", d, what)
			return
		}
	}
}

// number signs in at the backend, past the gateway, and returns the number of the refusal.
func (w *accountsWorld) number(user, password string) uint16 {
	w.Helper()
	config, err := mysql.ParseDSN(w.mysql.DSN)
	w.must(err)
	config.User, config.Passwd, config.Logger = user, password, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	w.must(err)
	db := sql.OpenDB(connector)
	defer db.Close()
	err = db.PingContext(w.Context())
	for errors.Is(err, mysql.ErrInvalidConn) { // it was ended as one that a changed password may have made
		err = db.PingContext(w.Context())
	}
	var refused *mysql.MySQLError
	if err != nil && !errors.As(err, &refused) {
		w.Fatal(err)
	}
	if refused == nil {
		return 0
	}
	return refused.Number
}

func (w *accountsWorld) count(query string, args ...any) (n int) {
	w.Helper()
	w.must(w.mysql.DB().QueryRowContext(w.Context(), query, args...).Scan(&n))
	return n
}

// Nobody signs in here, and everything that was revoked is closed at the backend within
// seconds all the same.
func TestAccountsArePutRightWithoutASignIn(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		admin, _, err := w.directory.PutIdentity(w.Context(), nil, "rg", "admin", "eastus", nil)
		w.must(err)
		_, _, err = w.directory.PutIdentity(w.Context(), nil, "rg", "app", "eastus", nil)
		w.must(err)
		server, _, err := w.directory.PutServer(w.Context(), nil, "rg", "mydb", directory.ServerChange{
			Change: directory.Change{Location: "eastus"},
			Admin:  &directory.Administrator{Administrator: midas.Administrator{Login: "dba", ObjectID: admin.PrincipalID}},
		})
		w.must(err)
		store := w.store(server.Server())
		former, err := store.EnsureAdministrator(w.Context(), "dba", admin.PrincipalID)
		w.must(err)
		known, err := store.Create(w.Context(), account.CreateRequest{Name: "app"}, false)
		w.must(err)
		w.create(store, "foreign") // whose id the directory never had
		w.create(store, "dropped")
		db := w.mysql.DB()
		exec := func(statement string) { _, err := db.ExecContext(w.Context(), statement); w.must(err) }
		if w.mysql.Dialect == "mysql" { // as an earlier midas made them
			exec("ALTER USER app@'%' PASSWORD REQUIRE CURRENT OPTIONAL")
		}
		w.Close()
		w.open()
		defer w.sweeping()()

		const wait = 5 * time.Second
		if w.mysql.Dialect == "mysql" {
			w.within(wait, "an account that an earlier midas made cannot set a password", func() bool {
				return w.count("SELECT COUNT(*) FROM mysql.user WHERE User = 'app' AND Password_require_current = 'Y'") == 1
			})
		}
		exec("ALTER USER app@'%' IDENTIFIED BY 'Mine-0wn'")
		w.within(wait, "a changed password is taken back", func() bool { return w.number("app", "Mine-0wn") == 1045 })
		// It is locked while the sessions end that the changed password made.
		w.within(wait, "the secret opens the account again", func() bool { return w.number("app", store.Secret(known.Account)) == 0 })
		exec("DROP USER dropped@'%'")
		w.within(wait, "a dropped account has no row", func() bool {
			return w.count("SELECT COUNT(*) FROM midas.aaduser WHERE user = 'dropped'") == 0
		})
		_, err = w.directory.DeleteIdentity(w.Context(), nil, "rg", "app")
		w.must(err)
		w.within(wait, "the account of a deleted identity is locked", func() bool {
			n := w.number("app", store.Secret(known.Account))
			return n == 3118 || n == 4151
		})
		if n := w.count("SELECT COUNT(*) FROM mysql.user WHERE User = 'foreign'"); n != 1 || w.number("foreign", "x") != 1045 {
			w.Error("an id that the directory never had was taken for a deleted one")
		}
		exec("ALTER USER dba@'%' IDENTIFIED BY 'Mine-0wn'")
		_, err = w.directory.DeleteAdministrator(w.Context(), nil, "rg", "mydb")
		w.must(err)
		w.within(wait, "a replaced administrator has no account", func() bool {
			return w.count("SELECT COUNT(*) FROM mysql.user WHERE User = 'dba'") == 0 && w.number("dba", store.Secret(former)) == 1045
		})
	})
}

// The log of a running midas is where its operator learns that a database which was moved
// to another user waits for midas backend trust.
func TestUncheckedAccountsSayWhatToDo(t *testing.T) {
	var log bytes.Buffer
	s := &Stack{log: slog.New(slog.NewTextHandler(&log, nil))}
	moved := midas.Errorf(midas.Forbidden, "served by another user").WithHint("midas backend trust 127.0.0.1:3306")
	s.warnUnchecked(t.Context(), midas.Server{Name: "mydb"}, fmt.Errorf("compare midas.aaduser with its copy: %w", moved))
	if got := log.String(); !strings.Contains(got, `server=mydb error="compare midas.aaduser with its copy: served by another user" hint="midas backend trust 127.0.0.1:3306"`) {
		t.Error(got)
	}
	log.Reset()
	s.warnUnchecked(t.Context(), midas.Server{Name: "mydb"}, errors.New("gone"))
	if got := log.String(); strings.Contains(got, "hint") {
		t.Error(got)
	}
}
