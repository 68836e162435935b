package account

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"time"

	"github.com/midas-mysql/midas"
)

// lockName is the advisory lock, on the backend, of everyone who changes accounts. A
// row is written before its account is made, so that a crash between the two leaves
// only a row without account, which opens nothing; the lock keeps others from taking
// such a row for a leftover meanwhile.
//
// Any user may take an advisory lock of any name, and whoever has this one stops all
// changes of accounts. So its name is derived from the master key and nobody can guess
// it; who may read it in the list of statements or locks (PROCESS, performance_schema)
// could stop the server by other means. A row lock would need a second connection, as
// CREATE USER commits, and whoever may write to schema midas could take it.
func (d Deriver) lockName() string { return "midas." + hex.EncodeToString(d.key("lock")[:16]) }

const (
	lockWait    = 10 * time.Second // as long as a person waits for CREATE AADUSER
	makeTimeout = 30 * time.Second // for a statement that must not be left half-way
	mendTimeout = 5 * time.Second  // for undoing after the caller's context has ended
)

// errBusy is what locked wraps when somebody else keeps the lock.
var errBusy = errors.New("another gateway is changing accounts of this backend")

func busy() error { return midas.Errorf(midas.Unavailable, "%w", errBusy).WithHint("try again") }

// locked runs change on one connection while no other gateway changes accounts. It
// returns Unavailable when the lock is not free within wait.
func (s *Store) locked(ctx context.Context, wait time.Duration, change func(conn *sql.Conn) error) error {
	// Waiting takes a connection. One waits for all callers of this store: the pool's
	// others are for sign-ins.
	deadline := time.Now().Add(wait)
	if err := s.takeTurn(ctx, wait); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	seconds := (max(0, time.Until(deadline)) + time.Second - 1) / time.Second
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return unavailable("connect to the backend", err)
	}
	defer conn.Close()
	name := s.deriver.lockName()
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('"+name+"', ?)", int(seconds)).Scan(&got); err != nil {
		return unavailable("take the lock of accounts", err)
	}
	if got.Int64 != 1 {
		return busy()
	}
	s.wrote = false
	defer func() { unlock(ctx, conn, name, s.wrote) }()
	if err := s.mendTable(ctx, conn); err != nil {
		return err
	}
	return change(conn)
}

// takeTurn waits until no other caller of this store has the lock or waits for it.
func (s *Store) takeTurn(ctx context.Context, wait time.Duration) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-timer.C:
		return busy()
	case <-ctx.Done():
		return unavailable("wait for the lock of accounts", ctx.Err())
	}
}

// unlock releases the lock. A connection that is spent does not go back to the pool.
func unlock(ctx context.Context, conn *sql.Conn, name string, spent bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK('"+name+"')"); err != nil || spent {
		// The lock is the connection's: let it end rather than go back to the pool.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
