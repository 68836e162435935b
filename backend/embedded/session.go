//go:build gms_pure_go

package embedded

import (
	"context"
	"sync"
	"time"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/mysql"
)

// lingering is how long a statement may go on for a client that will send nothing more.
// It may be gone; it may also be reading still.
const lingering = time.Second

// session is what one connection holds beside the engine's own session.
type session struct {
	*handler
	conn         *mysql.Conn
	ctx          context.Context // ends with the connection
	cancel       context.CancelFunc
	user, host   string // the account it signed in as
	busy         sync.Mutex
	writing      bool // holds the write lock
	tablesLocked bool // LOCK TABLES: keeps it beyond the transaction
}

func (h *handler) newSession(conn *mysql.Conn) *session {
	s := &session{handler: h, conn: conn}
	s.ctx, s.cancel = context.WithCancel(h.listener.statements)
	if p, ok := conn.Conn.(*pipe); ok {
		go s.watch(p)
	}
	return s
}

// watch ends the session's statement when nobody waits for its answer any more.
func (s *session) watch(server *pipe) {
	defer s.cancel()
	select {
	case <-server.peer.ended:
	case <-server.closed:
		return
	case <-s.ctx.Done():
		return
	}
	patience := time.NewTimer(lingering)
	defer patience.Stop()
	select {
	case <-server.peer.closed:
	case <-server.closed:
	case <-s.ctx.Done():
	case <-patience.C:
	}
}

// engineContext is a context for calls into the engine.
func (s *session) engineContext(ctx context.Context) (*sql.Context, error) {
	return s.sessions.NewContextWithQuery(ctx, s.conn, "")
}

// turn is a statement's time in the engine.
type turn struct {
	*session
	kind   kind
	ctx    context.Context
	cancel context.CancelFunc
	leave  func() // the gate
}

// begin makes the statement wait for its turn. The caller ends it also after an error.
func (s *session) begin(k kind) (*turn, error) {
	t := &turn{session: s, kind: k, leave: func() {}}
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	t.ctx = withStatement(t.ctx, &statement{kind: k, session: s})
	ec, err := s.engineContext(t.ctx)
	if err != nil {
		return t, err
	}
	wait := s.patience(ec)
	if k.writes() && !s.writing {
		if err := s.writes.acquire(t.ctx, wait, s.conn.ConnectionID); err != nil {
			return t, err
		}
		s.writing = true
		err = refresh(ec)
	} else if !s.writing && k != reading && k != aside && k != preparing {
		// What it has read must not be there to be put back if it commits.
		err = refresh(ec)
	}
	if err == nil && (k.commits() || k == unlocking && s.tablesLocked) {
		err = s.commit(ec)
	}
	if err != nil || k == aside || k == granting {
		return t, err
	}
	leave, err := s.gate.enter(t.ctx, k == defining, wait)
	if err != nil {
		return t, err
	}
	t.leave = sync.OnceFunc(leave)
	if k == defining {
		cancel := t.cancel
		limited, cancelLimit := context.WithTimeout(t.ctx, aloneLimit)
		t.ctx, t.cancel = limited, func() { cancelLimit(); cancel() }
	}
	return t, nil
}

// end lets others have their turn, and ends what a statement leaves behind: the engine
// keeps its automatic transaction open after an error and after preparing a statement,
// and would go on with what it has read.
func (t *turn) end(failed error) {
	defer t.cancel()
	t.leave()
	switch t.kind {
	case locking:
		t.tablesLocked = failed == nil
	case unlocking, beginning:
		t.tablesLocked = false
	}
	ec, err := t.engineContext(t.ctx)
	if err != nil {
		t.log.ErrorContext(t.ctx, "end of a statement in the embedded engine", "error", err)
		return
	}
	open := inTransaction(ec)
	if !open {
		rollback(ec)
	}
	// A transaction that has just begun has written nothing yet.
	if t.writing && !t.tablesLocked && (!open || t.kind == beginning && failed == nil) {
		t.stopWriting()
	}
}

// patience is how long the session waits for locks.
func (s *session) patience(ec *sql.Context) time.Duration {
	if v, err := ec.GetSessionVariable(ec, "lock_wait_timeout"); err == nil {
		if seconds, ok := v.(int64); ok {
			return min(writeWait, time.Duration(seconds)*time.Second)
		}
	}
	return writeWait
}

func (s *session) stopWriting() {
	s.writing = false
	s.writes.release()
}

// close is for a connection that has ended.
func (s *session) close() {
	s.cancel()
	s.tablesLocked = false
	if s.writing {
		s.stopWriting()
	}
}

func rollback(ec *sql.Context) {
	if ts, ok := ec.Session.(sql.TransactionSession); ok {
		_ = ts.Rollback(ec, ec.GetTransaction())
	}
	ec.SetTransaction(nil)
}

func (s *session) commit(ec *sql.Context) error {
	tx := ec.GetTransaction()
	if ts, ok := ec.Session.(sql.TransactionSession); ok && tx != nil {
		if err := ts.CommitTransaction(ec, tx); err != nil {
			return err
		}
	}
	ec.SetTransaction(nil)
	ec.SetIgnoreAutoCommit(false)
	return nil
}

// refresh makes the transaction forget what it has read, so that it reads again what
// others have committed since: their changes must be under its own.
func refresh(ec *sql.Context) error {
	tx := ec.GetTransaction()
	ts, ok := ec.Session.(sql.TransactionSession)
	if tx == nil || !ok {
		return nil
	}
	mode := sql.ReadWrite
	if tx.IsReadOnly() {
		mode = sql.ReadOnly
	}
	fresh, err := ts.StartTransaction(ec, mode)
	if err != nil {
		return err
	}
	ec.SetTransaction(fresh)
	return nil
}

// inTransaction tells whether the client has a transaction open: by START TRANSACTION,
// or by autocommit = 0 and a statement.
func inTransaction(ec *sql.Context) bool {
	if ec.GetTransaction() == nil {
		return false
	}
	if ec.GetIgnoreAutoCommit() {
		return true
	}
	autocommit, err := plan.IsSessionAutocommit(ec)
	return err == nil && !autocommit
}
