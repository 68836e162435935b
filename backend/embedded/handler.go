//go:build gms_pure_go

package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// handler stands between the protocol and the engine. Each statement is parsed once,
// vetted, made to wait for its turn, and run under a context that ends with its
// connection.
type handler struct {
	inner    mysql.Handler
	parsed   mysql.ExtendedHandler // the same
	engine   *sqle.Engine
	sessions *server.SessionManager
	listener *listener
	writes   *writeLock
	gate     gate
	log      *slog.Logger

	mu   sync.Mutex
	open map[uint32]*session
}

var (
	_ mysql.Handler              = (*handler)(nil)
	_ mysql.BinlogReplicaHandler = (*handler)(nil)
)

// result is what the engine calls with rows, or with an OK that has none.
type result = func(r *sqltypes.Result, more bool) error

func (h *handler) NewConnection(c *mysql.Conn) {
	defer h.contain("a new connection", nil)
	h.inner.NewConnection(c)
	s := h.newSession(c)
	c.ClientData = s
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[c.ConnectionID] = s
}

func (h *handler) ConnectionClosed(c *mysql.Conn) {
	if p, ok := c.Conn.(*pipe); ok {
		defer h.listener.remove(p)
	}
	defer h.contain("the end of a connection", nil)
	h.mu.Lock()
	delete(h.open, c.ConnectionID)
	h.mu.Unlock()
	if s, ok := c.ClientData.(*session); ok {
		defer s.close()
	}
	h.inner.ConnectionClosed(c)
}

func (h *handler) ConnectionAuthenticated(c *mysql.Conn) (err error) {
	defer h.contain("a sign-in", &err)
	if user, ok := c.UserData.(sql.MysqlConnectionUser); ok {
		s := c.ClientData.(*session)
		h.mu.Lock()
		s.user, s.host = user.User, user.Host
		h.mu.Unlock()
	}
	if err := h.inner.ConnectionAuthenticated(c); err != nil {
		return err
	}
	return c.ClientData.(*session).adoptCharset()
}

func (h *handler) ConnectionAborted(c *mysql.Conn, reason string) error {
	return h.inner.ConnectionAborted(c, reason)
}

func (h *handler) ComInitDB(c *mysql.Conn, name string) error {
	return h.run(c, ending, nil, func(ctx context.Context, s *session, _ result) error {
		ec, err := s.engineContext(ctx)
		if err != nil {
			return err
		}
		// The engine's own answer has lost what kind of refusal it is.
		if _, err := h.engine.Analyzer.Catalog.Database(ec, name); err != nil {
			return denied(ec, err, ast.AuthInformation{})
		}
		return h.inner.ComInitDB(c, name)
	})
}

func (h *handler) ComQuery(_ context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) error {
	_, err := h.query(c, query, false, callback)
	return err
}

func (h *handler) ComMultiQuery(_ context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) (string, error) {
	return h.query(c, query, true, callback)
}

// query runs the first statement of a text and returns the rest.
func (h *handler) query(c *mysql.Conn, query string, multi bool, callback result) (rest string, err error) {
	s := c.ClientData.(*session)
	p, err := s.parse(query, multi)
	if err != nil {
		return "", err
	}
	k, err := s.vet(p.stmt)
	if err != nil {
		return "", err
	}
	err = h.run(c, k, callback, func(ctx context.Context, _ *session, callback result) error {
		rows := func(r *sqltypes.Result, _ bool) error { return callback(r, p.rest != "") }
		switch {
		case p.stmt == nil:
			return h.inner.ComQuery(ctx, c, p.text, rows)
		case p.quiet:
			none := func(*sqltypes.Result, bool) error { return nil }
			if err := h.parsed.ComParsedQuery(ctx, c, p.text, p.stmt, none); err != nil {
				return err
			}
			return rows(&sqltypes.Result{}, false)
		}
		return h.parsed.ComParsedQuery(ctx, c, p.text, p.stmt, rows)
	})
	return p.rest, err
}

func (h *handler) ComPrepare(_ context.Context, c *mysql.Conn, query string, prepare *mysql.PrepareData) (fields []*querypb.Field, err error) {
	s := c.ClientData.(*session)
	p, err := s.parse(query, false)
	if err != nil {
		return nil, err
	}
	if _, err := s.vet(p.stmt); err != nil {
		return nil, err
	}
	err = h.run(c, preparing, nil, func(ctx context.Context, _ *session, _ result) error {
		prepare.PrepareStmt = p.query // by which the engine finds it again
		fields, err = h.inner.ComPrepare(ctx, c, p.query, prepare)
		return err
	})
	return fields, err
}

func (h *handler) ComStmtExecute(_ context.Context, c *mysql.Conn, prepare *mysql.PrepareData, callback func(*sqltypes.Result) error) error {
	if prepare == nil {
		return sqlError(mysqlerr.UnknownStmtHandler, "Unknown prepared statement handler given to EXECUTE")
	}
	s := c.ClientData.(*session)
	stmt, err := s.prepared(prepare.PrepareStmt)
	if err != nil {
		return err
	}
	k, err := s.vet(stmt)
	if err != nil {
		return err
	}
	if err := s.readableValues(prepare); err != nil {
		return err
	}
	rows := func(r *sqltypes.Result, _ bool) error { return callback(r) }
	return h.run(c, k, rows, func(ctx context.Context, _ *session, callback result) error {
		return h.inner.ComStmtExecute(ctx, c, prepare, func(r *sqltypes.Result) error { return callback(r, false) })
	})
}

func (h *handler) ComResetConnection(c *mysql.Conn) error {
	return h.run(c, aside, nil, func(_ context.Context, s *session, _ result) error {
		s.tablesLocked = false
		return h.inner.ComResetConnection(c)
	})
}

func (h *handler) WarningCount(c *mysql.Conn) uint16 { return h.inner.WarningCount(c) }

func (h *handler) ParserOptionsForConnection(c *mysql.Conn) (_ ast.ParserOptions, err error) {
	defer h.contain("a statement to prepare", &err)
	return h.inner.ParserOptionsForConnection(c)
}

// ComRegisterReplica and ComBinlogDumpGTID refuse: a client that gets no answer waits.
func (*handler) ComRegisterReplica(*mysql.Conn, string, uint16, string, string) error {
	return refuse("replication")
}

func (*handler) ComBinlogDumpGTID(*mysql.Conn, string, uint64, mysql.GTIDSet) error {
	return refuse("replication")
}

// run is the one way into the engine for a command of a client.
func (h *handler) run(c *mysql.Conn, k kind, callback result, command func(context.Context, *session, result) error) (err error) {
	s := c.ClientData.(*session)
	// With a cursor open, another goroutine is still inside the engine's session.
	if !s.busy.TryLock() {
		return refuse("another command while a cursor is open")
	}
	defer s.busy.Unlock()
	turn, err := s.begin(k)
	defer func() { turn.end(err) }()
	defer h.contain("a statement", &err)
	if err != nil {
		return withState(err)
	}
	err = command(turn.ctx, s, func(r *sqltypes.Result, more bool) error {
		// A client that reads its rows slowly keeps nobody from changing definitions.
		turn.leave()
		return callback(r, more)
	})
	if err != nil && turn.ctx.Err() != nil {
		return errInterrupted()
	}
	return withState(err)
}

// contain turns a panic of the engine into an error. Without it the connection would be
// lost, or the process: cursors run in goroutines of their own.
func (h *handler) contain(what string, err *error) {
	cause := recover()
	if cause == nil {
		return
	}
	h.log.Error("the embedded engine panicked", "during", what, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if err != nil {
		*err = sqlError(mysql.ERUnknownError, "the embedded engine failed at this statement: %v", cause)
	}
}
