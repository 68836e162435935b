package account

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
)

// lockName is the advisory lock, on the backend, of everyone who changes accounts. A
// row is written before its account is made, so that a crash between the two leaves
// only a row without account, which opens nothing; the lock keeps others from taking
// such a row for a leftover meanwhile.
//
// Any user may take an advisory lock of any name, and the holder of this one stops all
// changes of accounts. So its name is derived from the server key and nobody can guess
// it. A user who reads it in the list of statements or locks (PROCESS, performance_schema) knows it
// from then on: a connection that has the lock and is none of a gateway is ended. A row
// lock would need a second connection, as CREATE USER commits, and a user who may write to schema
// midas could take it.
func (k ServerKey) lockName() string { return "midas." + hex.EncodeToString(k.key("lock")[:16]) }

const (
	lockWait    = 10 * time.Second // as long as a person waits for CREATE AADUSER
	lockRound   = time.Second      // how long GET_LOCK waits before the holder is looked at again
	releaseFor  = time.Second      // how long others who have the lock may take to be gone
	releasePoll = 2 * time.Millisecond
	endedEvery  = 10 * time.Second // how often the log has it of one user
	makeTimeout = 30 * time.Second // for a statement that must not be left half-way
	mendTimeout = 5 * time.Second  // for undoing after the caller's context has ended
	// writeTimeout is for one row, which somebody may keep midas from writing.
	writeTimeout = 2 * time.Second
)

// errBusy is what locked wraps when somebody else keeps the lock.
var errBusy = errors.New("another gateway is changing accounts of this backend")

func busy() error { return midas.Errorf(midas.Unavailable, "%w", errBusy).WithHint("try again") }

// locked runs change on one connection while no other gateway changes accounts, when the table
// agrees with its copy. It returns Unavailable when the lock is not free within wait.
func (s *Store) locked(ctx context.Context, wait time.Duration, change func(conn *sql.Conn) error) error {
	return s.lockedAsIs(ctx, wait, func(conn *sql.Conn) error {
		if err := s.mendTable(ctx, conn); err != nil {
			return err
		}
		return change(conn)
	})
}

// lockedAsIs is locked whatever the table has.
func (s *Store) lockedAsIs(ctx context.Context, wait time.Duration, change func(conn *sql.Conn) error) error {
	// Waiting takes a connection. One waits for all callers: the pool's others are for sign-ins,
	// and for what is written under the lock.
	deadline := time.Now().Add(wait)
	if err := s.takeTurn(ctx, wait); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return unavailable("connect to the backend", err)
	}
	defer conn.Close()
	name := s.key().lockName()
	if err := s.takeLock(ctx, conn, name, deadline); err != nil {
		return err
	}
	defer unlock(ctx, conn, name)
	if s.toRenew() {
		if err := s.renew(ctx, conn); err != nil {
			return err
		}
	}
	return change(conn)
}

// takeLock takes the lock of that name. A holder that is not midas does not count.
func (s *Store) takeLock(ctx context.Context, conn *sql.Conn, name string, deadline time.Time) error {
	got, err := getLock(ctx, conn, name, 0)
	for err == nil && !got {
		var ended bool
		if ended, err = s.endHolder(ctx, conn, name); err != nil {
			break
		}
		left := time.Until(deadline)
		switch {
		case ended:
			if got, err = s.takeFromOthers(ctx, conn, name, max(left, releaseFor)); err == nil && !got {
				return busy()
			}
		case left <= 0:
			return busy()
		default:
			got, err = getLock(ctx, conn, name, min(left, lockRound))
		}
	}
	return unavailable("take the lock of accounts", err)
}

// takeFromOthers waits for the lock in the server's queue, behind which come those who connect
// anew, and ends the one that has it meanwhile by another connection.
func (s *Store) takeFromOthers(ctx context.Context, conn *sql.Conn, name string, wait time.Duration) (got bool, err error) {
	ending, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ending.Err() == nil {
			if _, err := s.endHolder(ending, s.db, name); err != nil {
				return
			}
			select {
			case <-time.After(releasePoll):
			case <-ending.Done():
			}
		}
	}()
	got, err = getLock(ctx, conn, name, wait)
	stop()
	<-done
	return got, err
}

func getLock(ctx context.Context, conn *sql.Conn, name string, wait time.Duration) (bool, error) {
	var got sql.NullInt64
	seconds := (wait + time.Second - 1) / time.Second
	err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('"+name+"', ?)", int(seconds)).Scan(&got)
	return got.Int64 == 1, err
}

// endHolder ends the connection that has the lock of that name, unless it may be another
// gateway's, and tells whether it was ended. Its user alone does not tell: a stored program or an
// event has the name of its definer, and an administrator may be able to give it midas's.
func (s *Store) endHolder(ctx context.Context, q querier, name string) (ended bool, err error) {
	holders, err := readIDs(ctx, q, "SELECT COALESCE(IS_USED_LOCK(?), 0)", name)
	if err != nil || len(holders) == 0 || holders[0] == 0 {
		return false, err
	}
	user, known, err := userOf(ctx, q, holders[0])
	if err != nil || !known {
		return false, err
	}
	if !s.alone && slices.Contains(s.service, user) {
		if event, err := isEvent(ctx, q, holders[0]); err != nil || !event {
			return false, err
		}
	}
	if err := kill(ctx, q, holders); err != nil {
		return false, err
	}
	if !s.endedFor.within(user, s.now(), endedEvery) {
		s.endedFor.note(user, s.now())
		s.log.WarnContext(ctx, "a session had the lock that midas takes to change accounts, and was ended", "user", user)
	}
	return true, nil
}

// isEvent tells an event that runs from a client's session. That has another command as soon as it
// is signed in.
func isEvent(ctx context.Context, q querier, id uint64) (bool, error) {
	return anyRow(ctx, q, "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND = 'Connect'", id)
}

// userOf returns the user that a connection signed in as: see connectionsOf.
func userOf(ctx context.Context, q querier, id uint64) (user string, known bool, err error) {
	for _, query := range []string{
		"SELECT PROCESSLIST_USER FROM performance_schema.threads WHERE PROCESSLIST_ID = ? AND PROCESSLIST_USER IS NOT NULL",
		"SELECT USER FROM information_schema.PROCESSLIST WHERE ID = ?",
	} {
		user, known, err = readText(ctx, q, query, id)
		if refused := new(mysql.MySQLError); known || (err != nil && !errors.As(err, &refused)) {
			return user, known, err
		}
	}
	return "", false, err
}

func readText(ctx context.Context, q querier, query string, args ...any) (text string, there bool, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return "", false, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			return "", false, err
		}
		there = true
	}
	return text, there, rows.Err()
}

// takeTurn waits until no other caller has the lock or waits for it.
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

// unlock releases the lock.
func unlock(ctx context.Context, conn *sql.Conn, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK('"+name+"')"); err != nil {
		// The lock is the connection's: let it end rather than go back to the pool.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
