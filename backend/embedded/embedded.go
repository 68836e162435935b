//go:build gms_pure_go

package embedded

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/dolthub/go-mysql-server/server"
	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
)

// Dialect is what account stores know this kind of backend by.
const Dialect = "embedded"

// closeTimeout bounds how long Close waits for statements that do not stop.
const closeTimeout = 5 * time.Second

// Config needs nothing.
type Config struct {
	Log *slog.Logger // nil: silent
}

// Backend is a running engine. Its methods may be called by many goroutines.
type Backend struct {
	listener *listener
	server   *server.Server
	db       *sql.DB
	version  string

	served   chan struct{} // closed when the accept loop has ended
	closing  sync.Once
	closed   chan struct{}
	closeErr error
}

// New starts an engine without databases, in some milliseconds. Errors are Internal: it
// needs nothing of the machine.
func New(ctx context.Context, cfg Config) (*Backend, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	password := rand.Text()
	l := newListener()
	s, err := newServer(l, password, cfg.Log)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make the embedded engine: %w", err)
	}
	b := &Backend{listener: l, server: s, served: make(chan struct{}), closed: make(chan struct{})}
	go func() {
		defer close(b.served)
		s.Listener.Accept()
	}()
	if b.db, err = b.pool(password); err == nil {
		err = b.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&b.version)
	}
	if err != nil {
		_ = b.Close()
		return nil, midas.Errorf(midas.Internal, "start the embedded engine: %w", err)
	}
	return b, nil
}

// Dial opens a connection, before the engine's greeting. Errors are Unavailable.
func (b *Backend) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := b.listener.dial(ctx, gatewayHost)
	if err != nil {
		return nil, unreachable(err)
	}
	return conn, nil
}

func unreachable(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return midas.Errorf(midas.Unavailable, "the embedded engine is closed: %w", err)
	}
	return midas.Errorf(midas.Unavailable, "connect to the embedded engine: %w", err)
}

// TLS is nil: nobody can read along inside the process.
func (*Backend) TLS() *tls.Config { return nil }

// Verified is true: the engine is this process.
func (*Backend) Verified() bool { return true }

// DB is the service account's connection pool. The backend closes it.
func (b *Backend) DB() *sql.DB { return b.db }

// Dialect is "embedded".
func (*Backend) Dialect() string { return Dialect }

// Version is the version of MySQL that the engine says it is.
func (b *Backend) Version() string { return b.version }

// Describe is one line for people.
func (b *Backend) Describe() string {
	return fmt.Sprintf("embedded engine, as MySQL %s, for trying things out: data is in memory and ends with this process", b.version)
}

// Wait blocks until Close.
func (b *Backend) Wait() error {
	<-b.closed
	return nil
}

// Close ends all connections with what they run, and the engine. Closing twice is fine.
func (b *Backend) Close() error {
	b.closing.Do(func() {
		b.closeErr = b.close()
		close(b.closed)
	})
	return b.closeErr
}

func (b *Backend) close() error {
	// Statements end before connections do, all at once: one that waits must not get a lock
	// because the connection that held it was closed before its own.
	b.listener.interrupt()
	var err error
	if b.db != nil {
		err = b.db.Close()
	}
	b.server.Listener.Close()
	<-b.served
	select {
	case <-b.listener.hangUp():
	case <-time.After(closeTimeout):
		err = errors.Join(err, midas.Errorf(midas.Internal, "a statement in the embedded engine does not stop"))
	}
	// The engine's Close says "context canceled" when all went well.
	if engineErr := b.server.Engine.Close(); !errors.Is(engineErr, context.Canceled) {
		err = errors.Join(err, engineErr)
	}
	return err
}

// pool is the service account's way in.
func (b *Backend) pool(password string) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = serviceUser, password, pipeAddr("").Network(), serviceHost
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := b.listener.dial(ctx, serviceHost)
		if err != nil {
			return nil, unreachable(err)
		}
		return conn, nil
	}
	cfg.ParseTime = true
	// The driver's own logger writes to standard error; the errors it returns say as much.
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}
