package gateway_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// fresh is a world on a server of its own, which a test may set up as it likes.
func fresh(t *testing.T, dialect string, over func(testBackend, *mysqltest.Server) testBackend) (*world, *mysqltest.Server) {
	t.Helper()
	s := mysqltest.Fresh(t, dialect)
	b, err := backend.External(t.Context(), backend.ExternalConfig{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if over == nil {
		return newWorld(t, b), s
	}
	return newWorld(t, over(b, s)), s
}

// TestStrangersLockNobodyOut: they know nothing but names.
func TestStrangersLockNobodyOut(t *testing.T) {
	t.Run("MariaDB max_password_errors", func(t *testing.T) {
		w, s := fresh(t, "mariadb", nil)
		w.exec(s.DB(), "SET GLOBAL max_password_errors = 3")
		app, id := w.user("app")
		for range 4 {
			for _, name := range []string{app, w.name("admin"), "root"} {
				w.plainRefusal(w.open(name, "x").Ping(), name)
			}
		}
		w.must(w.open(app, w.token(id)).Ping())
		w.must(w.open(w.name("admin"), w.token(w.admin)).Ping())
		w.backend.DB().SetMaxIdleConns(-1) // the next needs a new connection
		w.exec(w.backend.DB(), "DO 1")
	})
	t.Run("MySQL FAILED_LOGIN_ATTEMPTS", func(t *testing.T) {
		w := newWorld(t, backends["MySQL 9.7"](t))
		app, id := w.user("app")
		w.exec(w.asAdmin(), "ALTER USER '"+app+"'@'%' FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED")
		for range 4 {
			w.plainRefusal(w.open(app, "x").Ping(), app)
		}
		w.must(w.open(app, w.token(id)).Ping())
	})
}

// fromElsewhere reaches the backend from an address that it may block, as a gateway on
// another machine does: a server blocks no 127.0.0.1.
type fromElsewhere struct {
	testBackend
	addr string
}

func (b fromElsewhere) Dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	return d.DialContext(ctx, "tcp", b.addr)
}

// TestStrangersDoNotBlockTheGateway: a server blocks a host after so many broken sign-ins.
func TestStrangersDoNotBlockTheGateway(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			w, s := fresh(t, dialect, func(b testBackend, s *mysqltest.Server) testBackend { return fromElsewhere{b, s.Addr} })
			w.exec(s.DB(), "SET GLOBAL max_connect_errors = 1")
			app, id := w.user("app")
			for i := range 30 {
				name := fmt.Sprintf("nobody%d", i) // MySQL asks each for another plugin
				w.plainRefusal(w.open(name, "x").Ping(), name)
			}
			w.must(w.open(app, w.token(id)).Ping())
		})
	}
}

// downBackend refuses connections when it is told to.
type downBackend struct {
	testBackend
	down atomic.Bool
}

func (b *downBackend) Dial(ctx context.Context) (net.Conn, error) {
	if b.down.Load() {
		return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:1")
	}
	return b.testBackend.Dial(ctx)
}

// TestStrangersLearnNothingOfTheBackend: not its address, nor its state.
func TestStrangersLearnNothingOfTheBackend(t *testing.T) {
	down := &downBackend{}
	w, s := fresh(t, "mysql", func(b testBackend, _ *mysqltest.Server) testBackend { down.testBackend = b; return down })
	const unreachable = "Error 1429 (08S01): Can't connect to the database"
	for base, clause := range map[string]string{
		"locked":  "IDENTIFIED BY 'Own-secret-1' ACCOUNT LOCK",
		"expired": "IDENTIFIED BY 'Own-secret-1' PASSWORD EXPIRE",
		"x509":    "IDENTIFIED BY 'Own-secret-1' REQUIRE X509",
	} {
		name := w.nativeAccount(base, clause)
		w.plainRefusal(w.open(name, "wrong").Ping(), name)
	}
	down.down.Store(true)
	if err := w.open("nobody", "x").Ping(); err == nil || err.Error() != unreachable {
		t.Errorf("when the backend is down: %v", err)
	}
	down.down.Store(false)
	w.exec(s.DB(), "SET GLOBAL max_connections = 10")
	w.eventually("the backend has no connection left", func() bool { // a pool may give some back meanwhile
		for range 12 {
			conn, err := net.Dial("tcp", s.Addr)
			w.must(err)
			t.Cleanup(func() { conn.Close() })
		}
		err := w.open("nobody", "x").Ping()
		if err == nil || err.Error() != unreachable && !strings.Contains(err.Error(), "Access denied for user 'nobody'") {
			t.Errorf("when the backend has no connection left: %v", err)
		}
		return err != nil && err.Error() == unreachable
	})
}

// TestRefusalsTakeAsLongForEveryName: the backend answers sooner for some than for others.
func TestRefusalsTakeAsLongForEveryName(t *testing.T) {
	w := oneBackend(t)
	app, _ := w.user("app")
	native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
	for _, name := range []string{app, w.name("admin"), native, "nobody", "x@elsewhere"} {
		began := time.Now()
		w.open(name, "wrong").Ping()
		if took := time.Since(began); took < 100*time.Millisecond {
			t.Errorf("%s was refused in %v", name, took)
		}
	}
}

// TestPreparedStatementsLockNobodyOut: a server bounds them for all its users together.
func TestPreparedStatementsLockNobodyOut(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			w, s := fresh(t, dialect, nil)
			w.exec(s.DB(), "SET GLOBAL max_prepared_stmt_count = 20")
			app, id := w.user("app")
			hoarder, hoarderID := w.user("hoarder")
			session, err := w.open(hoarder, w.token(hoarderID)).Conn(t.Context())
			w.must(err)
			defer session.Close()
			for range 20 {
				_, err := session.PrepareContext(t.Context(), "DO 1")
				w.must(err)
			}
			_, err = session.PrepareContext(t.Context(), "DO 1")
			w.refused(err, 1461)
			w.must(w.open(app, w.token(id)).Ping())
			w.must(w.open(w.name("admin"), w.token(w.admin)).Ping())
			w.user("another")
		})
	}
}

// TestNamesOfStrangersAreNoSQL: a database may take what it is sent for another character set
// than the client's, in which the backslash before a quote is half a character.
func TestNamesOfStrangersAreNoSQL(t *testing.T) {
	s := mysqltest.Fresh(t, "mariadb", "--skip-character-set-client-handshake", "--character-set-server=gbk")
	b, err := backend.External(t.Context(), backend.ExternalConfig{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, b)
	for _, mode := range []string{"", "NO_BACKSLASH_ESCAPES"} {
		w.exec(s.DB(), "SET GLOBAL sql_mode = '"+mode+"'")
		b.DB().SetMaxIdleConns(-1) // the next needs a new connection
		for _, name := range []string{"中' OR 1=1 -- ", `' OR 1=1 -- `, `\' OR 1=1 -- `, `中\`, "中'"} {
			w.plainRefusal(w.open(name, "x").Ping(), name)
		}
	}
}
