//go:build gms_pure_go

package embedded

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/dolthub/vitess/go/mysql"
	"golang.org/x/sync/semaphore"
)

// How long statements wait for each other before they fail with MySQL's "Lock wait
// timeout exceeded". A session may wait less, by its lock_wait_timeout.
const (
	writeWait = 10 * time.Second
	// aloneWait is shorter: while one statement waits to run alone, those that come
	// after it wait behind it, sign-ins among them.
	aloneWait = 5 * time.Second
	// aloneLimit ends a statement that keeps everybody else waiting, such as CREATE
	// TABLE … AS SELECT SLEEP(…).
	aloneLimit = 30 * time.Second
)

// writeLock lets one transaction write at a time. The engine's commit puts back whole
// tables, as they were when the transaction read them first and with its changes; what
// others committed meanwhile would be gone.
type writeLock struct {
	free   chan struct{}
	holder atomic.Uint32 // connection id, for the message to those who wait
}

func newWriteLock() *writeLock {
	l := &writeLock{free: make(chan struct{}, 1)}
	l.free <- struct{}{}
	return l
}

func (l *writeLock) acquire(ctx context.Context, wait time.Duration, id uint32) error {
	select {
	case <-l.free:
		l.holder.Store(id)
		return nil
	default:
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-l.free:
		if ctx.Err() != nil { // both are ready when the engine closes
			l.release()
			return errInterrupted()
		}
		l.holder.Store(id)
		return nil
	case <-ctx.Done():
		return errInterrupted()
	case <-timeout.C:
		return mysql.NewSQLError(mysql.ERLockWaitTimeout, mysql.SSUnknownSQLState,
			"Lock wait timeout exceeded; try restarting transaction (the embedded engine lets one transaction write at a time; connection %d does)", l.holder.Load())
	}
}

func (l *writeLock) release() { l.free <- struct{}{} }

// gate keeps statements that change definitions apart from all that use them: the engine
// changes shared maps in place, and a map that is read meanwhile ends the process.
type gate struct{ shares *semaphore.Weighted }

const allShares = 1 << 30

func newGate() gate { return gate{semaphore.NewWeighted(allShares)} }

// enter waits for its turn, alone or with others, and returns how to leave.
func (g gate) enter(ctx context.Context, alone bool, wait time.Duration) (leave func(), err error) {
	shares := int64(1)
	if alone {
		shares, wait = allShares, min(wait, aloneWait)
	}
	if !g.shares.TryAcquire(shares) {
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if err := g.shares.Acquire(waiting, shares); err != nil {
			if ctx.Err() != nil {
				return nil, errInterrupted()
			}
			return nil, mysql.NewSQLError(mysql.ERLockWaitTimeout, mysql.SSUnknownSQLState,
				"Lock wait timeout exceeded; try restarting transaction (the embedded engine changes definitions only while nothing else runs)")
		}
	}
	if ctx.Err() != nil {
		g.shares.Release(shares)
		return nil, errInterrupted()
	}
	return func() { g.shares.Release(shares) }, nil
}
