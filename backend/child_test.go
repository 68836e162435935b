//go:build unix

package backend

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"
)

func TestPausesBetweenStartsGrowByHalf(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 150 * time.Millisecond, 3: 225 * time.Millisecond,
	} {
		if got := pauseAfter(failures); got != want {
			t.Errorf("after %d deaths: %v, want %v", failures, got, want)
		}
	}
	if last := pauseAfter(maxFailures); last < time.Second || last > 2*time.Second {
		t.Errorf("after the last: %v", last)
	}
	if later := pauseAfter(1000); later < 5*time.Second || later > 30*time.Second {
		t.Errorf("later: %v", later)
	}
}

// hanging is a server that accepts and never greets.
type hanging struct{}

func (hanging) Connect(ctx context.Context) (driver.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (hanging) Driver() driver.Driver { return nil }

// A server that died and hangs while it starts again keeps midas from ending for no longer than
// one that runs.
func TestServerThatHangsAtItsNextStartIsStopped(t *testing.T) {
	c := &child{db: sql.OpenDB(hanging{}), stop: make(chan struct{})}
	defer c.db.Close()
	time.AfterFunc(50*time.Millisecond, func() { close(c.stop) })
	done := make(chan error, 1)
	go func() { done <- c.answering(make(chan error)) }()
	select {
	case err := <-done:
		if !errors.Is(err, errStopped) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("5 s later it still waits for the server")
	}
}
