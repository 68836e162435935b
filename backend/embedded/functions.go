//go:build gms_pure_go

package embedded

import (
	"time"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// functions come before the engine's own of the same name.
func functions(locks *sql.LockSubsystem) map[string]sql.Function {
	return map[string]sql.Function{
		"get_lock": sql.Function2{Name: "get_lock", Fn: func(name, wait sql.Expression) sql.Expression {
			return &getLock{BinaryExpressionStub: expression.BinaryExpressionStub{LeftChild: name, RightChild: wait}, locks: locks}
		}},
		// The engine would read any file of this process for anyone. MySQL answers NULL
		// to those who may not.
		"load_file": sql.Function1{Name: "load_file", Fn: func(sql.Expression) sql.Expression {
			return expression.NewLiteral(nil, types.LongBlob)
		}},
	}
}

// getLock is GET_LOCK. The engine's own tries ten thousand times a second, and goes on
// when its connection has ended.
type getLock struct {
	expression.BinaryExpressionStub
	locks *sql.LockSubsystem
}

var (
	_ sql.FunctionExpression = (*getLock)(nil)
	_ sql.CollationCoercible = (*getLock)(nil)
)

func (*getLock) FunctionName() string     { return "get_lock" }
func (*getLock) Description() string      { return "gets a named lock." }
func (*getLock) Type() sql.Type           { return types.Int8 }
func (*getLock) IsNullable() bool         { return true }
func (*getLock) IsNonDeterministic() bool { return true }
func (g *getLock) String() string {
	return "get_lock(" + g.LeftChild.String() + "," + g.RightChild.String() + ")"
}

func (*getLock) CollationCoercibility(*sql.Context) (sql.CollationID, byte) {
	return sql.Collation_binary, 5
}

func (g *getLock) WithChildren(children ...sql.Expression) (sql.Expression, error) {
	if len(children) != 2 {
		return nil, sql.ErrInvalidChildrenNumber.New(g, len(children), 2)
	}
	return &getLock{expression.BinaryExpressionStub{LeftChild: children[0], RightChild: children[1]}, g.locks}, nil
}

func (g *getLock) Eval(ctx *sql.Context, row sql.Row) (any, error) {
	name, wait, err := g.arguments(ctx, row)
	if err != nil {
		return nil, err
	}
	var expired <-chan time.Time // never, for a negative time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		expired = timer.C
	}
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		if ctx.Err() != nil { // its connection may have ended together with the holder's
			return nil, errInterrupted()
		}
		err := g.locks.Lock(ctx, name, 0)
		if err == nil {
			return int8(1), nil
		}
		if !sql.ErrLockTimeout.Is(err) {
			return nil, err
		}
		select {
		case <-again.C:
		case <-expired:
			return int8(0), nil
		case <-ctx.Done():
			return nil, errInterrupted()
		}
	}
}

const maxLockName = 64

// maxLockWait is what "for ever" comes to: a longer time would overflow.
const maxLockWait = 365 * 24 * 3600

func (g *getLock) arguments(ctx *sql.Context, row sql.Row) (name string, wait time.Duration, err error) {
	value, err := g.LeftChild.Eval(ctx, row)
	if err != nil {
		return "", 0, err
	}
	name, ok := value.(string)
	if !ok || name == "" || len(name) > maxLockName {
		return "", 0, sqlError(mysqlerr.UserLockWrongName, "Incorrect user-level lock name '%v'.", value)
	}
	value, err = g.RightChild.Eval(ctx, row)
	if err != nil || value == nil {
		return "", 0, err
	}
	seconds, _, err := types.Float64.Convert(ctx, value)
	if err != nil {
		return "", 0, err
	}
	return name, time.Duration(min(seconds.(float64), maxLockWait) * float64(time.Second)), nil
}
