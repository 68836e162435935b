//go:build gms_pure_go

package embedded_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"github.com/midas-mysql/midas/backend/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is a backend and ways to use it as a client would.
type engine struct {
	*testing.T
	*embedded.Backend
}

func start(t *testing.T) *engine {
	t.Helper()
	b, err := embedded.New(t.Context(), embedded.Config{
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t, b}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

const password = "it's a secret"

// open is an ordinary driver that signs in the way the gateway does.
func (e *engine) open(user string, change ...func(*mysql.Config)) *sql.DB {
	e.Helper()
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = user, password, "pipe", "engine"
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) }
	config.Timeout, config.ReadTimeout = 10*time.Second, 60*time.Second
	config.Logger = &mysql.NopLogger{}
	for _, c := range change {
		c(config)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		e.Fatal(err)
	}
	db := sql.OpenDB(connector)
	e.Cleanup(func() { db.Close() })
	return db
}

// conn is one connection of user.
func (e *engine) conn(user string, change ...func(*mysql.Config)) *sql.Conn {
	e.Helper()
	conn, err := e.open(user, change...).Conn(e.Context())
	if err != nil {
		e.Fatalf("sign in as %s: %v", user, err)
	}
	e.Cleanup(func() { conn.Close() })
	return conn
}

// user makes an account at any host, with what it is granted.
func (e *engine) user(name string, grants ...string) {
	e.Helper()
	e.run(e.DB(), fmt.Sprintf("CREATE USER %s IDENTIFIED BY \"%s\"", name, password))
	for _, grant := range grants {
		e.run(e.DB(), "GRANT "+grant+" TO "+name)
	}
}

type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (e *engine) run(on querier, statements ...string) {
	e.Helper()
	for _, statement := range statements {
		if _, err := on.ExecContext(e.Context(), statement); err != nil {
			e.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask returns the rows of a query as "a|b, c|d".
func (e *engine) ask(on querier, query string, args ...any) string {
	e.Helper()
	text, err := e.tryAsk(on, query, args...)
	if err != nil {
		e.Fatalf("%s: %v", query, err)
	}
	return text
}

// askPrepared is ask by way of a prepared statement.
func (e *engine) askPrepared(on *sql.Conn, query string) string {
	e.Helper()
	prepared, err := on.PrepareContext(e.Context(), query)
	if err != nil {
		e.Fatalf("prepare %s: %v", query, err)
	}
	defer prepared.Close()
	rows, err := prepared.QueryContext(e.Context())
	if err != nil {
		e.Fatalf("execute %s: %v", query, err)
	}
	text, err := read(rows)
	if err != nil {
		e.Fatalf("execute %s: %v", query, err)
	}
	return text
}

func (e *engine) tryAsk(on querier, query string, args ...any) (string, error) {
	rows, err := on.QueryContext(e.Context(), query, args...)
	if err != nil {
		return "", err
	}
	return read(rows)
}

func read(rows *sql.Rows) (string, error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		var line []string
		for _, v := range values {
			text := v.(*sql.NullString)
			if !text.Valid {
				text.String = "NULL"
			}
			line = append(line, text.String)
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	return strings.Join(lines, ", "), rows.Err()
}

func (e *engine) want(on querier, query, want string) {
	e.Helper()
	if got := e.ask(on, query); got != want {
		e.Errorf("%s: %q, want %q", query, got, want)
	}
}

// wantSet is want for rows in any order.
func (e *engine) wantSet(on querier, query string, want ...string) {
	e.Helper()
	got := strings.Split(e.ask(on, query), ", ")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		e.Errorf("%s: %q, want %q", query, got, want)
	}
}

// refused checks for MySQL's error number, in a result as in a statement.
func (e *engine) refused(on querier, number uint16, statement string, args ...any) {
	e.Helper()
	if _, err := e.tryAsk(on, statement, args...); !isError(err, number) {
		e.Errorf("%s: %v, want error %d", statement, err, number)
	}
}

func isError(err error, number uint16) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == number
}
