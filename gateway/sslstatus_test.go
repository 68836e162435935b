package gateway_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/wire"
)

// TestClientsSeeTheirOwnTLS: what the server says of TLS is of the client's own connection,
// however it asks, and in answers that look like the server's.
func TestClientsSeeTheirOwnTLS(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		for _, test := range []struct {
			config          *tls.Config
			cipher, version string
		}{
			{&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}, "ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2"},
			{&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, "ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2"},
			{&tls.Config{MinVersion: tls.VersionTLS13}, "TLS_AES_128_GCM_SHA256", "TLSv1.3"},
		} {
			base := w.tls()
			test.config.RootCAs, test.config.ServerName = base.RootCAs, base.ServerName
			conn, err := w.open(user, w.token(id), func(c *mysql.Config) { c.TLS = test.config }).Conn(t.Context())
			w.must(err)
			want := map[string]string{"Ssl_cipher": test.cipher, "Ssl_version": test.version}
			for _, statement := range []string{
				"SHOW STATUS LIKE '%s'", "SHOW SESSION STATUS LIKE '%s'", "show  local status\n like \"%s\" ;", "ShOw STATUS LIKE '%s';",
			} {
				for name, value := range want {
					asked := fmt.Sprintf(statement, name)
					if got := ask(t, conn, asked); got != ([2]string{name, value}) {
						t.Errorf("%s: %q, want %q", asked, got, value)
					}
					prepared, err := conn.PrepareContext(t.Context(), asked)
					w.must(err)
					for range 2 {
						if got := askPrepared(t, prepared); got != ([2]string{name, value}) {
							t.Errorf("%s: %q, want %q", "prepared "+asked, got, value)
						}
					}
					prepared.Close()
				}
			}
			conn.Close()
		}
	})
}

// TestTLSAnswersLookLikeTheServers, but for where their columns come from.
func TestTLSAnswersLookLikeTheServers(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		db := w.open(user, w.token(id))
		if strings.Contains(t.Name(), "embedded") {
			t.Log("the engine inside has other types for everything that it shows")
		} else if got, want := columns(t, db, "SHOW STATUS LIKE 'Ssl_cipher'"), columns(t, w.backend.DB(), "SHOW STATUS LIKE 'Ssl_cipher'"); !cmp.Equal(got, want) {
			t.Errorf("got %v, the server has %v", got, want)
		}
		// What asks for more is the server's to answer.
		for _, statement := range []string{
			"SHOW GLOBAL STATUS LIKE 'Ssl_accepts'", "SHOW STATUS LIKE 'Ssl_ciphe_'", "SHOW STATUS LIKE 'Threads_running'", "SHOW STATUS WHERE Variable_name = 'Uptime'",
		} {
			rows, err := db.QueryContext(t.Context(), statement)
			if err == nil {
				err = rows.Close()
			}
			if want := askErr(w.backend.DB(), statement); (err == nil) != (want == nil) {
				t.Errorf("%s: %v, the server says %v", statement, err, want)
			}
		}
		// In a transaction the session stays what it was.
		tx, err := db.BeginTx(t.Context(), nil)
		w.must(err)
		if got := ask(t, tx, "SHOW STATUS LIKE 'Ssl_version'"); got[1] != "TLSv1.3" {
			t.Errorf("in a transaction: %q", got)
		}
		w.must(tx.Rollback())
	})
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func ask(t *testing.T, q querier, statement string) (got [2]string) {
	t.Helper()
	if err := q.QueryRowContext(t.Context(), statement).Scan(&got[0], &got[1]); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
	return got
}

func askPrepared(t *testing.T, s *sql.Stmt) (got [2]string) {
	t.Helper()
	if err := s.QueryRowContext(t.Context()).Scan(&got[0], &got[1]); err != nil {
		t.Errorf("prepared: %v", err)
	}
	return got
}

func askErr(db *sql.DB, statement string) error {
	rows, err := db.Query(statement)
	if err == nil {
		err = rows.Close()
	}
	return err
}

func columns(t *testing.T, db *sql.DB, statement string) (all [][2]string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range types {
		all = append(all, [2]string{c.Name(), c.DatabaseTypeName()})
	}
	return all
}

// TestTLSIsAskedInWholeStatements: what the gateway sees first of a packet may end where the
// statement seems to.
func TestTLSIsAskedInWholeStatements(t *testing.T) {
	w := newWorld(t, backends["MySQL 9.7"](t))
	user, id := w.user("app")
	c := w.dial()
	c.caps |= wire.ClientQueryAttributes
	c.startTLS(w)
	token := w.token(id)
	c.login(user, wire.PluginCachingSHA2, wire.CachingSHA2Scramble(token, c.greeting.AuthData))
	c.read()
	c.send(append([]byte(token), 0))
	c.wantOK()
	const statement, lookAhead, head = "SHOW STATUS LIKE 'Ssl_cipher'", 1 << 10, 11
	// One attribute without a name, of a type that is a string.
	value := lookAhead - head - len(statement)
	packet := append([]byte{byte(wire.ComQuery), 1, 1, 0, 1, 0xfe, 0, 0, 0xfc, byte(value), byte(value >> 8)}, strings.Repeat("a", value)...)
	c.command(append(packet, statement+" no such syntax"...))
	if e := c.readERR(); e.Code != mysqlerr.Parse {
		t.Errorf("got %v", e)
	}
	c.command(append(packet, statement...)) // whole, and the same way
	if got := c.read(); wire.IsERR(got) {
		t.Errorf("got %q", got)
	}
}
