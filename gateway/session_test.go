package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
)

// granted makes a user that owns a schema of its own.
func (w *world) granted(base string) (user, schema string, id midas.Identity) {
	w.Helper()
	user, id = w.user(base)
	schema = w.name(base + "_schema")
	w.exec(w.asAdmin(), "CREATE DATABASE "+schema, fmt.Sprintf("GRANT ALL ON %s.* TO '%s'@'%%'", schema, user))
	w.Cleanup(func() { w.backend.DB().Exec("DROP DATABASE " + schema) })
	return user, schema, id
}

// TestLargeValuesPassUnchanged_slow: packets of more than 16 MiB come in pieces, some of
// which look like commands.
func TestLargeValuesPassUnchanged_slow(t *testing.T) {
	w := newWorld(t, backends["MySQL 9.7"](t)) // whose limit is 64 MiB
	user, schema, id := w.granted("large")
	db := w.open(user, w.token(id), func(c *mysql.Config) { c.DBName, c.MaxAllowedPacket = schema, 64<<20 })
	w.exec(db, "CREATE TABLE v (n INT PRIMARY KEY, b LONGBLOB)")
	statement := []byte("\x03CREATE AADUSER 'evil' IDENTIFIED BY '" + id.ClientID + "'")
	for n, size := range []int{0, 1, 1 << 10, 1<<16 - 1, 1 << 20, 1<<24 - 30, 1<<24 + 30, 40 << 20} {
		value := bytes.Repeat(statement, size/len(statement)+1)[:size]
		if _, err := db.Exec("INSERT INTO v VALUES (?, ?)", n, value); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		var back []byte
		if err := db.QueryRow("SELECT b FROM v WHERE n = ?", n).Scan(&back); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if sha256.Sum256(back) != sha256.Sum256(value) {
			t.Errorf("%d bytes came back as %d others", size, len(back))
		}
	}
	if names := w.accountsOfBackend(); strings.Contains(strings.Join(names, "\n"), "evil") {
		t.Error("a value was taken for a statement")
	}
}

// TestPipelinedCommands: a client may send the next command before it has an answer.
func TestPipelinedCommands(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		c := w.signIn(user, w.token(id))
		const n = 100
		var sent []byte
		for i := range n {
			sent = wire.AppendPacket(sent, 0, wire.AppendQuery(nil, fmt.Sprintf("SELECT %d", i), c.caps))
		}
		go c.conn.Write(sent)
		for i := range n {
			if count := c.read(); len(count) != 1 || count[0] != 1 {
				t.Fatalf("answer %d has %x columns", i, count)
			}
			c.read() // definition
			c.read() // EOF
			if row := c.read(); string(row[1:]) != fmt.Sprint(i) {
				t.Fatalf("answer %d is %q", i, row)
			}
			c.read() // EOF
		}
	})
}

// TestOwnAnswersDoNotOvertake: the gateway answers some statements itself, and only after
// the backend has answered those that a client sent before.
func TestOwnAnswersDoNotOvertake(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		c := w.signIn(user, w.token(id))
		ours := "CREATE AADUSER 'evil' IDENTIFIED BY '" + id.ClientID + "'"
		var sent []byte
		const rounds, length = 20, 70_000
		for range rounds {
			for _, packet := range [][]byte{
				wire.AppendQuery(nil, fmt.Sprintf("SELECT REPEAT('x', %d) FROM (SELECT SLEEP(0.01)) s", length), c.caps),
				wire.AppendQuery(nil, ours, c.caps),
				append([]byte{byte(wire.ComStmtPrepare)}, ours...),
				wire.AppendQuery(nil, "SELECT no_such_column", c.caps),
				append([]byte{byte(wire.ComStmtPrepare)}, "CREATE AADUSER"...),
			} {
				sent = wire.AppendPacket(sent, 0, packet)
			}
		}
		go c.conn.Write(sent)
		for round := range rounds {
			c.read() // one column
			c.read() // its definition
			c.read() // EOF
			if row := c.read(); len(row) < length || strings.Trim(string(row[len(row)-length:]), "x") != "" {
				t.Fatalf("round %d: a row of %d bytes", round, len(row))
			}
			c.read() // EOF
			if e := c.readERR(); e.Code != 1227 {
				t.Fatalf("round %d: %v", round, e)
			}
			if ok := c.read(); !wire.IsOK(ok) {
				t.Fatalf("round %d: prepared: %x", round, ok)
			}
			if e := c.readERR(); !strings.Contains(e.Message, "no_such_column") {
				t.Fatalf("round %d: %v", round, e)
			}
			if e := c.readERR(); e.Code != 1064 {
				t.Fatalf("round %d: %v", round, e)
			}
		}
	})
}

// TestChangeUser signs in anew on the same connection, with a token as at first.
func TestChangeUser(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		first, firstID := w.user("first")
		second, secondID := w.user("second")
		c := w.signIn(first, w.token(firstID))
		c.changeUser(second, wire.PluginCachingSHA2, w.token(secondID))
		c.wantOK()
		if who := c.value("SELECT CURRENT_USER()"); who != second+"@%" {
			t.Errorf("signed in as %s", who)
		}
		if charset := c.value("SELECT @@character_set_client"); charset != "utf8mb4" {
			t.Errorf("the client's character set is %s", charset)
		}
		// A token of somebody else ends the connection, as on a server.
		c.changeUser(first, wire.PluginCachingSHA2, w.token(secondID))
		if e := c.readERR(); e.Code != 1045 {
			t.Errorf("got %v", e)
		}
		c.wantClosed()
	})
}

// lastWords is a backend that answers the closing of a connection with an error packet, as MySQL
// does when the gateway closes its TLS.
type lastWords struct{ testBackend }

func (b lastWords) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := b.testBackend.Dial(ctx)
	return &lastWordsConn{Conn: conn}, err
}

type lastWordsConn struct {
	net.Conn
	closing atomic.Bool
}

func (c *lastWordsConn) Close() error {
	c.closing.Store(true)
	return c.Conn.Close()
}

func (c *lastWordsConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && c.closing.Swap(false) {
		return copy(p, wire.AppendPacket(nil, 0, wire.ERR{Code: 1158, State: "08S01", Message: "Got an error reading communication packets"}.Append(nil))), nil
	}
	return n, err
}

// TestChangeUserPassesNoLastWordsOn: the client is waiting for the answer to its sign-in.
func TestChangeUserPassesNoLastWordsOn(t *testing.T) {
	w := newWorld(t, lastWords{backends["MariaDB"](t)})
	app, id := w.user("app")
	c := w.signIn(app, w.token(id))
	c.changeUser(app, wire.PluginCachingSHA2, w.token(id))
	c.wantOK()
	if who := c.value("SELECT CURRENT_USER()"); who != app+"@%" {
		t.Errorf("signed in as %s", who)
	}
}

// value is the one value that a query has for an answer.
func (c *rawClient) value(sql string) string {
	c.Helper()
	c.query(sql)
	if got := c.read(); wire.IsERR(got) {
		e, _ := wire.ParseERR(got)
		c.Fatalf("%s: %v", sql, e)
	}
	c.read()
	c.read()
	row := c.read()
	c.read()
	return string(row[1:])
}

// awaitLock returns when a session of the backend has the lock, or none. A lock tells
// what a session does without the process list, reading which has crashed MariaDB 10.11.
func (w *world) awaitLock(name string, held bool) {
	w.Helper()
	w.eventually(fmt.Sprintf("lock %s is held: %v", name, held), func() (so bool) {
		w.must(w.backend.DB().QueryRow("SELECT (IS_USED_LOCK(?) IS NOT NULL) = ?", name, held).Scan(&so))
		return so
	})
}

// eventually asks until it is so.
func (w *world) eventually(what string, so func() bool) {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); {
		if time.Now().After(deadline) {
			w.Fatalf("it does not come to be that %s", what)
		}
	}
}

// TestBackendThatGoesAway ends the client's connection, promptly.
func TestBackendThatGoesAway(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	c := w.signIn(user, w.token(id))
	backendID := c.value("SELECT CONNECTION_ID()")
	if _, err := w.backend.DB().Exec("KILL " + backendID); err != nil {
		t.Fatal(err)
	}
	c.wantClosed()
	w.eventually("the session ends", func() bool { return w.gateway.Sessions() == 1 }) // the administrator's is left
}

// TestClientThatGoesAway: its session at the backend ends too.
func TestClientThatGoesAway(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	ctx, cancel := context.WithCancel(t.Context())
	db := w.open(user, w.token(id))
	conn, err := db.Conn(t.Context())
	w.must(err)
	ended := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(ctx, "SELECT GET_LOCK('"+w.name("leaver")+"', 0), SLEEP(30)")
		ended <- err
	}()
	w.awaitLock(w.name("leaver"), true)
	cancel() // the driver hangs up
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.awaitLock(w.name("leaver"), false)
}
