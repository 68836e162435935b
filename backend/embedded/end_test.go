//go:build gms_pure_go

package embedded_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend/embedded"
)

// underWay has a statement that sleeps, one that waits for a lock that holder takes, and
// waiter's, which waits for another's transaction. It returns how they end.
func (e *engine) underWay(holder, waiter *sql.Conn) (outcomes func() []error) {
	e.Helper()
	var running sync.WaitGroup
	results := make(chan error, 3)
	for _, query := range []string{"SELECT SLEEP(1000)", "SELECT GET_LOCK('l', -1)", "UPDATE shop.t SET n = 2"} {
		conn := waiter
		if query != "UPDATE shop.t SET n = 2" {
			conn = e.conn("u")
		}
		if strings.Contains(query, "GET_LOCK") {
			e.run(holder, "SELECT GET_LOCK('l', 0)")
		}
		running.Go(func() {
			_, err := conn.ExecContext(context.Background(), query)
			results <- err
		})
	}
	e.eventually("both that can be seen run", func() bool {
		return e.ask(e.DB(), "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND user = 'u'") == "2"
	})
	return func() (all []error) {
		running.Wait()
		close(results)
		for err := range results {
			all = append(all, err)
		}
		return all
	}
}

func TestCloseEndsEverything(t *testing.T) {
	b, err := embedded.New(t.Context(), embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t, b}
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)")
	e.user("u", "ALL ON shop.*")
	idle, writer, waiter := e.conn("u"), e.conn("u"), e.conn("u")
	e.run(idle, "SELECT 1")
	e.run(writer, "BEGIN", "INSERT INTO shop.t VALUES (1)")
	half, err := e.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()

	outcomes := e.underWay(idle, waiter)
	waited := make(chan error, 1)
	go func() { waited <- b.Wait() }()
	began := time.Now()
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if err := <-waited; err != nil {
		t.Errorf("Wait: %v", err)
	}
	for _, err := range outcomes() {
		if err == nil {
			t.Error("a statement succeeded though the engine was closed under it")
		}
	}
	if _, err := b.Dial(t.Context()); midas.CodeOf(err) != midas.Unavailable {
		t.Errorf("dialled a closed engine: %v", err)
	}
	if err := b.DB().Ping(); err == nil {
		t.Error("the pool is open")
	}
}

// eventually polls: what it waits for is another goroutine's doing.
func (e *engine) eventually(what string, ok func() bool) {
	e.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(2 * time.Millisecond); !ok(); {
		select {
		case <-tick:
		case <-deadline:
			e.Fatalf("in 20 s not: %s", what)
		}
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	e := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// The accept loop may be quicker; then the connection works.
	if conn, err := e.Dial(ctx); err == nil {
		conn.Close()
	} else if midas.CodeOf(err) != midas.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestStatementEndsWithItsConnection(t *testing.T) {
	e := start(t)
	e.user("u")
	holder := e.conn("u")
	e.run(holder, "DO GET_LOCK('l', 0)")
	for _, query := range []string{"SELECT SLEEP(1000)", "SELECT GET_LOCK('l', 1000)"} {
		ctx, cancel := context.WithCancel(t.Context())
		conn := e.conn("u")
		id := e.ask(conn, "SELECT CONNECTION_ID()")
		ended := make(chan error, 1)
		go func() {
			_, err := conn.ExecContext(ctx, query) // the driver closes the connection at cancel
			ended <- err
		}()
		shows := fmt.Sprintf("SELECT COUNT(*) FROM information_schema.processlist WHERE id = %s AND command = 'Query'", id)
		e.eventually(query+" runs", func() bool { return e.ask(e.DB(), shows) == "1" })
		cancel()
		if err := <-ended; err == nil {
			t.Errorf("%s: no error", query)
		}
		e.eventually(query+" has ended", func() bool { return e.ask(e.DB(), shows) == "0" })
	}
}

// TestStatementEndsWhenNobodyWillAsk: the gateway passes a client's end on as the end of
// what it writes, and cannot know whether it still reads.
func TestStatementEndsWhenNobodyWillAsk(t *testing.T) {
	e := start(t)
	e.user("u")
	var raw interface{ CloseWrite() error }
	conn := e.conn("u", func(c *mysql.Config) {
		dial := c.DialFunc
		c.DialFunc = func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
			conn, err = dial(ctx, network, addr)
			raw = conn.(interface{ CloseWrite() error })
			return conn, err
		}
	})
	id := e.ask(conn, "SELECT CONNECTION_ID()")
	ended := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(context.Background(), "SELECT SLEEP(1000)")
		ended <- err
	}()
	e.eventually("it runs", func() bool {
		return e.ask(e.DB(), "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND id = "+id) == "1"
	})
	raw.CloseWrite()
	if err := <-ended; !isError(err, 1317) {
		t.Errorf("%v, want 1317", err)
	}
}
