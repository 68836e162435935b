//go:build gms_pure_go

package embedded

import (
	"errors"
	"math"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

func sqlError(number uint16, format string, args ...any) *mysql.SQLError {
	return mysql.NewSQLError(int(number), mysqlerr.State(number), format, args...)
}

// refuse is for what the engine would take and not do.
func refuse(format string, args ...any) *mysql.SQLError {
	return sqlError(mysql.ERNotSupportedYet, "the embedded engine does not do this: "+format, args...)
}

func errInterrupted() *mysql.SQLError {
	return sqlError(mysql.ERQueryInterrupted, "Query execution was interrupted")
}

// withState gives an error of the engine the SQLSTATE that the engine leaves out beside the
// right number.
func withState(err error) error {
	var e *mysql.SQLError
	if err == nil || !errors.As(err, &e) {
		return err
	}
	if e.State == mysql.SSUnknownSQLState && e.Num > 0 && e.Num <= math.MaxUint16 {
		return mysql.NewSQLError(e.Num, mysqlerr.State(uint16(e.Num)), "%s", e.Message)
	}
	return e
}

// denied gives the engine's refusals MySQL's numbers; all of them come as 1105. Where a
// client may use nothing of a database the engine names the database, MySQL the table.
func denied(ctx *sql.Context, err error, auth ast.AuthInformation) error {
	inDatabase := sql.ErrDatabaseAccessDeniedForUser.Is(err)
	if err == nil || !inDatabase && !sql.ErrTableAccessDeniedForUser.Is(err) && !sql.ErrPrivilegeCheckFailed.Is(err) {
		return err
	}
	client := ctx.Session.Client()
	switch {
	case auth.AuthType == ast.AuthType_CALL:
		return sqlError(mysqlerr.ProcAccessDenied, "execute command denied to user '%s'@'%s' for routine '%s'",
			client.User, client.Address, strings.Join(auth.TargetNames[:2], "."))
	case auth.TargetType == ast.AuthTargetType_Global:
		return sqlError(mysql.ERSpecifiedAccessDenied, "Access denied; you need the %s privilege for this operation (%s)", auth.AuthType, err.Error())
	case isOfTable(auth) && auth.AuthType != ast.AuthType_LOCK:
		return sqlError(mysqlerr.TableAccessDenied, "%s command denied to user '%s'@'%s' for table '%s'",
			auth.AuthType, client.User, client.Address, auth.TargetNames[1])
	case inDatabase, auth.TargetType == ast.AuthTargetType_DatabaseIdentifiers:
		return sqlError(mysql.ERDBAccessDenied, "%s", err.Error())
	case auth.TargetType == ast.AuthTargetType_Ignore:
		return sqlError(mysql.ERSpecifiedAccessDenied, "Access denied; %s", err.Error())
	}
	return sqlError(mysqlerr.TableAccessDenied, "%s", err.Error())
}

func isOfTable(auth ast.AuthInformation) bool {
	switch auth.TargetType {
	case ast.AuthTargetType_SingleTableIdentifier, ast.AuthTargetType_MultipleTableIdentifiers, ast.AuthTargetType_TableColumn:
		return len(auth.TargetNames) > 1
	}
	return false
}
