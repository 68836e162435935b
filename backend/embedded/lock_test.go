//go:build gms_pure_go

package embedded_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestWriterWaitsItsTurn shows what lets a waiting writer go on.
func TestWriterWaitsItsTurn(t *testing.T) {
	ends := map[string]func(e *engine, writer *sql.Conn){
		"COMMIT":            func(e *engine, writer *sql.Conn) { e.run(writer, "COMMIT") },
		"ROLLBACK":          func(e *engine, writer *sql.Conn) { e.run(writer, "ROLLBACK") },
		"START TRANSACTION": func(e *engine, writer *sql.Conn) { e.run(writer, "START TRANSACTION") },
		"implicit commit":   func(e *engine, writer *sql.Conn) { e.run(writer, "CREATE TABLE more (n INT)") },
		"account statement": func(e *engine, writer *sql.Conn) { e.run(writer, "ALTER USER u IDENTIFIED BY 'new'") },
		"autocommit on":     func(e *engine, writer *sql.Conn) { e.run(writer, "SET autocommit = 0", "SET autocommit = 1") },
		"disconnect": func(_ *engine, writer *sql.Conn) {
			writer.Raw(func(driver any) error { return driver.(interface{ Close() error }).Close() })
		},
		"reset": func(e *engine, writer *sql.Conn) {
			if err := writer.Raw(func(driver any) error {
				return driver.(interface {
					ResetSession(context.Context) error
				}).ResetSession(context.Background())
			}); err != nil {
				e.Error(err)
			}
			e.run(writer, "ROLLBACK")
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			e := shop(t)
			writer, waiter := e.conn("u", inShop), e.conn("u", inShop)
			begin := []string{"BEGIN", "UPDATE t SET n = 7 WHERE id = 2"}
			if name == "autocommit on" {
				begin[0] = "SET autocommit = 0"
			}
			e.run(writer, begin...)
			e.waits("u", "UPDATE t SET n = n + 100 WHERE id = 2")
			e.want(waiter, "SELECT n FROM t WHERE id = 1", "0") // readers never wait
			done := make(chan error, 1)
			go func() {
				_, err := waiter.ExecContext(context.Background(), "UPDATE t SET n = n + 1 WHERE id = 1")
				done <- err
			}()
			end(e, writer)
			if err := <-done; err != nil {
				t.Errorf("the waiting writer: %v", err)
			}
			e.want(waiter, "SELECT n FROM t WHERE id = 1", "1")
		})
	}
}

// waits checks that a statement cannot run now.
func (e *engine) waits(user, statement string) {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.Context(), 50*time.Millisecond)
	defer cancel()
	conn := e.conn(user, inShop)
	if _, err := conn.ExecContext(ctx, statement); !errors.Is(err, context.DeadlineExceeded) {
		e.Errorf("%s did not wait: %v", statement, err)
	}
}

func TestLockWaitTimesOut(t *testing.T) {
	e := shop(t)
	writer, waiter := e.conn("u", inShop), e.conn("u", inShop)
	e.run(writer, "BEGIN", "UPDATE t SET n = 7 WHERE id = 2")
	e.run(waiter, "SET lock_wait_timeout = 1", "BEGIN")
	e.refused(waiter, 1205, "UPDATE t SET n = n + 1 WHERE id = 1")
	e.refused(waiter, 1205, "UPDATE t SET n = n + ? WHERE id = ?", 1, 1)
	e.run(writer, "COMMIT")
	e.run(waiter, "UPDATE t SET n = n + 1 WHERE id = 1", "COMMIT") // the transaction goes on
	e.want(writer, "SELECT * FROM t", "1|1, 2|7")
}

func TestWaiterThatLeavesTakesNothingAlong(t *testing.T) {
	e := shop(t)
	writer, waiter, next := e.conn("u", inShop), e.conn("u", inShop), e.conn("u", inShop)
	e.run(writer, "BEGIN", "UPDATE t SET n = 7 WHERE id = 2")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := waiter.ExecContext(ctx, "UPDATE t SET n = n + 1 WHERE id = 1"); err == nil {
		t.Error("it did not wait")
	}
	e.run(writer, "COMMIT")
	e.run(next, "UPDATE t SET n = n + 10 WHERE id = 1")
	e.want(next, "SELECT n FROM t WHERE id = 1", "10")
}

// TestMigrationsUnderANamedLock: migration tools wait in GET_LOCK while one of them
// changes the schema.
func TestMigrationsUnderANamedLock(t *testing.T) {
	e := shop(t)
	var running sync.WaitGroup
	for i := range 4 {
		conn := e.conn("u", inShop)
		running.Go(func() {
			if err := each(context.Background(), conn,
				"DO GET_LOCK('migrations', 60)", fmt.Sprintf("CREATE TABLE m%d (n INT)", i),
				"CREATE TABLE IF NOT EXISTS done (n INT)", "DO RELEASE_LOCK('migrations')"); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
}

func TestNamedLocks(t *testing.T) {
	e := start(t)
	e.user("u")
	one, other := e.conn("u"), e.conn("u")
	e.want(one, "SELECT GET_LOCK('l', 10)", "1")
	e.want(other, "SELECT GET_LOCK('l', 0)", "0")
	e.want(other, "SELECT GET_LOCK('l', 0.05)", "0")
	e.refused(other, 3057, "SELECT GET_LOCK(NULL, 0)")
	got := make(chan string, 1)
	go func() { got <- e.ask(other, "SELECT GET_LOCK('l', -1)") }()
	one.Raw(func(driver any) error { return driver.(interface{ Close() error }).Close() })
	if g := <-got; g != "1" {
		t.Errorf("after its owner left: %s", g)
	}
}

func TestLockedTablesKeepWritersOut(t *testing.T) {
	for _, lock := range []string{"LOCK TABLES t READ", "LOCK TABLES t WRITE", "FLUSH TABLES WITH READ LOCK"} {
		t.Run(lock, func(t *testing.T) {
			e := shop(t)
			e.run(e.DB(), "GRANT RELOAD ON *.* TO u")
			owner, other := e.conn("u", inShop), e.conn("u", inShop)
			e.run(owner, lock, "SELECT * FROM t")
			e.waits("u", "UPDATE t SET n = 1")
			e.run(owner, "UNLOCK TABLES")
			e.run(other, "UPDATE t SET n = 1")
		})
	}
}

func TestRefusedLockTablesLocksNothing(t *testing.T) {
	e := shop(t)
	e.user("stranger")
	stranger, u := e.conn("stranger"), e.conn("u", inShop)
	e.refused(stranger, 1044, "LOCK TABLES shop.t WRITE")
	e.run(u, "UPDATE t SET n = 1")
}
