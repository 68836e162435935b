//go:build gms_pure_go

package embedded

import (
	"slices"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/plan"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// privileges is the engine's check of privileges with MySQL's answers, and without the
// ways around it.
type privileges struct {
	sql.AuthorizationHandler
	accounts *mysql_db.MySQLDb
}

// HandleAuth is asked for each part of a statement as it is planned.
func (p privileges) HandleAuth(ctx *sql.Context, state sql.AuthorizationQueryState, auth ast.AuthInformation) error {
	if err := outOfPlace(ctx, auth); err != nil {
		return err
	}
	if isGlobal(auth) {
		// The engine takes a subject without a database for the database in use, so
		// that ALL ON shop.* WITH GRANT OPTION would do for GRANT … ON *.*.
		defer ctx.SetCurrentDatabase(ctx.GetCurrentDatabase())
		ctx.SetCurrentDatabase("")
	}
	switch n := auth.Extra.(type) {
	case *plan.Grant:
		return p.mayGrant(ctx, n, n.PrivilegeLevel, auth)
	case *plan.Revoke:
		return p.mayGrant(ctx, n, n.PrivilegeLevel, auth)
	}
	return denied(ctx, p.AuthorizationHandler.HandleAuth(ctx, state, auth), auth)
}

// mayGrant asks for what is granted or revoked, and for GRANT OPTION. The engine would
// also let a user who may update schema mysql grant anything, such as FILE to themselves, and
// takes SUPER for GRANT OPTION.
func (p privileges) mayGrant(ctx *sql.Context, n sql.AuthorizationCheckerNode, level plan.PrivilegeLevel, auth ast.AuthInformation) error {
	if auth.AuthType == ast.AuthType_REVOKE_ALL && p.accounts.UserHasPrivileges(ctx, sql.NewPrivilegedOperation(sql.PrivilegeCheckSubject{}, sql.PrivilegeType_CreateUser)) {
		return nil
	}
	own := p.accounts.UserActivePrivilegeSet(ctx)
	passes := own.Has(sql.PrivilegeType_GrantOption)
	if database := level.Database; database != "*" {
		if database == "" {
			database = ctx.GetCurrentDatabase()
		}
		passes = passes || own.Database(database).Has(sql.PrivilegeType_GrantOption) ||
			own.Database(database).Table(level.TableRoutine).Has(sql.PrivilegeType_GrantOption)
	}
	if !passes || !n.CheckAuth(ctx, grantCheck{p.accounts}) {
		number := mysqlerr.SpecificAccessDenied
		if level.Database != "*" {
			number = mysqlerr.DBAccessDenied
			if level.TableRoutine != "*" {
				number = mysqlerr.TableAccessDenied
			}
		}
		client := ctx.Session.Client()
		return sqlError(number, "GRANT command denied to user '%s'@'%s': it takes GRANT OPTION and the privileges", client.User, client.Address)
	}
	return nil
}

// grantCheck is how a GRANT asks for privileges.
type grantCheck struct{ *mysql_db.MySQLDb }

func (g grantCheck) UserHasPrivileges(ctx *sql.Context, operations ...sql.PrivilegedOperation) bool {
	if len(operations) == 1 && operations[0].Database == "mysql" && slices.Equal(operations[0].StaticPrivileges, []sql.PrivilegeType{sql.PrivilegeType_Update}) {
		return false
	}
	return g.MySQLDb.UserHasPrivileges(ctx, operations...)
}

func (p privileges) HandleAuthNode(ctx *sql.Context, state sql.AuthorizationQueryState, node sql.AuthorizationCheckerNode) error {
	return denied(ctx, p.AuthorizationHandler.HandleAuthNode(ctx, state, node), ast.AuthInformation{})
}

func (p privileges) CheckDatabase(ctx *sql.Context, state sql.AuthorizationQueryState, database string) error {
	return denied(ctx, p.AuthorizationHandler.CheckDatabase(ctx, state, database), ast.AuthInformation{})
}

func (p privileges) CheckTable(ctx *sql.Context, state sql.AuthorizationQueryState, database, schema, table string) error {
	return denied(ctx, p.AuthorizationHandler.CheckTable(ctx, state, database, schema, table), ast.AuthInformation{})
}

// isGlobal tells whether only a privilege on *.* will do.
func isGlobal(auth ast.AuthInformation) bool {
	switch n := auth.Extra.(type) {
	case *plan.Grant:
		return n.PrivilegeLevel.Database == "*"
	case *plan.Revoke:
		return n.PrivilegeLevel.Database == "*"
	}
	return auth.TargetType == ast.AuthTargetType_Global
}

// definitions are the checks of statements that change definitions.
var definitions = map[string]bool{
	ast.AuthType_ALTER: true, ast.AuthType_ALTER_ROUTINE: true, ast.AuthType_CREATE: true, ast.AuthType_CREATE_ROUTINE: true,
	ast.AuthType_CREATE_TEMP: true, ast.AuthType_CREATE_VIEW: true, ast.AuthType_DROP: true, ast.AuthType_EVENT: true,
	ast.AuthType_INDEX: true, ast.AuthType_RENAME: true, ast.AuthType_TRIGGER: true,
}

// changes are the checks of statements that change rows.
var changes = map[string]bool{
	ast.AuthType_INSERT: true, ast.AuthType_UPDATE: true, ast.AuthType_DELETE: true, ast.AuthType_REPLACE: true,
}

// outOfPlace refuses what must not happen where it is, whatever the privileges.
func outOfPlace(ctx *sql.Context, auth ast.AuthInformation) error {
	s := statementOf(ctx)
	if s == nil {
		return nil
	}
	if definitions[auth.AuthType] && (s.kind == calling || s.kind == writing && auth.AuthType != ast.AuthType_DROP) {
		// Only a statement that runs alone may do this.
		return refuse("statements that change definitions, in stored programs")
	}
	if (!changes[auth.AuthType] && !definitions[auth.AuthType]) || s.kind == preparing {
		return nil
	}
	for _, database := range databasesOf(ctx, auth) {
		switch {
		case strings.EqualFold(database, "mysql"):
			// The engine's copy of a changed row keeps no privileges but the global ones.
			return refuse("changing schema mysql other than by account statements")
		case strings.EqualFold(database, "midas") && !s.session.is(serviceUser, serviceHost):
			// Without the mappings of accounts to identities nobody could sign in.
			return refuse("changing schema midas other than by CREATE AADUSER and account statements")
		}
	}
	return nil
}

// databasesOf lists the databases of what a check is about.
func databasesOf(ctx *sql.Context, auth ast.AuthInformation) (databases []string) {
	step := 2 // a database and a table
	switch {
	case auth.TargetType == ast.AuthTargetType_DatabaseIdentifiers:
		step = 1
	case auth.TargetType == ast.AuthTargetType_TableColumn:
		step = 3
	case auth.TargetType != ast.AuthTargetType_SingleTableIdentifier && auth.TargetType != ast.AuthTargetType_MultipleTableIdentifiers &&
		auth.AuthType != ast.AuthType_RENAME:
		return nil
	}
	for i := 0; i < len(auth.TargetNames); i += step {
		database := auth.TargetNames[i]
		if database == "" {
			database = ctx.GetCurrentDatabase()
		}
		databases = append(databases, database)
	}
	return databases
}
