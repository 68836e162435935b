package account

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/midas-mysql/midas"
)

// lockName is the advisory lock, on the backend, of everyone who changes accounts. A
// row is written before its account is made, so that a crash between the two leaves
// only a row without account, which opens nothing; the lock keeps others from taking
// such a row for a leftover meanwhile.
const lockName = "midas.account"

const (
	lockWait    = 10 * time.Second // as long as a person waits for CREATE AADUSER
	makeTimeout = 30 * time.Second // for a statement that must not be left half-way
	mendTimeout = 5 * time.Second  // for undoing after the caller's context has ended
)

// locked runs change on one connection while no other gateway changes accounts. It
// returns Unavailable when the lock is not free within wait.
func (s *Store) locked(ctx context.Context, wait time.Duration, change func(conn *sql.Conn) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return unavailable("connect to the backend", err)
	}
	defer conn.Close()
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('"+lockName+"', ?)", int(wait/time.Second)).Scan(&got); err != nil {
		return unavailable("take the lock of accounts", err)
	}
	if got.Int64 != 1 {
		return midas.Errorf(midas.Unavailable, "another gateway is changing accounts of this backend").WithHint("try again")
	}
	defer unlock(ctx, conn)
	return change(conn)
}

func unlock(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK('"+lockName+"')"); err != nil {
		// The lock is the connection's: let it end rather than go back to the pool.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
