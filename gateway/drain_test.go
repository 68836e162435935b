package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/wire"
)

// drain begins to drain the gateway; the channel says when that is over.
func (w *world) drain(limit time.Duration) <-chan struct{} {
	over := make(chan struct{})
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		w.gateway.Shutdown(ctx)
		close(over)
	}()
	w.eventually("new connections are refused", func() bool {
		conn, err := net.Dial("tcp", w.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	return over
}

// drainInTransaction begins to drain, and returns when the gateway has found a transaction.
func (w *world) drainInTransaction() <-chan struct{} {
	w.Helper()
	over := w.drain(time.Minute)
	w.eventually("a transaction is waited for", func() bool { return w.log.with("waits for the end of a transaction") > 0 })
	return over
}

// drained fails when the drain has not ended well before its limit of a minute.
func (w *world) drained(over <-chan struct{}) {
	w.Helper()
	select {
	case <-over:
	case <-time.After(15 * time.Second):
		w.Fatal("sessions are left")
	}
}

// saysShutdown reads 1053 with that sequence number, and the end.
func (c *rawClient) saysShutdown(seq byte) {
	c.Helper()
	if e := c.readERR(); e.Code != 1053 || e.State != "08S01" {
		c.Errorf("got %v", e)
	}
	if got := c.seq - 1; got != seq {
		c.Errorf("1053 came as packet %d, want %d", got, seq)
	}
	c.wantClosed()
}

func (c *rawClient) exec(sql string) {
	c.Helper()
	c.query(sql)
	c.wantOK()
}

// TestDrainEndsIdleSessions at once, and a pool takes the connection for broken.
func TestDrainEndsIdleSessions(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, schema, id := w.granted("idle")
		pool := w.open(user, w.token(id))
		pooled, err := pool.Conn(t.Context())
		w.must(err)
		defer pooled.Close()
		w.must(pool.Ping())
		idle, committed, manual := w.signIn(user, w.token(id)), w.signIn(user, w.token(id)), w.signIn(user, w.token(id))
		for _, c := range []*rawClient{committed, manual} {
			c.exec("USE " + schema)
		}
		for _, sql := range []string{"CREATE TABLE v (n INT)", "BEGIN", "INSERT INTO v VALUES (1)", "COMMIT"} {
			committed.exec(sql)
		}
		manual.exec("SET autocommit = 0") // begins no transaction yet
		over := w.drain(time.Minute)
		for _, c := range []*rawClient{idle, committed, manual} {
			c.saysShutdown(0)
		}
		w.drained(over)
		w.refused(pooled.PingContext(t.Context()), 1053)
		// A pool looks at an idle connection before it uses it, and sees that it has ended.
		if err := pool.Ping(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("the pool: %v", err)
		}
	})
}

// TestDrainLetsTransactionsEnd_slow by COMMIT, ROLLBACK or a statement that commits.
func TestDrainLetsTransactionsEnd_slow(t *testing.T) {
	for end, kept := range map[string]string{"COMMIT": "3", "ROLLBACK": "0", "CREATE TABLE other (n INT)": "3", "SET autocommit = 1": "3"} {
		t.Run(end, func(t *testing.T) {
			everyBackend(t, func(t *testing.T, w *world) {
				user, schema, id := w.granted("transaction")
				c := w.signIn(user, w.token(id))
				c.exec("USE " + schema)
				c.exec("CREATE TABLE v (n INT) ")
				if end == "SET autocommit = 1" {
					c.exec("SET autocommit = 0")
				} else {
					c.exec("BEGIN")
				}
				c.exec("INSERT INTO v VALUES (1)")
				over := w.drainInTransaction()
				c.exec("INSERT INTO v VALUES (2), (3)")
				if n := c.value("SELECT ROW_COUNT()"); n != "2" {
					t.Errorf("ROW_COUNT() is %s", n)
				}
				c.exec(end)
				c.saysShutdown(0)
				w.drained(over)
				var n string
				w.must(w.backend.DB().QueryRow("SELECT COUNT(*) FROM " + schema + ".v").Scan(&n))
				if n != kept {
					t.Errorf("%s rows after %s", n, end)
				}
			})
		})
	}
}

// TestDrainFindsTransactionsOfEveryKind_slow: XA, read only, and one that began without BEGIN.
func TestDrainFindsTransactionsOfEveryKind_slow(t *testing.T) {
	kinds := map[string][]string{
		"read only":  {"START TRANSACTION READ ONLY", "COMMIT"},
		"implicit":   {"SET autocommit = 0", "INSERT INTO v VALUES (1)", "COMMIT"},
		"in UTF-16":  {"SET character_set_results = utf16", "BEGIN", "COMMIT"},
		"in UTF-32":  {"SET character_set_results = utf32", "BEGIN", "COMMIT"},
		"savepoints": {"BEGIN", "SAVEPOINT a", "ROLLBACK TO a", "ROLLBACK"},
		"XA":         {"XA START 'drain'", "INSERT INTO v VALUES (1)", "XA END 'drain'", "XA COMMIT 'drain' ONE PHASE"},
	}
	for _, name := range []string{"MariaDB", "MySQL 9.7"} {
		for kind, statements := range kinds {
			t.Run(name+" "+kind, func(t *testing.T) {
				w := newWorld(t, backends[name](t))
				user, schema, id := w.granted("kinds")
				c := w.signIn(user, w.token(id))
				c.exec("USE " + schema)
				c.exec("CREATE TABLE v (n INT)")
				last := len(statements) - 1
				for _, sql := range statements[:last] {
					c.exec(sql)
				}
				over := w.drainInTransaction()
				c.exec(statements[last])
				c.readERR()
				w.drained(over)
			})
		}
	}
}

// TestDrainLetsStatementsFinish: their answers are relayed whole.
func TestDrainLetsStatementsFinish(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("slow")
		c := w.signIn(user, w.token(id))
		c.query("SELECT SLEEP(2)")
		over := w.drain(time.Minute)
		c.read() // one column
		c.read() // its definition
		c.read() // EOF
		if row := c.read(); string(row[1:]) != "0" {
			t.Errorf("the row is %q", row)
		}
		c.read() // EOF
		c.saysShutdown(0)
		w.drained(over)
	})
}

// TestDrainAnswersPipelinedCommands in order: those of the transaction by the backend, the
// first after it by 1053.
func TestDrainAnswersPipelinedCommands(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, schema, id := w.granted("pipe")
		c := w.signIn(user, w.token(id))
		for _, sql := range []string{"USE " + schema, "CREATE TABLE v (n INT)", "BEGIN"} {
			c.exec(sql)
		}
		over := w.drain(time.Minute)
		var sent []byte
		for _, sql := range []string{"INSERT INTO v VALUES (1)", "INSERT INTO v VALUES (2)", "COMMIT", "INSERT INTO v VALUES (3)", "INSERT INTO v VALUES (4)"} {
			sent = wire.AppendPacket(sent, 0, wire.AppendQuery(nil, sql, c.caps))
		}
		_, err := c.conn.Write(sent)
		w.must(err)
		for range 3 {
			c.wantOK()
		}
		c.saysShutdown(1)
		w.drained(over)
		var n int
		w.must(w.backend.DB().QueryRow("SELECT COUNT(*) FROM " + schema + ".v").Scan(&n))
		if n != 2 {
			t.Errorf("%d rows, want those before COMMIT", n)
		}
	})
}

// TestDrainKeepsTheAdministratorAtWork: what asks the directory works until its session ends.
func TestDrainKeepsTheAdministratorAtWork(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		second, secondID := w.user("second")
		admin, changes := w.signIn(w.name("admin"), w.token(w.admin)), w.signIn(w.name("admin"), w.token(w.admin))
		admin.exec("BEGIN")
		changes.exec("BEGIN")
		over := w.drain(time.Minute)
		changes.changeUser(second, wire.PluginClear, w.token(secondID))
		changes.wantOK()
		changes.saysShutdown(0)
		admin.exec(fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("late"), secondID.ClientID))
		admin.saysShutdown(0)
		w.drained(over)
		w.startGateway()
		w.must(w.open(w.name("late"), w.token(secondID)).Ping())
	})
}

// TestDrainEndsRemovedPrincipals: also while draining, within the usual time.
func TestDrainEndsRemovedPrincipals(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = 10 * time.Millisecond
	w.startGateway()
	user, id := w.user("app")
	c := w.signIn(user, w.token(id))
	c.exec("BEGIN")
	over := w.drain(time.Minute)
	_, err := w.directory.DeleteIdentity(t.Context(), nil, tenantGroup, "app")
	w.must(err)
	if e := c.readERR(); e.Code != 1053 || e.Message == "Server shutdown in progress" {
		t.Error(e)
	}
	w.drained(over)
}

// TestDrainIsNotHeldUp_slow by clients that mean to, and never beyond its limit.
func TestDrainIsNotHeldUp_slow(t *testing.T) {
	flood := wire.AppendPacket(nil, 0, append([]byte{byte(wire.ComQuery)}, "SELECT 1"...))
	for name, test := range map[string]struct {
		hold   func(w *world, c *rawClient)
		limit  time.Duration
		atMost time.Duration
	}{
		"floods commands": {func(_ *world, c *rawClient) {
			go io.Copy(io.Discard, c.conn)
			go func() {
				for err := error(nil); err == nil; {
					_, err = c.conn.Write(flood)
				}
			}()
		}, time.Minute, 8 * time.Second},
		"stays in a transaction": {func(_ *world, c *rawClient) { c.exec("BEGIN") }, time.Second, 8 * time.Second},
		"never reads": {func(_ *world, c *rawClient) {
			c.conn.Write(wire.AppendPacket(nil, 0, wire.AppendQuery(nil, "SELECT REPEAT('a', 15000000)", c.caps)))
		}, time.Second, 8 * time.Second},
		"sends half a header":    {func(_ *world, c *rawClient) { c.conn.Write([]byte{1, 0}) }, time.Minute, 5 * time.Second},
		"sends half a command":   {func(_ *world, c *rawClient) { c.conn.Write(flood[:6]) }, time.Second, 8 * time.Second},
		"changes user for ever":  {func(_ *world, c *rawClient) { c.command([]byte{byte(wire.ComChangeUser)}) }, time.Second, 8 * time.Second},
		"sleeps":                 {func(_ *world, c *rawClient) { c.query("SELECT SLEEP(1000)") }, time.Second, 8 * time.Second},
		"has not signed in":      {func(w *world, _ *rawClient) { w.connect() }, time.Minute, 5 * time.Second},
		"hangs up while asked":   {func(_ *world, c *rawClient) { c.exec("BEGIN"); c.conn.Close() }, time.Minute, 5 * time.Second},
		"kills its own question": {killsItsSession, time.Second, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := oneBackend(t)
			user, id := w.user("holds")
			test.hold(w, w.signIn(user, w.token(id)))
			began := time.Now()
			<-w.drain(test.limit)
			if took := time.Since(began); took > test.atMost {
				t.Errorf("took %v", took)
			}
		})
	}
}

// killsItsSession sends KILL QUERY at the session as fast as it can.
func killsItsSession(w *world, c *rawClient) {
	c.exec("BEGIN")
	db := w.backend.DB()
	id := c.value("SELECT CONNECTION_ID()")
	done, ended := w.Context().Done(), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				if _, err := db.Exec("KILL QUERY " + id); err != nil {
					return
				}
			}
		}
	}()
	w.Cleanup(func() { <-ended })
}
