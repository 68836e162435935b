package backend_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

const secret = "s3cret-never-shown"

func TestExternalRefusesMalformedURLs(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		"",
		"127.0.0.1:3306",
		"postgres://root:" + secret + "@127.0.0.1",
		"mysql://root:" + secret + "@",
		"mysql://root:" + secret + "@127.0.0.1/database",
		"mysql://root:" + secret + "@127.0.0.1:port",
		"mysql://root:" + secret + "%zz@127.0.0.1",
		"mysql://root:" + secret + "@127.0.0.1?tls=maybe",
		"mysql://root:" + secret + "@127.0.0.1?ssl=true",
		"mysql://root:" + secret + "@127.0.0.1?ca=/does/not/exist.pem",
		"mysql://root:" + secret + "@127.0.0.1?ca=" + notPEM,
		"unix:",
		"unix://host/path",
		"unix:/tmp/x?tls=verify",
	} {
		_, err := backend.External(t.Context(), backend.ExternalConfig{URL: url})
		if midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%q: got %v, want an invalid request", url, err)
		}
		if err != nil && strings.Contains(err.Error()+midas.HintOf(err), secret) {
			t.Errorf("%q: the password is in %q", url, err)
		}
	}
}

// TestExternalTakesOnePassword: of two, one was given by mistake, and nobody can tell which.
func TestExternalTakesOnePassword(t *testing.T) {
	_, err := backend.External(t.Context(), backend.ExternalConfig{URL: "mysql://root:" + secret + "@127.0.0.1", Password: "other"})
	expect(t, err, midas.Invalid, "given twice")
	if strings.Contains(err.Error()+midas.HintOf(err), secret) {
		t.Errorf("the password is in %q", err)
	}
}

// A backend that cannot serve is a clear error in time, whatever sits at the address.
func TestExternalSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	ssh := serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") })
	drop := serve(t, func(net.Conn) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nothing := l.Addr().String()
	_ = l.Close()
	for _, tt := range []struct{ name, url, want string }{
		{"refused", "mysql://root:" + secret + "@" + nothing, "nothing listens"},
		{"no such socket", "unix://root:" + secret + "@/nonexistent/mysqld.sock", "nothing listens"},
		{"no such host", "mysql://root:" + secret + "@midas.invalid", "cannot be found"},
		{"HTTP waits for the client", "mysql://root:" + secret + "@" + strings.TrimPrefix(web.URL, "http://"), "does not speak the MySQL protocol"},
		{"SSH", "mysql://root:" + secret + "@" + ssh, "does not speak the MySQL protocol"},
		{"hangs up", "mysql://root:" + secret + "@" + drop, "does not speak the MySQL protocol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, err := backend.External(t.Context(), backend.ExternalConfig{URL: tt.url})
			expect(t, err, midas.Unavailable, tt.want)
			if took := time.Since(begin); took > 6*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func serve(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			answer(c)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func expect(t *testing.T, err error, code midas.Code, words string) {
	t.Helper()
	if midas.CodeOf(err) != code || err == nil || !strings.Contains(err.Error(), words) || midas.HintOf(err) == "" {
		t.Errorf("got %q (%s), hint %q; want %s with %q and a hint", err, midas.CodeOf(err), midas.HintOf(err), code, words)
	}
	if err != nil && strings.Contains(err.Error()+midas.HintOf(err), secret) {
		t.Errorf("the password is in %q", err)
	}
}

func TestExternalAccounts(t *testing.T) {
	for name, get := range map[string]func(testing.TB) *mysqltest.Server{"mariadb": mysqltest.MariaDB, "mysql": mysqltest.MySQL97} {
		t.Run(name, func(t *testing.T) {
			s := get(t)
			for _, statement := range []string{
				"CREATE USER IF NOT EXISTS poor IDENTIFIED BY '" + secret + "'",
				"GRANT SELECT, INSERT, CREATE USER ON *.* TO poor",
				"CREATE USER IF NOT EXISTS enough IDENTIFIED BY '" + secret + "'",
				"GRANT " + strings.Join(account.AdministratorPrivileges(), ", ") + " ON *.* TO enough WITH GRANT OPTION",
			} {
				if _, err := s.DB().Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			_, err := backend.External(t.Context(), backend.ExternalConfig{URL: "mysql://root:" + secret + "@" + s.Addr})
			expect(t, err, midas.Unauthenticated, `refuses user "root"`)
			_, err = backend.External(t.Context(), backend.ExternalConfig{URL: "mysql://poor:" + secret + "@" + s.Addr})
			expect(t, err, midas.Forbidden, "lacks UPDATE, DELETE, CREATE, DROP, RELOAD, ")

			// What is passed on is enough, by whatever words the server shows it.
			modest, err := backend.External(t.Context(), backend.ExternalConfig{URL: "mysql://enough:" + secret + "@" + s.Addr})
			if err != nil {
				t.Fatal(err)
			}
			modest.Close()
			b, err := backend.External(t.Context(), backend.ExternalConfig{URL: "unix:" + s.Socket, Password: s.Password})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if b.Dialect() != name || b.Version() != s.Version || b.TLS() != nil {
				t.Errorf("got %s %s, TLS %v", b.Dialect(), b.Version(), b.TLS())
			}
			if strings.Contains(b.Describe(), s.Password) {
				t.Errorf("the password is in %q", b.Describe())
			}
		})
	}
}

// The certificate that a MySQL server makes for itself has no host name: required
// verifies it against its authority, verify cannot, and neither takes a stranger's.
func TestExternalTLS(t *testing.T) {
	s := mysqltest.MySQL97(t)
	var data string
	if err := s.DB().QueryRow("SELECT @@datadir").Scan(&data); err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(data, "ca.pem")
	for _, tt := range []struct {
		query, want string
		encrypted   bool
	}{
		{"", "", true},
		{"?tls=disabled", "", false},
		{"?tls=required&ca=" + ca, "", true},
		{"?tls=insecure-skip-verify", "", true},
		{"?tls=verify&ca=" + ca, "TLS", true},
		{"?ca=" + ca, "TLS", true},
		{"?tls=required", "TLS", true},
	} {
		t.Run(tt.query, func(t *testing.T) {
			b, err := backend.External(t.Context(), backend.ExternalConfig{URL: s.URL + tt.query})
			if tt.want != "" {
				expect(t, err, midas.Unavailable, tt.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			var name, cipher string
			if err := b.DB().QueryRow("SHOW SESSION STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher); err != nil {
				t.Fatal(err)
			}
			if (cipher != "") != tt.encrypted || (b.TLS() != nil) != tt.encrypted {
				t.Errorf("cipher %q, TLS() %v, want encrypted %v", cipher, b.TLS() != nil, tt.encrypted)
			}
		})
	}
	t.Run("a server without TLS", func(t *testing.T) {
		m := mysqltest.MariaDB(t)
		_, err := backend.External(t.Context(), backend.ExternalConfig{URL: m.URL + "?tls=insecure-skip-verify"})
		expect(t, err, midas.Unavailable, "offers no TLS")
	})
}

func TestDialReachesTheGreeting(t *testing.T) {
	s := mysqltest.MariaDB(t)
	b, err := backend.External(t.Context(), backend.ExternalConfig{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := b.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[4] != 10 {
		t.Errorf("got % x, %v, want a greeting of protocol version 10", head, err)
	}
	waited := make(chan error)
	go func() { waited <- b.Wait() }()
	if err := fmt.Errorf("%w%w", b.Close(), b.Close()); err.Error() != "%!w(<nil>)%!w(<nil>)" {
		t.Error(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("Wait after Close: %v", err)
	}
}

// What a server answers to midas is its administrator's to say, and midas's memory is not.
func TestAnswerWithoutEnd(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			s := mysqltest.Fresh(t, dialect)
			b, err := backend.External(t.Context(), backend.ExternalConfig{URL: "unix:" + s.Socket, Password: s.Password})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			rows, err := b.DB().Query("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT REPEAT('a', 1000000) FROM n")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for rows.Next() {
				n++
			}
			if err := rows.Err(); err == nil || n > 140 {
				t.Errorf("%d rows of a megabyte were read, %v", n, err)
			}
			if err := b.DB().Ping(); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// A server whose defaults show few rows, or change none without a key, is one for midas, too.
func TestExternalWithOtherDefaults(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			s := mysqltest.Fresh(t, dialect)
			sets := []string{"sql_select_limit = 0", "sql_safe_updates = 1", "sql_big_selects = 0", "max_join_size = 1", "autocommit = 0"}
			if dialect == "mariadb" {
				sets = append(sets, "tx_read_only = 1", "max_session_mem_used = 8192", "max_statement_time = 0.000001")
			} else {
				sets = append(sets, "transaction_read_only = 1", "max_execution_time = 1")
			}
			for _, set := range sets {
				if _, err := s.DB().Exec("SET GLOBAL " + set); err != nil {
					t.Fatal(err)
				}
			}
			b, err := backend.External(t.Context(), backend.ExternalConfig{URL: "unix:" + s.Socket, Password: s.Password})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			for _, statement := range []string{
				"CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT)", "INSERT INTO shop.orders VALUES (1), (2)",
				"UPDATE shop.orders SET id = id + 1",
			} {
				if _, err := b.DB().Exec(statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
			var n int
			if err := b.DB().QueryRow("SELECT COUNT(*) FROM shop.orders a, shop.orders b").Scan(&n); err != nil || n != 4 {
				t.Errorf("counted %d, %v", n, err)
			}
		})
	}
}
