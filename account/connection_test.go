package account

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// A backend that is full lets nobody go on with what they run there: those who are to go may
// have filled it.
func TestConnectionsEndAtAFullBackend(t *testing.T) {
	w := newWorld(t, mysqltest.Fresh(t, "mariadb"))
	s, ctx := w.store(), t.Context()
	open := func() (*sql.Conn, error) { return w.root.Conn(ctx) }
	running, err := open()
	if err != nil {
		t.Fatal(err)
	}
	var id uint32
	if err := running.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := running.ExecContext(context.Background(), "DO SLEEP(600)")
		ended <- err
	}()
	w.root.SetMaxOpenConns(0)
	w.root.SetMaxIdleConns(0)
	w.exec("SET GLOBAL max_connections = 10")
	var held []*sql.Conn
	for {
		conn, err := open()
		if err != nil {
			break
		}
		defer conn.Close()
		held = append(held, conn)
	}
	refused := func() (n int) {
		var name string
		if err := held[0].QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Connection_errors_max_connections'").Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, done := refused(), make(chan error, 1)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	go func() { done <- s.EndConnection(ctx, id) }()
	for refused() < before+2 {
		select {
		case err := <-done:
			t.Fatal("it gave up:", err)
		case <-time.After(time.Millisecond):
		}
	}
	for _, conn := range held[1:] {
		conn.Close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if <-ended == nil {
		t.Error("the statement went on")
	}
}
