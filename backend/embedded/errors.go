//go:build gms_pure_go

package embedded

import (
	"errors"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// Error numbers that the engine's protocol package does not name.
// Source: MySQL manual, server error message reference.
const (
	erTableAccessDenied = 1142
	erUnknownStatement  = 1243
	erProcAccessDenied  = 1370
	erCannotUser        = 1396
	erGrantToNobody     = 1410
	erWrongLockName     = 3057
	erInvalidJSON       = 3140
	erNoSuchAccount     = 3162
)

// states are the SQLSTATEs that the engine leaves out beside the right number.
var states = map[int]string{
	mysql.ERDBAccessDenied:        mysql.SSClientError,
	mysql.ERSpecifiedAccessDenied: mysql.SSClientError,
	erTableAccessDenied:           mysql.SSClientError,
	erProcAccessDenied:            mysql.SSClientError,
	mysql.ERParseError:            mysql.SSClientError,
	mysql.ERBadDb:                 mysql.SSClientError,
	mysql.ERNotSupportedYet:       mysql.SSClientError,
	mysql.ERNoSuchTable:           mysql.SSUnknownTable,
	mysql.ERBadFieldError:         mysql.SSBadFieldError,
	mysql.ERBadNullError:          mysql.SSConstraintViolation,
	mysql.ERDupEntry:              mysql.SSConstraintViolation,
	mysql.ERRowIsReferenced2:      mysql.SSConstraintViolation,
	mysql.ErNoReferencedRow2:      mysql.SSConstraintViolation,
	mysql.ERQueryInterrupted:      mysql.SSQueryInterrupted,
}

func sqlError(number int, format string, args ...any) *mysql.SQLError {
	state := states[number]
	if state == "" {
		state = mysql.SSUnknownSQLState
	}
	return mysql.NewSQLError(number, state, format, args...)
}

// refuse is for what the engine would take and not do.
func refuse(format string, args ...any) *mysql.SQLError {
	return sqlError(mysql.ERNotSupportedYet, "the embedded engine does not do this: "+format, args...)
}

func errInterrupted() *mysql.SQLError {
	return sqlError(mysql.ERQueryInterrupted, "Query execution was interrupted")
}

// withState gives an error of the engine its SQLSTATE.
func withState(err error) error {
	var e *mysql.SQLError
	if err == nil || !errors.As(err, &e) {
		return err
	}
	if state := states[e.Num]; state != "" && e.State == mysql.SSUnknownSQLState {
		return mysql.NewSQLError(e.Num, state, "%s", e.Message)
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
		return sqlError(erProcAccessDenied, "execute command denied to user '%s'@'%s' for routine '%s'",
			client.User, client.Address, strings.Join(auth.TargetNames[:2], "."))
	case auth.TargetType == ast.AuthTargetType_Global:
		return sqlError(mysql.ERSpecifiedAccessDenied, "Access denied; you need the %s privilege for this operation (%s)", auth.AuthType, err.Error())
	case isOfTable(auth) && auth.AuthType != ast.AuthType_LOCK:
		return sqlError(erTableAccessDenied, "%s command denied to user '%s'@'%s' for table '%s'",
			auth.AuthType, client.User, client.Address, auth.TargetNames[1])
	case inDatabase, auth.TargetType == ast.AuthTargetType_DatabaseIdentifiers:
		return sqlError(mysql.ERDBAccessDenied, "%s", err.Error())
	case auth.TargetType == ast.AuthTargetType_Ignore:
		return sqlError(mysql.ERSpecifiedAccessDenied, "Access denied; %s", err.Error())
	}
	return sqlError(erTableAccessDenied, "%s", err.Error())
}

func isOfTable(auth ast.AuthInformation) bool {
	switch auth.TargetType {
	case ast.AuthTargetType_SingleTableIdentifier, ast.AuthTargetType_MultipleTableIdentifiers, ast.AuthTargetType_TableColumn:
		return len(auth.TargetNames) > 1
	}
	return false
}
