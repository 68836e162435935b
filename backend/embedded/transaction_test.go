//go:build gms_pure_go

package embedded_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"

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

// increments are the ways in which applications add one to a number.
var increments = map[string]func(ctx context.Context, conn *sql.Conn) error{
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

// readers read all the while: on the bare engine they put back what they read.
func (e *engine) readers() (stop func()) {
	e.Helper()
	var reading sync.WaitGroup
	ended := make(chan struct{})
	for range 2 {
		conn := e.conn("u", inShop)
		reading.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				if err := each(context.Background(), conn, "SELECT COUNT(*) FROM t", "BEGIN", "SELECT * FROM t", "COMMIT"); err != nil {
					e.Error(err)
					return
				}
			}
		})
	}
	return func() {
		close(ended)
		reading.Wait()
	}
}

// TestConcurrentUpdatesAreNotLost fails on the bare engine with a quarter of the sum.
func TestConcurrentUpdatesAreNotLost(t *testing.T) {
	const clients = 8
	for name, way := range increments {
		t.Run(name, func(t *testing.T) {
			times := 10
			if name == "transactions" {
				times = 50
			}
			e := shop(t)
			e.run(e.conn("u", inShop), "CREATE PROCEDURE increment() UPDATE t SET n = n + 1 WHERE id = 1")
			var running sync.WaitGroup
			stop := e.readers()
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
			stop()
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
