//go:build gms_pure_go

package embedded_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

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
