package account

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

const (
	// endAgainAfter is the pause before a backend whose connections are all taken is asked
	// again. The pool bounds how many ask.
	endAgainAfter = 50 * time.Millisecond
	// busyTimeout is how long the list of processes may take. MySQL keeps everybody waiting for
	// it while somebody stops in the middle of COM_CHANGE_USER. KILL does not wait.
	busyTimeout = time.Second
)

// EndConnection ends the backend's connection of that id with whatever it is doing. A server
// looks at its client when it has something to say: a stored program goes on for as long as
// it likes after the connection was closed, with all rights of its account. One that does
// nothing ends by itself. Where the backend takes no more connections it tries until ctx
// ends: an AADUSER who fills it would keep what it runs there. Errors are Unavailable.
func (s *Store) EndConnection(ctx context.Context, id uint32) error {
	for {
		err := s.endConnection(ctx, id)
		if refused := new(mysql.MySQLError); !errors.As(err, &refused) || refused.Number != mysqlerr.ConCount {
			return err
		}
		select {
		case <-time.After(endAgainAfter):
		case <-ctx.Done():
			return err
		}
	}
}

func (s *Store) endConnection(ctx context.Context, id uint32) error {
	asking, cancel := context.WithTimeout(ctx, busyTimeout)
	busy, err := s.dialect.busy(asking, s.db, id)
	if asking.Err() != nil && ctx.Err() == nil {
		busy, err = true, nil
	}
	cancel()
	if err != nil || !busy {
		return err
	}
	_, err = s.db.ExecContext(ctx, "KILL "+strconv.FormatUint(uint64(id), 10))
	if refused := new(mysql.MySQLError); errors.As(err, &refused) && refused.Number == mysqlerr.NoSuchThread {
		return nil
	}
	return unavailable("end a connection", err)
}

// busy does not ask for the user: while a stored program runs in another one's name, the list
// of processes has that.
func (mysqlDialect) busy(ctx context.Context, q querier, id uint32) (bool, error) {
	return anyRow(ctx, q, "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND <> 'Sleep'", id)
}

func (mariadbDialect) busy(ctx context.Context, q querier, id uint32) (bool, error) {
	return mysqlDialect{}.busy(ctx, q, id)
}

// busy leaves it to KILL: nothing is between midas and the engine, and its tables about itself
// are not to be read by several at once.
func (embeddedDialect) busy(context.Context, querier, uint32) (bool, error) { return true, nil }
