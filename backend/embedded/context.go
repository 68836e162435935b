//go:build gms_pure_go

package embedded

import (
	"context"
	"io"

	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/sirupsen/logrus"
)

// contexts makes the context of each statement. Without the PROCESS privilege a user sees
// his own connections only: what others run may hold their data, and passwords.
func contexts(accounts *mysql_db.MySQLDb) sql.ContextFactory {
	return func(ctx context.Context, options ...sql.ContextOption) *sql.Context {
		ec := sql.NewContext(ctx, options...)
		if statementOf(ec) != nil && !accounts.UserActivePrivilegeSet(ec).Has(sql.PrivilegeType_Process) {
			ec.ProcessList = ownProcesses{ec.ProcessList, ec.Session.Client()}
		}
		return ec
	}
}

type ownProcesses struct {
	sql.ProcessList
	client sql.Client
}

func (p ownProcesses) Processes() []sql.Process {
	var own []sql.Process
	for _, process := range p.ProcessList.Processes() {
		if process.User == p.client.User && process.Host == p.client.Address {
			own = append(own, process)
		}
	}
	return own
}

// sessionBuilder makes the engine's session of a connection. It commits to the tables of
// databases, but only while the connection holds the write lock.
func sessionBuilder(databases *memory.DbProvider) func(context.Context, *mysql.Conn, string) (sql.Session, error) {
	// The engine logs whole statements, and so passwords.
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	silent.SetLevel(logrus.PanicLevel)
	return func(_ context.Context, conn *mysql.Conn, address string) (sql.Session, error) {
		client := sql.Client{Capabilities: conn.Capabilities}
		if user, ok := conn.UserData.(sql.MysqlConnectionUser); ok {
			client.User, client.Address = user.User, user.Host
		}
		base := sql.NewBaseSessionWithClientServer(address, client, conn.ConnectionID)
		base.SetLogger(logrus.NewEntry(silent))
		return memory.NewSession(base, committing{databases}), nil
	}
}

// committing is where a session's commit looks databases up. A commit puts back all that
// the session has read, so without the lock it would undo what others have written.
type committing struct{ *memory.DbProvider }

func (c committing) Database(ctx *sql.Context, name string) (sql.Database, error) {
	if s := statementOf(ctx); s == nil || !s.session.writing {
		return nil, sqlError(mysql.ERUnknownError, "the embedded engine was about to commit without its lock")
	}
	return c.DbProvider.Database(ctx, name)
}
