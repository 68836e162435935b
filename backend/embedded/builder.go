//go:build gms_pure_go

package embedded

import (
	"fmt"
	"sync"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/rowexec"
	"github.com/dolthub/vitess/go/mysql"
)

// builder sees every node of a plan before the engine executes it, however the statement
// came: as text, prepared, or from a stored program.
type builder struct {
	engine   *rowexec.BaseBuilder // without this builder
	accounts *mysql_db.MySQLDb

	// changing keeps an account as it was found until the engine has changed it.
	changing sync.Mutex
}

var _ sql.NodeExecBuilder = (*builder)(nil)

// Build returns nil where the engine shall do it.
func (b *builder) Build(ctx *sql.Context, n sql.Node, row sql.Row) (sql.RowIter, error) {
	s := statementOf(ctx)
	if s == nil {
		return nil, nil
	}
	if !s.session.writing && ctx.GetTransaction() != nil && !inTransaction(ctx) {
		// It has nothing to commit, and without a transaction the engine will not try.
		ctx.SetTransaction(nil)
	}
	switch n := n.(type) {
	case *plan.Into:
		if n.Outfile != "" || n.Dumpfile != "" {
			return nil, errFiles()
		}
	case *plan.LoadData:
		if !n.Local {
			return nil, errFiles()
		}
	case *plan.Set:
		return nil, b.maySet(ctx, n)
	case *plan.Signal:
		return signal(ctx, n)
	}
	return b.buildAccounts(ctx, s, n, row)
}

// errFiles keeps clients off the files of this process, among which are the keys of
// midas. The engine asks for no privilege before SELECT … INTO OUTFILE.
func errFiles() error {
	return sqlError(mysql.EROptionPreventsStatement, "The MySQL server is running with the --secure-file-priv option so it cannot execute this statement")
}

// maySet guards variables that all sessions share, which the engine lets anyone set.
func (b *builder) maySet(ctx *sql.Context, n *plan.Set) error {
	for _, e := range n.Exprs {
		field, ok := e.(*expression.SetField)
		if !ok {
			continue
		}
		variable, ok := field.LeftChild.(*expression.SystemVar)
		if !ok {
			continue
		}
		if err := mayRead(ctx, variable, field.RightChild); err != nil {
			return err
		}
		scope, ok := variable.Scope.(*sql.MysqlScope)
		if !ok || scope.Type == sql.SystemVariableScope_Session {
			continue
		}
		if scope.Type != sql.SystemVariableScope_Global {
			return refuse("SET PERSIST: nothing outlives the process")
		}
		if !b.accounts.UserHasPrivileges(ctx, sql.NewPrivilegedOperation(sql.PrivilegeCheckSubject{}, sql.PrivilegeType_Super)) {
			return sqlError(mysql.ERSpecifiedAccessDenied, "Access denied; you need (at least one of) the SUPER or SYSTEM_VARIABLES_ADMIN privilege(s) for this operation")
		}
	}
	return nil
}

// signal makes the warnings that the engine has not implemented, and leaves it errors.
func signal(ctx *sql.Context, n *plan.Signal) (sql.RowIter, error) {
	if n.SqlStateValue[:2] != "01" {
		return nil, nil
	}
	text := n.Info[plan.SignalConditionItemName_MessageText]
	if text.ExprVal != nil {
		value, err := text.ExprVal.Eval(ctx, nil)
		if err != nil {
			return nil, err
		}
		text.StrValue = fmt.Sprint(value)
	}
	ctx.Warn(int(n.Info[plan.SignalConditionItemName_MysqlErrno].IntValue), "%s", text.StrValue)
	return sql.RowsToRowIter(), nil
}
