//go:build gms_pure_go

package embedded

import (
	"fmt"
	"io"
	"log/slog"
	"sync"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/rowexec"
	statusvariables "github.com/dolthub/go-mysql-server/sql/variables"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/sirupsen/logrus"
)

// The service account signs in from a host that only DB's connections come from, so that
// its password would be of no use to a client of the gateway.
const (
	serviceUser = "midas"
	serviceHost = "midas.internal"
	gatewayHost = "localhost"
)

// variables tell clients what this is. The engine keeps them for the whole process.
var variables = map[string]any{
	"version_comment": "midas embedded engine (go-mysql-server), data in memory",
	// builder refuses to touch files; this tells clients so, and is a second lock.
	"secure_file_priv": "/dev/null/none",
}

// setUp is for what the engine keeps in package variables.
var setUp = sync.OnceValue(func() error {
	// Its log lines go to standard error and hold statements, and so passwords. What
	// matters comes back as an error.
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)
	statusvariables.InitStatusVariables()
	sql.StatusVariables = statusVariables{sql.StatusVariables}
	return sql.SystemVariables.AssignValues(variables)
})

// statusVariables are the counters of the process. Each new engine sets them all to nothing,
// while others count and read them.
type statusVariables struct{ sql.StatusVariableRegistry }

// SetGlobal sets nothing: no statement can set a status variable.
func (statusVariables) SetGlobal(string, any) error { return nil }

// newServer makes an engine whose hooks all lead here. Nothing runs yet.
func newServer(l *listener, password string, log *slog.Logger) (*server.Server, error) {
	if err := setUp(); err != nil {
		return nil, err
	}
	tables := memory.NewDBProvider()
	databases := &provider{DbProvider: tables}
	engine := sqle.New(analyzer.NewDefault(databases), nil)
	catalog := engine.Analyzer.Catalog
	accounts := catalog.MySQLDb
	databases.functions = functions(engine.LS)
	databases.visible = func(ctx *sql.Context, database string) bool {
		all := accounts.UserActivePrivilegeSet(ctx)
		return all.Count() > 0 || all.Database(database).HasPrivileges()
	}
	catalog.AuthHandler = privileges{catalog.AuthHandler, accounts}
	own := rowexec.NewBuilder(nil, sql.EngineOverrides{})
	own.Runner = engine
	engine.Analyzer.ExecBuilder.PriorityBuilder = &builder{engine: own, accounts: accounts}
	addServiceAccount(accounts, password)

	config := server.Config{Listener: l, Options: []server.Option{handled(l, log)}}
	if _, version, ok := sql.SystemVariables.GetGlobal("version"); ok {
		config.Version = fmt.Sprint(version) // the greeting says what VERSION() says
	}
	return server.NewServer(config, engine, contexts(accounts), sessionBuilder(tables), nil)
}

func addServiceAccount(accounts *mysql_db.MySQLDb, password string) {
	// Without one the engine panics when an account is changed.
	accounts.SetPersister(&mysql_db.NoopPersister{})
	edit := accounts.Editor()
	defer edit.Close()
	accounts.AddEphemeralSuperUser(edit, serviceUser, serviceHost, password)
}

// handled puts handler between the protocol and the engine.
func handled(l *listener, log *slog.Logger) server.Option {
	return func(engine *sqle.Engine, sessions *server.SessionManager, inner mysql.Handler) (*sqle.Engine, *server.SessionManager, mysql.Handler) {
		return engine, sessions, &handler{
			inner: inner, parsed: inner.(mysql.ExtendedHandler), engine: engine, sessions: sessions,
			listener: l, writes: newWriteLock(), gate: newGate(), log: log, open: map[uint32]*session{},
		}
	}
}
