//go:build gms_pure_go

package embedded

import (
	"errors"
	"testing"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/go-sql-driver/mysql"
)

// fall is a function of the engine that panics.
type fall struct{ expression.UnaryExpressionStub }

func (*fall) FunctionName() string { return "fall" }
func (*fall) Description() string  { return "panics." }
func (*fall) Type() gms.Type       { return nil }
func (*fall) String() string       { return "fall" }
func (*fall) Eval(*gms.Context, gms.Row) (any, error) {
	panic("a fault of the engine")
}

func (f *fall) WithChildren(...gms.Expression) (gms.Expression, error) { return f, nil }

func TestPanicEndsAStatementOnly(t *testing.T) {
	b, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	functions := b.server.Engine.Analyzer.Catalog.DbProvider.(*provider).functions
	functions["fall"] = gms.Function1{Name: "fall", Fn: func(e gms.Expression) gms.Expression {
		return &fall{expression.UnaryExpressionStub{Child: e}}
	}}
	conn, err := b.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	run := func(statement string, args ...any) error {
		_, err := conn.ExecContext(t.Context(), statement, args...)
		return err
	}
	for _, statement := range []string{"CREATE DATABASE d", "CREATE TABLE d.t (n INT)", "INSERT INTO d.t VALUES (1)", "PREPARE s FROM 'SELECT FALL(1)'"} {
		if err := run(statement); err != nil && statement != "PREPARE s FROM 'SELECT FALL(1)'" {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		statement string
		args      []any
	}{
		{"SELECT FALL(1)", nil},
		{"SELECT FALL(?)", []any{1}},
		{"DO FALL(1)", nil},
		{"UPDATE d.t SET n = FALL(n)", nil},
		{"INSERT INTO d.t SELECT FALL(n) FROM d.t", nil},
		{"CREATE TABLE d.u AS SELECT FALL(n) FROM d.t", nil},
	} {
		var e *mysql.MySQLError
		if err := run(c.statement, c.args...); !errors.As(err, &e) {
			t.Errorf("%s: %v, want an error of the server", c.statement, err)
		}
	}
	// The same connection goes on, and no lock is left behind.
	if err := run("UPDATE d.t SET n = 2"); err != nil {
		t.Error(err)
	}
	if err := run("CREATE TABLE d.v (n INT)"); err != nil {
		t.Error(err)
	}
	if _, err := b.DB().Exec("INSERT INTO d.t VALUES (3)"); err != nil {
		t.Error(err)
	}
}
