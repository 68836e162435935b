package backend

import (
	"context"
	"crypto/tls"
	"database/sql"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
)

// The dialects of SQL and of the wire protocol, as Dialect reports them.
const (
	MySQL   = "mysql"
	MariaDB = "mariadb"
)

// dialTimeout bounds every attempt to reach a server: a dead one is an error while
// the client still waits, never a hang.
const dialTimeout = 5 * time.Second

// Backend is the MySQL behind one server: it accepted its service account. A private one can be
// stopped and started again, and is the same Backend with the same pool.
type Backend struct {
	target  target
	db      *sql.DB
	facts   atomic.Pointer[facts]
	private *private // nil for an external server

	endOnce sync.Once
	ended   chan struct{}
}

// facts are what a server said of itself when it was last started.
type facts struct{ version, dialect, describe string }

// target is where and as whom the service account connects.
type target struct {
	network, address string // "tcp" and host:port, or "unix" and a path
	user, password   string
	tls              *tls.Config // nil: plain
	plain            bool        // the URL says tls=disabled
	local            bool        // on this machine, so that peer can be found out
	peer             *localPeer  // nil: not verified apart from TLS
	// refuses tells why nobody is to connect now; nil for a server that is always open.
	refuses func() error
}

// Dial opens a raw connection, before the server's greeting. Errors are Unavailable
// and come within 5 s.
func (b *Backend) Dial(ctx context.Context) (net.Conn, error) { return b.target.dial(ctx) }

// TLS returns a copy of the configuration for this hop, or nil when the connection
// stays as it is: a unix socket, tls=disabled, or a server on this machine that offers
// none.
func (b *Backend) TLS() *tls.Config {
	if b.target.tls == nil {
		return nil
	}
	return b.target.tls.Clone()
}

// Verified tells whether Dial has verified whose process answers. Otherwise TLS does, or,
// with tls=disabled, nobody: a secret must not go out under a key that such a server shows.
func (b *Backend) Verified() bool { return b.target.verified() }

func (t target) verified() bool {
	return t.network == "unix" || t.peer != nil && !t.peer.byCertificate
}

// DB is the service account's connection pool. The backend closes it.
func (b *Backend) DB() *sql.DB { return b.db }

// Dialect is "mysql" or "mariadb".
func (b *Backend) Dialect() string { return b.facts.Load().dialect }

// Version is the server's own VERSION().
func (b *Backend) Version() string { return b.facts.Load().version }

// IsPrivate tells a server that Private started: no process but this one connects to it.
func (b *Backend) IsPrivate() bool { return b.private != nil }

// Describe is one line for people; it holds no secret.
func (b *Backend) Describe() string { return b.facts.Load().describe }

// Wait blocks until Close, and then returns nil. A private server that was stopped, or that
// dies again and again, is waited for.
func (b *Backend) Wait() error {
	<-b.ended
	return nil
}

// Close ends the pool and, for a private server, the process: SIGTERM, then SIGKILL
// when it does not end. Closing twice is fine.
func (b *Backend) Close() error {
	err := b.db.Close()
	if b.private != nil {
		b.private.close()
	}
	b.endOnce.Do(func() { close(b.ended) })
	return err
}

// dial connects, and verifies who accepts where that is by user.
func (t target) dial(ctx context.Context) (net.Conn, error) {
	conn, err := t.connect(ctx)
	if err != nil || t.peer == nil || t.peer.byCertificate {
		return conn, err
	}
	if err := t.peer.verifyUser(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (t target) connect(ctx context.Context) (net.Conn, error) {
	if t.refuses != nil {
		if err := t.refuses(); err != nil {
			return nil, err
		}
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, t.network, t.address)
	if err != nil {
		return nil, t.explain(err)
	}
	return conn, nil
}

// pool makes the service account's pool without connecting.
func (t target) pool() (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = t.user, t.password, t.network, t.address
	cfg.Timeout = dialTimeout
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := t.dial(ctx)
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: conn}, nil
	}
	cfg.ParseTime = true
	// The prepared statements of a server are bounded for all its users together, and each of
	// them may have all of those: what midas asks for a sign-in must not need one.
	cfg.InterpolateParams = true
	// And a server may be set to take the text for another character set than it was told: for
	// GBK, say, in which the backslash before a quote can be half of a character.
	if err := cfg.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, midas.Errorf(midas.Internal, "configure the backend's pool: %w", err)
	}
	cfg.Params = sessionDefaults()
	// The driver's own logger would write to standard error whenever a pooled
	// connection turns out dead; the error it returns says as much.
	cfg.Logger = &mysql.NopLogger{}
	if t.tls != nil {
		cfg.TLS = t.tls.Clone()
	} else if !t.verified() {
		cfg.ServerPubKey = nobodysKey()
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "backend account %q cannot be used: %w", t.user, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// sessionDefaults are variables of a session of midas's own. A server may have other defaults, under
// which a reader sees one moment for ever, no rows at all or not those of a whole table, nothing may
// be written, or each statement ends before it has begun: those who may set them must not
// keep midas from locking accounts. A statement that midas gave up waits no longer than it would have
// itself: MySQL does not notice for as long as another session has the lock, and what a Contributor
// can repeat would take all of its connections. In the comments is what one family alone has.
//
// Source: MySQL manual, "Comments"; MariaDB, "Comment Syntax" (it leaves out what is for MySQL 5.7
// and later).
func sessionDefaults() map[string]string {
	return map[string]string{
		"sql_select_limit": "18446744073709551615", "sql_safe_updates": "0", "sql_big_selects": "1", "lock_wait_timeout": "30",
		"autocommit": "1 /*M!100200 , max_statement_time = 0, tx_read_only = 0, max_session_mem_used = 9223372036854775807 */" +
			" /*!80000 , max_execution_time = 0, transaction_read_only = 0 */",
	}
}

// ask returns the server's version and the dialect that it implies.
func ask(ctx context.Context, db *sql.DB) (f facts, err error) {
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&f.version); err != nil {
		return facts{}, err
	}
	f.dialect = MySQL
	if strings.Contains(strings.ToLower(f.version), "mariadb") {
		f.dialect = MariaDB
	}
	return f, nil
}

// product is the name people know a dialect by.
func product(dialect string) string {
	if dialect == MariaDB {
		return "MariaDB"
	}
	return "MySQL"
}
