package midastest_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/connector"
	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/midastest"
)

func embedded(t *testing.T) *midastest.Midas {
	t.Helper()
	return midastest.Start(t)
}

func mariaDB(t *testing.T) *midastest.Midas {
	t.Helper()
	mysqltest.Require(t, mysqltest.MariaDBServer)
	return midastest.Start(t, midastest.MariaDB())
}

func onBoth(t *testing.T, test func(*testing.T, *midastest.Midas)) {
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, embedded(t)) })
	t.Run("MariaDB", func(t *testing.T) { t.Parallel(); test(t, mariaDB(t)) })
}

func currentUser(t *testing.T, db *sql.DB) string {
	t.Helper()
	var user string
	if err := db.QueryRowContext(t.Context(), "SELECT CURRENT_USER()").Scan(&user); err != nil {
		t.Fatal(err)
	}
	return user
}

func TestIdentitySignsIn(t *testing.T) {
	onBoth(t, func(t *testing.T, m *midastest.Midas) {
		for _, s := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY)", "INSERT INTO shop.orders VALUES (41)"} {
			if _, err := m.Admin().ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		m.CreateAADUser("orders", "SELECT ON shop.*")
		if user := currentUser(t, m.Open("orders")); user != "orders@%" {
			t.Errorf("signed in as %s, want orders@%%", user)
		}
		byDSN, err := sql.Open("mysql", m.DSN("orders"))
		if err != nil {
			t.Fatal(err)
		}
		defer byDSN.Close()
		var id int
		if err := byDSN.QueryRowContext(t.Context(), "SELECT id FROM shop.orders").Scan(&id); err != nil || id != 41 {
			t.Errorf("the order is %d, %v", id, err)
		}
		if _, err := byDSN.ExecContext(t.Context(), "DELETE FROM shop.orders"); err == nil {
			t.Error("what was not granted was done")
		}
	})
}

func TestOneIdentityIsNotAnother(t *testing.T) {
	m := embedded(t)
	m.CreateAADUser("orders")
	cfg, err := mysql.ParseDSN(m.DSN("orders"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Passwd = m.Token("billing")
	db, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var refused *mysql.MySQLError
	if err := db.PingContext(t.Context()); !errors.As(err, &refused) {
		t.Errorf("the token of billing signed in as orders: %v", err)
	}
}

func TestClockMakesTokensExpire(t *testing.T) {
	m := embedded(t)
	m.CreateAADUser("orders")
	pool := m.Open("orders")
	pool.SetMaxIdleConns(0) // each statement signs in
	currentUser(t, pool)
	dsn := m.DSN("orders")
	m.Advance(25 * time.Hour)
	if user := currentUser(t, pool); user != "orders@%" {
		t.Errorf("after the first token's end the pool signs in as %s", user)
	}
	old, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := old.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("with a token that expired an hour ago: %v", err)
	}
}

func TestEnvIsTheWorkload(t *testing.T) {
	m := embedded(t)
	m.CreateAADUser("orders")
	for _, variable := range m.Env("orders") {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	cfg, err := mysql.ParseDSN(m.DSN("orders"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Passwd = ""
	cfg.Addr = net.JoinHostPort(os.Getenv("MYSQL_HOST"), os.Getenv("MYSQL_TCP_PORT"))
	c, err := connector.New(cfg) // finds IDENTITY_ENDPOINT
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	if user := currentUser(t, db); user != "orders@%" {
		t.Errorf("signed in as %s, want orders@%%", user)
	}
}

func TestServerThatIsRunningAlready(t *testing.T) {
	running := mysqltest.MariaDB(t)
	var log bytes.Buffer // read when midas has ended
	t.Run("midas", func(t *testing.T) {
		m := midastest.Start(t, midastest.Backend(running.URL), midastest.Log(slog.New(slog.NewTextHandler(&log, nil))))
		m.CreateAADUser("orders")
		if user := currentUser(t, m.Open("orders")); user != "orders@%" {
			t.Errorf("signed in as %s, want orders@%%", user)
		}
	})
	var there int
	if err := running.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mysql.user WHERE User = 'orders'").Scan(&there); err != nil || there != 1 {
		t.Errorf("%d accounts of that name on the server, %v", there, err)
	}
	if !strings.Contains(log.String(), "user=orders") {
		t.Errorf("the sign-in is not in the log:\n%s", &log)
	}
}

func TestClientIDIsInTheToken(t *testing.T) {
	m := embedded(t)
	parts := strings.Split(m.Token("orders"), ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !strings.Contains(string(claims), `"`+m.ClientID("orders")+`"`) {
		t.Errorf("client id %s, claims %s, %v", m.ClientID("orders"), claims, err)
	}
}
