//go:build linux

package backend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// stop ends a server that is a test's own, and waits until its port is free.
func stop(t *testing.T, s *mysqltest.Server) {
	t.Helper()
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the port is free", func() bool {
		l, err := net.Listen("tcp", s.Addr)
		if err == nil {
			l.Close()
		}
		return err == nil
	})
	_ = os.Remove(s.Socket)
}

var tricks = []string{"rsa", "clear", "native", "sha256", "old"}

// gotNothing checks that an impostor was told nothing by any of midas's ways to a backend.
func gotNothing(t *testing.T, b *backend.Backend, cfg backend.ExternalConfig, i *impostor, what string) {
	t.Helper()
	if b != nil {
		if err := b.DB().PingContext(t.Context()); err == nil {
			t.Errorf("%s: the pool takes it for the database", what)
		}
		if conn, err := b.Dial(t.Context()); err == nil {
			if b.TLS() == nil {
				t.Errorf("%s: Dial takes it for the database", what)
			}
			conn.Close()
		}
	}
	if again, err := backend.External(t.Context(), cfg); err == nil {
		again.Close()
		t.Errorf("%s: a new start takes it for the database", what)
	} else if code := midas.CodeOf(err); code != midas.Forbidden && code != midas.Unavailable || midas.HintOf(err) == "" {
		t.Errorf("%s: %v (%s), hint %q", what, err, code, midas.HintOf(err))
	}
	if heard := i.all(); len(heard) > 0 {
		t.Errorf("%s: it heard %q", what, heard)
	}
	i.listener.Close()
}

// TestImpostorGetsNothing: while the database is down, another user of the machine listens
// at its port or its socket.
func TestImpostorGetsNothing(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			s := mysqltest.Fresh(t, dialect)
			known := filepath.Join(t.TempDir(), "known.json")
			tcp := backend.ExternalConfig{URL: s.URL, Known: known}
			socket := backend.ExternalConfig{URL: "unix:" + s.Socket, Password: s.Password, Known: known}
			plain := backend.ExternalConfig{URL: s.URL + "?tls=disabled", Known: known}
			opened := map[string]*backend.Backend{}
			for url, cfg := range map[string]backend.ExternalConfig{"tcp": tcp, "unix": socket, "plain": plain} {
				b, err := backend.External(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { b.Close() })
				if want := url == "tcp" && dialect == "mysql"; (b.TLS() != nil) != want || !b.Verified() {
					t.Errorf("%s: TLS %t, want %t; verified %t", url, b.TLS() != nil, want, b.Verified())
				}
				opened[url] = b
			}
			stop(t, s)
			if err := os.Chmod(filepath.Dir(s.Socket), 0o777); err != nil {
				t.Fatal(err)
			}
			for _, trick := range tricks {
				for _, withTLS := range []bool{false, true} {
					gotNothing(t, opened["tcp"], tcp, impostorAt(t, nobody, "tcp", s.Addr, trick, withTLS), "tcp "+trick)
					gotNothing(t, opened["plain"], plain, impostorAt(t, nobody, "tcp", s.Addr, trick, withTLS), "plain "+trick)
				}
				gotNothing(t, opened["unix"], socket, impostorAt(t, nobody, "unix", s.Socket, trick, false), "unix "+trick)
			}
		})
	}
}

// TestImpostorWhereUsersAreNotTold: there the certificate of the first contact is what the
// database is known by, and one without any is not spoken to.
func TestImpostorWhereUsersAreNotTold(t *testing.T) {
	t.Cleanup(backend.NoUsersTold())
	s := mysqltest.Fresh(t, "mysql")
	cfg := backend.ExternalConfig{URL: s.URL, Known: filepath.Join(t.TempDir(), "known.json")}
	b, err := backend.External(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if b.TLS() == nil || b.Verified() || !strings.Contains(b.Describe(), "certificate of the first contact") {
		t.Errorf("TLS %v, verified %t, %s", b.TLS(), b.Verified(), b.Describe())
	}
	stop(t, s)
	for _, trick := range tricks {
		for _, withTLS := range []bool{false, true} {
			gotNothing(t, b, cfg, impostorAt(t, nobody, "tcp", s.Addr, trick, withTLS), trick)
		}
	}
	// The operator says that it is the database now, and a midas that runs heeds that.
	i := impostorAt(t, nobody, "tcp", s.Addr, "clear", true)
	trusted, err := backend.Trust(t.Context(), cfg)
	if err != nil || !strings.HasPrefix(trusted.ServedBy, "the certificate with key sha256:") || trusted.Before == trusted.ServedBy {
		t.Errorf("%+v, %v", trusted, err)
	}
	_ = b.DB().PingContext(t.Context())
	if heard := i.all(); len(heard) == 0 || strings.Contains(strings.Join(heard, " "), s.Password) {
		t.Errorf("after it was trusted it heard %q", heard)
	}

	m := mysqltest.MariaDB(t)
	_, err = backend.External(t.Context(), backend.ExternalConfig{URL: m.URL, Known: cfg.Known})
	expect(t, err, midas.Forbidden, "offers no TLS")
}

// TestNoSecretUnderAnImpostorsKey: with tls=disabled and nobody to tell who it is, a server
// may take part in sign-in by scrambles alone.
func TestNoSecretUnderAnImpostorsKey(t *testing.T) {
	t.Cleanup(backend.NoUsersTold())
	for _, trick := range tricks {
		i := impostorAt(t, nobody, "tcp", "127.0.0.1:0", trick, false)
		url := "mysql://root:" + secret + "@" + i.listener.Addr().String() + "?tls=disabled"
		_, err := backend.External(t.Context(), backend.ExternalConfig{URL: url})
		if err == nil {
			t.Fatal("it was taken for a database")
		}
		heard := strings.Join(i.all(), "\n")
		if !strings.Contains(heard, "sign-in") {
			t.Errorf("%s: nobody signed in, which proves nothing: %v", trick, err)
		}
		if strings.Contains(heard, secret) || strings.Contains(heard, "password \"") {
			t.Errorf("%s: it has the password: %s", trick, heard)
		}
	}
	s := mysqltest.MySQL97(t)
	_, err := backend.External(t.Context(), backend.ExternalConfig{URL: s.URL + "?tls=disabled"})
	if err != nil { // unless the server had the password's hash at hand
		expect(t, err, midas.Unauthenticated, "refuses user")
		if !strings.Contains(midas.HintOf(err), "a key that nobody has verified") {
			t.Errorf("the hint is %q", midas.HintOf(err))
		}
	}
}

// TestFirstContactRemembersTheUser: a database of a user of its own is met once, and another
// user's is not taken for it afterwards.
func TestFirstContactRemembersTheUser(t *testing.T) {
	known := filepath.Join(t.TempDir(), "known.json")
	server := impostorAt(t, nobody, "tcp", "127.0.0.1:0", "native", false)
	address := server.listener.Addr().String()
	var log strings.Builder
	cfg := backend.ExternalConfig{URL: "mysql://root:" + secret + "@" + address, Known: known, Log: slog.New(slog.NewTextHandler(&log, nil))}
	for range 2 {
		_, _ = backend.External(t.Context(), cfg) // it is no database, but it was met
	}
	if n := strings.Count(log.String(), "remembered who serves it"); n != 1 || len(server.all()) == 0 {
		t.Errorf("said %d times, and it heard %q:\n%s", n, server.all(), log.String())
	}
	if info, err := os.Stat(known); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("what is known has mode %v, %v", info.Mode(), err)
	}
	server.listener.Close()

	const another = `{"%s": {"user": 4242}}`
	if err := os.WriteFile(known, fmt.Appendf(nil, another, address), 0o600); err != nil {
		t.Fatal(err)
	}
	gotNothing(t, nil, cfg, impostorAt(t, nobody, "tcp", address, "native", false), "another user")

	server = impostorAt(t, nobody, "tcp", address, "native", false)
	if trusted, err := backend.Trust(t.Context(), cfg); err != nil || !strings.Contains(trusted.Before, "4242") || len(server.all()) > 0 {
		t.Fatalf("%+v, %v; it heard %q", trusted, err, server.all())
	}
	if _, _ = backend.External(t.Context(), cfg); len(server.all()) == 0 {
		t.Error("the user who is trusted now is not spoken to")
	}
	if err := os.Chmod(known, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.External(t.Context(), cfg); midas.CodeOf(err) != midas.Invalid {
		t.Errorf("what others could have written was believed: %v", err)
	}
}

// TestSocketOfAnotherUser: where others can put a socket, its user is not remembered at the
// first contact; in a folder of the database's own it is.
func TestSocketOfAnotherUser(t *testing.T) {
	for mode, want := range map[os.FileMode]string{0o755: "sign-in", 0o1777 | os.ModeSticky: "", 0o777: ""} {
		dir, err := os.MkdirTemp("/tmp", "midas-peer-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if os.Geteuid() == 0 {
			err = os.Chown(dir, nobody, nobody)
		}
		if err = errors.Join(err, os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		i := impostorAt(t, nobody, "unix", filepath.Join(dir, "s"), "native", false)
		cfg := backend.ExternalConfig{URL: "unix:" + filepath.Join(dir, "s"), Password: secret, Known: filepath.Join(t.TempDir(), "known.json")}
		_, err = backend.External(t.Context(), cfg)
		if heard := strings.Join(i.all(), " "); (heard == "") != (want == "") {
			t.Errorf("%v: heard %q: %v", mode, heard, err)
		}
		if want == "" {
			expect(t, err, midas.Forbidden, "others could have put it there")
		}
	}
}

// TestServerOnAllAddresses: such a server's sockets are of the other family.
func TestServerOnAllAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "SSH-2.0-x\r\n")
			defer c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err = backend.External(ctx, backend.ExternalConfig{URL: "mysql://root@" + host + ":" + port})
		expect(t, err, midas.Unavailable, "does not speak the MySQL protocol")
		cancel()
	}
}
