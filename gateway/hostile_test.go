package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/internal/wire"
)

// TestLocalFilesAreRefused: a client that interrupts LOAD DATA LOCAL at the right moment could
// make the backend read a file's bytes as commands, which the gateway takes for a file.
func TestLocalFilesAreRefused(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("files")
		schema := w.name("files_schema")
		if w.dial().greeting.Capabilities.Has(wire.ClientLocalFiles) {
			t.Error("the greeting offers them")
		}
		w.exec(w.backend.DB(), "SET GLOBAL local_infile = 1", "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".l (l VARCHAR(200))",
			fmt.Sprintf("GRANT INSERT ON %s.* TO '%s'@'%%'", schema, user))
		t.Cleanup(func() { w.backend.DB().Exec("DROP DATABASE " + schema) })
		mysql.RegisterReaderHandler(schema, nil)
		defer mysql.DeregisterReaderHandler(schema)
		db := w.open(user, w.token(id))
		if _, err := db.Exec("LOAD DATA LOCAL INFILE 'Reader::" + schema + "' INTO TABLE " + schema + ".l"); err == nil {
			t.Error("a file was asked for")
		}
		w.must(db.Ping())
	})
}

// TestPacketsOutOfSequence: a backend refuses such a packet after its header and goes on
// to read commands from within it.
func TestPacketsOutOfSequence(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	inside := wire.AppendPacket(nil, 0, wire.ChangeUser{User: "root", Charset: 45, Plugin: wire.PluginNative}.Append(nil, 0))
	for _, seq := range []byte{1, 77, 255} {
		c := w.signIn(user, w.token(id))
		c.seq = seq
		c.send(inside)
		if e := c.readERR(); e.Code != 1156 {
			t.Errorf("packet %d: %v", seq, e)
		}
		c.wantClosed()
	}
	// The second part of a packet of 16 MiB.
	c := w.signIn(user, w.token(id))
	part := make([]byte, 1<<24-1)
	part[0] = byte(wire.ComQuery)
	c.conn.Write(wire.AppendPacket(nil, 0, part)[:4+len(part)])
	c.conn.Write(append([]byte{byte(len(inside)), 0, 0, 0}, inside...))
	if e := c.readERR(); e.Code != 1156 {
		t.Error(e)
	}
}

// stuck is a client that reads nothing, whose backend is busy, and that then wants
// something of the gateway itself.
func (w *world) stuck(then []byte) *rawClient {
	w.Helper()
	user, id := w.user("app")
	c := w.signIn(user, w.token(id))
	for _, busy := range []string{"SELECT REPEAT('a', 15000000)", "SELECT SLEEP(1000)"} {
		c.conn.Write(wire.AppendPacket(nil, 0, wire.AppendQuery(nil, busy, c.caps)))
	}
	c.conn.Write(wire.AppendPacket(nil, 0, then))
	return c
}

// TestSessionsWhoseAnswersDoNotComeEnd_slow, and hold neither memory nor a connection for ever.
func TestSessionsWhoseAnswersDoNotComeEnd_slow(t *testing.T) {
	for name, then := range map[string][]byte{
		"a statement of ours":          append([]byte{byte(wire.ComQuery)}, "CREATE AADUSER 'x'"...),
		"a broken change of user":      {byte(wire.ComChangeUser)},
		"a packet out of sequence":     nil,
		"a client that has hung up":    append([]byte{byte(wire.ComQuery)}, "CREATE AADUSER 'y'"...),
		"an execution of 70,000 bytes": append([]byte{byte(wire.ComStmtExecute), 1, 0, 0, 0xf0}, make([]byte, 70000)...),
	} {
		t.Run(name, func(t *testing.T) {
			w := oneBackend(t)
			w.stop()
			w.signInTimeout = 3 * time.Second
			w.startGateway()
			c := w.stuck(then)
			switch name {
			case "a packet out of sequence":
				c.conn.Write([]byte{1, 0, 0, 9, 14})
			case "a client that has hung up":
				c.conn.Close()
			case "an execution of 70,000 bytes":
				c.conn.Write([]byte{1, 0, 0, 9, 14})
			}
			w.eventually("the session ends", func() bool { return w.gateway.Sessions() <= 1 }) // the administrator's is left
		})
	}
}

func TestShutdownDoesNotWaitForTheBackend(t *testing.T) {
	w := oneBackend(t)
	w.stuck(append([]byte{byte(wire.ComQuery)}, "CREATE AADUSER 'x'"...))
	began := time.Now()
	w.stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestSilentClientsLockNobodyOut: those of few addresses give way.
func TestSilentClientsLockNobodyOut(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	w.stop()
	w.maxSigningIn, w.wrapListener = 40, wrapElsewhere
	w.startGateway()
	for address := range 4 {
		w.silent(fmt.Sprintf("127.1.0.%d", address+1), 10)
	}
	w.eventually("all places are taken", func() bool { return w.gateway.Sessions() == 40 })
	for range 10 {
		w.must(w.open(user, w.token(id)).Ping())
	}
}

// TestManySourcesLockNobodyOut: where each holds one place, the oldest gives way.
func TestManySourcesLockNobodyOut(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	w.stop()
	w.maxSigningIn, w.wrapListener = 20, wrapElsewhere
	w.startGateway()
	for address := range 20 {
		w.silent(fmt.Sprintf("127.1.0.%d", address+1), 1)
	}
	w.eventually("all places are taken", func() bool { return w.gateway.Sessions() == 20 })
	for range 10 {
		w.must(w.open(user, w.token(id)).Ping())
	}
}

func TestLongNamesAreClipped(t *testing.T) {
	w := oneBackend(t)
	w.refused(w.open(strings.Repeat("x", 60000), w.token(w.admin)).Ping(), 1043)
	if got := w.lastSignIn(); len(got.User) > 600 || len(got.Reason) > 600 {
		t.Errorf("audit record with a name of %d bytes, a reason of %d", len(got.User), len(got.Reason))
	}
}
