package account

import (
	"context"
	"errors"
	"strconv"

	"github.com/go-sql-driver/mysql"
)

// numberNoSuchThread is what KILL says of a connection that is gone.
const numberNoSuchThread = 1094

// EndConnection ends the backend's connection of that id with whatever it is doing. A server
// looks at its client when it has something to say: a stored program goes on for as long as
// it likes after the connection was closed, with all rights of its account. One that does
// nothing ends by itself. The user is not asked for: while a stored program runs in another
// one's name, the list of processes has that. Errors are Unavailable.
func (s *Store) EndConnection(ctx context.Context, id uint32) error {
	busy, err := anyRow(ctx, s.db, "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND <> 'Sleep'", id)
	if err != nil || !busy {
		return err
	}
	_, err = s.db.ExecContext(ctx, "KILL "+strconv.FormatUint(uint64(id), 10))
	if refused := new(mysql.MySQLError); errors.As(err, &refused) && refused.Number == numberNoSuchThread {
		return nil
	}
	return unavailable("end a connection", err)
}
