package mysqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Server is a running server. Every field is fixed once it is returned.
type Server struct {
	Dialect  string // "mysql" or "mariadb"
	Version  string // as the server says it: "9.7.4-2", "10.11.19-MariaDB-..."
	Host     string // 127.0.0.1
	Port     int
	Addr     string // Host:Port
	Socket   string // unix socket, at most 107 bytes long
	User     string // root, from localhost and over TCP
	Password string
	URL      string // mysql://root:password@127.0.0.1:port
	DSN      string // the same for go-sql-driver/mysql, over TCP
	Log      string // the server's error log
	// PID is the server's process. A test may stop and continue it, and must not
	// kill it unless it is Fresh: other tests of the binary share it.
	PID int

	db *sql.DB
}

// DB is a connection pool of root's over the unix socket, shared by all tests.
func (s *Server) DB() *sql.DB { return s.db }

var (
	mariadb shared
	mysql97 shared
)

// MariaDB returns the test binary's MariaDB server, starting it at first use.
func MariaDB(tb testing.TB) *Server {
	tb.Helper()
	return mariadb.get(tb, flavour{dialect: "mariadb", program: Require(tb, MariaDBServer)})
}

// MySQL97 returns the test binary's MySQL 9.7 server, starting it at first use.
func MySQL97(tb testing.TB) *Server {
	tb.Helper()
	return mysql97.get(tb, flavour{dialect: "mysql", program: Require(tb, MySQLServer)})
}

// Fresh returns a server of its own for one test, like the shared one of that dialect, but for
// the options.
func Fresh(tb testing.TB, dialect string, options ...string) *Server {
	tb.Helper()
	programs := map[string]string{"mariadb": MariaDBServer, "mysql": MySQLServer}
	s, err := startAgain(flavour{dialect: dialect, program: Require(tb, programs[dialect]), options: options})
	if err != nil {
		tb.Fatalf("start a server for %s: %v", dialect, err)
	}
	return s
}

type shared struct {
	once   sync.Once
	server *Server
	err    error
}

func (s *shared) get(tb testing.TB, f flavour) *Server {
	tb.Helper()
	s.once.Do(func() { s.server, s.err = startAgain(f) })
	if s.err != nil {
		tb.Fatalf("start %s: %v", f.program, s.err)
	}
	return s.server
}

// startAgain starts a server and tries once more: another process may take the port
// between choosing and binding it.
func startAgain(f flavour) (s *Server, err error) {
	for range 3 {
		if s, err = start(f); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// startTimeout is generous for a loaded machine: a server starts in 0.1 to 1 s.
const startTimeout = 60 * time.Second

func start(f flavour) (_ *Server, err error) {
	// A unix socket's path may have 107 bytes; a long TMPDIR would not leave them.
	parent := os.TempDir()
	if len(parent) > 60 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "mysqltest-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	data := filepath.Join(dir, "data")
	if err := f.datadir(data); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Dialect: f.dialect, Host: "127.0.0.1", Port: port, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Socket: filepath.Join(dir, "s"), User: "root", Password: rand.Text(), Log: filepath.Join(dir, "server.log"),
	}
	s.URL = fmt.Sprintf("mysql://root:%s@%s", s.Password, s.Addr)
	s.DSN = fmt.Sprintf("root:%s@tcp(%s)/", s.Password, s.Addr)
	initFile := filepath.Join(dir, "init.sql")
	if err := os.WriteFile(initFile, []byte(f.firstStatements(s.Password)), 0o600); err != nil {
		return nil, err
	}
	args := append(f.startArgs(data), "--socket="+s.Socket, "--port="+strconv.Itoa(port), "--log-error="+s.Log, "--init-file="+initFile)
	args = append(args, f.options...)
	if err := s.run(dir, f.program, args); err != nil {
		return nil, err
	}
	return s, os.Remove(initFile)
}

// guard runs the server and waits for the end of its own standard input, which is the
// end of the test binary however that comes about. Then it kills the server and
// removes its files, so no test needs a clean-up of its own.
const guard = `dir=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & pid=$!
echo $pid >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
cat <&3 >/dev/null
kill -9 $pid; wait $pid
rm -rf "$dir"`

func (s *Server) run(dir, program string, args []string) error {
	cmd := exec.Command("/bin/sh", append([]string{"-c", guard, "mysqltest", dir, program}, args...)...)
	cmd.SysProcAttr = ownGroup()
	hold, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := s.await(dir); err != nil {
		log, _ := os.ReadFile(s.Log)
		_ = s.db.Close()
		_ = hold.Close()
		_ = cmd.Wait()
		return fmt.Errorf("%w\n%s", err, tail(log, 2000))
	}
	heldMu.Lock()
	defer heldMu.Unlock()
	held = append(held, hold)
	return nil
}

// held keeps the guards' pipes open: a collected pipe would be closed.
var (
	heldMu sync.Mutex
	held   []any
)

func (s *Server) await(dir string) error {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = s.User, s.Password, "unix", s.Socket
	cfg.Logger = &mysql.NopLogger{}
	cfg.InterpolateParams = true // as midas asks
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	s.db = sql.OpenDB(connector)
	s.db.SetMaxIdleConns(-1) // an idle one has a goroutine, which leak checks would find
	for begin := time.Now(); time.Since(begin) < startTimeout; time.Sleep(10 * time.Millisecond) {
		if s.PID == 0 {
			text, _ := os.ReadFile(filepath.Join(dir, "pid"))
			s.PID, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		if err = s.db.QueryRowContext(context.Background(), "SELECT VERSION()").Scan(&s.Version); err == nil {
			return nil
		}
		if s.PID != 0 && !runs(s.PID) {
			return fmt.Errorf("the server ended before it answered")
		}
	}
	return fmt.Errorf("no answer after %v: %w", startTimeout, err)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}
