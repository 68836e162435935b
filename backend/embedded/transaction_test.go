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

	"github.com/go-sql-driver/mysql"
)

// shop is an engine with a table of two rows and a user who may do all there.
func shop(t *testing.T) *engine {
	t.Helper()
	e := start(t)
	e.run(
		e.DB(), "CREATE DATABASE shop",
		"CREATE TABLE shop.t (id INT PRIMARY KEY, n INT)",
		"INSERT INTO shop.t VALUES (1, 0), (2, 0)",
		"CREATE TABLE shop.other (id INT PRIMARY KEY, n INT)",
	)
	e.user("u", "ALL ON shop.*")
	return e
}

func inShop(c *mysql.Config) { c.DBName = "shop" }

// TestConcurrentUpdatesAreNotLost fails on the bare engine with a quarter of the sum.
func TestConcurrentUpdatesAreNotLost(t *testing.T) {
	const clients = 8
	ways := map[string]func(ctx context.Context, conn *sql.Conn) error{
		"transactions": func(ctx context.Context, conn *sql.Conn) error {
			return each(ctx, conn, "BEGIN", "UPDATE t SET n = n + 1 WHERE id = 1", "COMMIT")
		},
		"after a read": func(ctx context.Context, conn *sql.Conn) error {
			return each(ctx, conn, "BEGIN", "SELECT * FROM t", "UPDATE t SET n = n + 1 WHERE id = 1", "COMMIT")
		},
		"locking reads": func(ctx context.Context, conn *sql.Conn) error {
			if err := each(ctx, conn, "BEGIN"); err != nil {
				return err
			}
			var n int
			if err := conn.QueryRowContext(ctx, "SELECT n FROM t WHERE id = 1 FOR UPDATE").Scan(&n); err != nil {
				return err
			}
			return each(ctx, conn, fmt.Sprintf("UPDATE t SET n = %d WHERE id = 1", n+1), "COMMIT")
		},
		"locked tables": func(ctx context.Context, conn *sql.Conn) error {
			if err := each(ctx, conn, "LOCK TABLES t WRITE"); err != nil {
				return err
			}
			var n int
			if err := conn.QueryRowContext(ctx, "SELECT n FROM t WHERE id = 1").Scan(&n); err != nil {
				return err
			}
			return each(ctx, conn, fmt.Sprintf("UPDATE t SET n = %d WHERE id = 1", n+1), "UNLOCK TABLES")
		},
		"autocommit off": func(ctx context.Context, conn *sql.Conn) error {
			return each(ctx, conn, "SET autocommit = 0", "SELECT * FROM t", "UPDATE t SET n = n + 1 WHERE id = 1", "COMMIT")
		},
		"single statements": func(ctx context.Context, conn *sql.Conn) error {
			return each(ctx, conn, "UPDATE t SET n = n + 1 WHERE id = 1")
		},
		"prepared": func(ctx context.Context, conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, "UPDATE t SET n = n + ? WHERE id = ?", 1, 1)
			return err
		},
		"prepared in SQL": func(ctx context.Context, conn *sql.Conn) error {
			return each(ctx, conn, "PREPARE s FROM 'UPDATE t SET n = n + 1 WHERE id = 1'", "EXECUTE s", "DEALLOCATE PREPARE s")
		},
		"stored program": func(ctx context.Context, conn *sql.Conn) error {
			return each(ctx, conn, "CALL increment()")
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			times := 10
			if name == "transactions" {
				times = 50
			}
			e := shop(t)
			e.run(e.conn("u", inShop), "CREATE PROCEDURE increment() UPDATE t SET n = n + 1 WHERE id = 1")
			var running sync.WaitGroup
			// Readers put back what they read on the bare engine.
			stop, reading := make(chan struct{}), sync.WaitGroup{}
			for range 2 {
				conn := e.conn("u", inShop)
				reading.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if err := each(context.Background(), conn, "SELECT COUNT(*) FROM t", "BEGIN", "SELECT * FROM t", "COMMIT"); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			for range clients {
				conn := e.conn("u", inShop)
				running.Go(func() {
					for range times {
						if err := way(context.Background(), conn); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			running.Wait()
			close(stop)
			reading.Wait()
			e.want(e.DB(), "SELECT n FROM shop.t WHERE id = 1", fmt.Sprint(clients*times))
		})
	}
}

func each(ctx context.Context, conn *sql.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func TestRollbackTakesBack(t *testing.T) {
	e := shop(t)
	u, other := e.conn("u", inShop), e.conn("u", inShop)
	e.run(u, "BEGIN", "INSERT INTO t VALUES (3, 3)", "UPDATE t SET n = 9 WHERE id = 1", "DELETE FROM t WHERE id = 2")
	e.want(u, "SELECT * FROM t", "1|9, 3|3")
	e.want(other, "SELECT * FROM t", "1|0, 2|0")
	e.run(u, "ROLLBACK")
	e.want(u, "SELECT * FROM t", "1|0, 2|0")
}

func TestReadsInATransactionRepeat(t *testing.T) {
	e := shop(t)
	u, other := e.conn("u", inShop), e.conn("u", inShop)
	e.run(u, "BEGIN")
	e.want(u, "SELECT n FROM t WHERE id = 1", "0")
	e.run(other, "UPDATE t SET n = 5 WHERE id = 1")
	e.want(u, "SELECT n FROM t WHERE id = 1", "0")
	// A write sees what is, as in MySQL.
	e.run(u, "UPDATE t SET n = n + 1 WHERE id = 1", "COMMIT")
	e.want(other, "SELECT n FROM t WHERE id = 1", "6")
}

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

// TestFailedStatementLeavesNothing: on the bare engine the failed statement's view of
// the table stays with the connection, and its next statement puts it back.
func TestFailedStatementLeavesNothing(t *testing.T) {
	e := shop(t)
	u, other := e.conn("u", inShop), e.conn("u", inShop)
	e.refused(u, 1062, "INSERT INTO t VALUES (3, 3), (1, 1)")
	e.run(other, "UPDATE t SET n = 5 WHERE id = 1", "INSERT INTO t VALUES (4, 4)")
	e.want(u, "SELECT * FROM t", "1|5, 2|0, 4|4")
	e.run(u, "INSERT INTO t VALUES (5, 5)")
	e.want(other, "SELECT * FROM t", "1|5, 2|0, 4|4, 5|5")
}

// TestPreparingLeavesNothing: preparing reads tables, too.
func TestPreparingLeavesNothing(t *testing.T) {
	e := shop(t)
	u, other := e.conn("u", inShop), e.conn("u", inShop)
	insert, err := u.PrepareContext(t.Context(), "INSERT INTO t VALUES (?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	read, err := u.PrepareContext(t.Context(), "SELECT n FROM t WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	e.run(other, "UPDATE t SET n = 5 WHERE id = 1")
	var n int
	if err := read.QueryRow(1).Scan(&n); err != nil || n != 5 {
		t.Errorf("read %d, %v", n, err)
	}
	if _, err := insert.Exec(3, 3); err != nil {
		t.Fatal(err)
	}
	e.want(other, "SELECT * FROM t", "1|5, 2|0, 3|3")
}

// TestStatusSaysWhetherATransactionIsOpen: the gateway drains by it.
func TestStatusSaysWhetherATransactionIsOpen(t *testing.T) {
	e := shop(t)
	raw := e.raw("u")
	const open = 1
	for _, step := range []struct {
		statement string
		want      uint16
	}{
		{"SELECT * FROM shop.t", 0},
		{"INSERT INTO shop.t VALUES (3, 3)", 0},
		{"BEGIN", open},
		{"SELECT * FROM shop.t", open},
		{"COMMIT", 0},
		{"DO 0", 0},
		{"SET autocommit = 0", 0},
		{"SELECT * FROM shop.t", open},
		{"ROLLBACK", 0},
	} {
		if got := raw.status(step.statement) & open; got != step.want {
			t.Errorf("after %s the transaction bit is %d, want %d", step.statement, got, step.want)
		}
	}
}

// TestDefinitionsChangeWhileOthersRead ends the process on the bare engine: a map is
// changed while it is read.
func TestDefinitionsChangeWhileOthersRead(t *testing.T) {
	e := shop(t)
	stop, others := make(chan struct{}), sync.WaitGroup{}
	for _, statement := range []string{
		"SELECT COUNT(*) FROM information_schema.columns", "SELECT * FROM t WHERE n = 0", "SHOW INDEX FROM t",
		"INSERT INTO other (id) SELECT COALESCE(MAX(id), 0) + 1 FROM other",
	} {
		conn := e.conn("u", inShop)
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := each(context.Background(), conn, statement); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	u := e.conn("u", inShop)
	for i := range 15 {
		e.run(
			u, fmt.Sprintf("CREATE INDEX i%d ON t (n)", i), fmt.Sprintf("CREATE VIEW v%d AS SELECT * FROM t", i),
			fmt.Sprintf("CREATE TABLE t%d (id INT PRIMARY KEY, n INT, UNIQUE KEY k (n))", i),
			fmt.Sprintf("ALTER TABLE t%d ADD COLUMN m INT", i), fmt.Sprintf("DROP VIEW v%d", i),
			fmt.Sprintf("DROP INDEX i%d ON t", i), fmt.Sprintf("DROP TABLE t%d", i),
		)
	}
	close(stop)
	others.Wait()
}

func TestDefinitionsWaitForReaders(t *testing.T) {
	e := shop(t)
	slow, u := e.conn("u", inShop), e.conn("u", inShop)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := slow.ExecContext(ctx, "SELECT SLEEP(1000) FROM t")
		done <- err
	}()
	e.eventually("the slow reader runs", func() bool {
		return e.ask(e.DB(), "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'") == "1"
	})
	e.run(u, "SET lock_wait_timeout = 1")
	e.refused(u, 1205, "CREATE TABLE more (n INT)")
	e.run(u, "UPDATE t SET n = 1") // rows may change
	cancel()
	<-done
	e.run(u, "SET lock_wait_timeout = 60", "CREATE TABLE more (n INT)")
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
