//go:build gms_pure_go

package embedded

import (
	"context"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// kind is what a statement does to others: it decides which locks the statement takes.
type kind int

const (
	reading   kind = iota // reads tables, if any, and changes nothing
	aside                 // touches no table: may wait for hours, as in SELECT SLEEP
	ending                // changes no table, but may end a transaction
	beginning             // START TRANSACTION
	writing               // changes rows
	defining              // changes definitions: runs alone
	calling               // runs a stored program, which may do all of the above
	granting              // changes accounts, which the engine guards by itself
	locking               // LOCK TABLES
	unlocking             // UNLOCK TABLES
	preparing             // only plans a statement
)

func (k kind) writes() bool {
	return k == writing || k == defining || k == calling || k == locking
}

// commits tells which statements end the transaction before they do anything else.
// Source: MySQL manual, "Statements That Cause an Implicit Commit".
func (k kind) commits() bool {
	return k == defining || k == granting || k == locking
}

// statement is what the engine's hooks know of what runs. It travels in the context.
type statement struct {
	kind    kind
	session *session
	keys    map[string]keySet // by table
}

func (s *statement) keysOf(table string) keySet {
	if s == nil {
		return keySet{}
	}
	if s.keys == nil {
		s.keys = map[string]keySet{}
	}
	if s.keys[table] == nil {
		s.keys[table] = keySet{}
	}
	return s.keys[table]
}

type statementKey struct{}

func withStatement(ctx context.Context, s *statement) context.Context {
	return context.WithValue(ctx, statementKey{}, s)
}

// statementOf is nil where the engine works on its own account.
func statementOf(ctx *sql.Context) *statement {
	s, _ := ctx.Value(statementKey{}).(*statement)
	return s
}

// kindOf classifies by the engine's own syntax tree. What it does not know runs alone.
func kindOf(stmt ast.Statement) kind {
	switch n := stmt.(type) {
	case ast.SelectStatement:
		return kindOfSelect(n)
	case *ast.Explain:
		if n.Analyze {
			return kindOf(n.Statement)
		}
		return reading
	case *ast.Show, *ast.ShowGrants, *ast.ShowPrivileges, *ast.OtherRead, *ast.Stream:
		return reading
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Load:
		return writing
	case *ast.Call:
		return calling
	case *ast.Prepare:
		return preparing
	case *ast.Begin:
		return beginning
	case *ast.LockTables:
		return locking
	case *ast.UnlockTables:
		return unlocking
	case *ast.Flush:
		return kindOfFlush(n)
	case *ast.DDL:
		return kindOfDDL(n)
	case *ast.CreateUser, *ast.RenameUser, *ast.DropUser, *ast.CreateRole, *ast.DropRole,
		*ast.GrantPrivilege, *ast.GrantRole, *ast.GrantProxy, *ast.RevokePrivilege, *ast.RevokeRole, *ast.RevokeProxy:
		return granting
	case *ast.Set, *ast.Use, *ast.Commit, *ast.Rollback, *ast.Savepoint, *ast.RollbackSavepoint, *ast.ReleaseSavepoint,
		*ast.Kill, *ast.Deallocate, *ast.Signal, *ast.Resignal:
		return ending
	}
	return defining
}

// kindOfSelect tells reads that lock, reads of tables, and those that need neither.
func kindOfSelect(n ast.SelectStatement) kind {
	k := aside
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) {
		switch node := node.(type) {
		case *ast.Select:
			if node.Lock != nil && node.Lock.Type != "" {
				k = writing
			}
		case ast.TableName:
			if k == aside && !node.IsEmpty() && !strings.EqualFold(node.Name.String(), "dual") {
				k = reading
			}
		case *ast.TableFuncExpr, *ast.JSONTableExpr:
			if k == aside {
				k = reading
			}
		}
		return k != writing, nil
	}, n)
	return k
}

func kindOfFlush(n *ast.Flush) kind {
	if n.Option != nil && n.Option.ReadLock {
		return locking
	}
	return ending
}

func kindOfDDL(n *ast.DDL) kind {
	switch {
	case !n.User.IsEmpty():
		return granting
	case n.Action == ast.TruncateStr:
		return writing
	}
	return defining
}
