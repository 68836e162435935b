package account

import (
	"context"
	"database/sql"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/wire"
)

// halfway is a sign-in that stops when the server has read the account and asks for the password.
type halfway struct {
	t     *testing.T
	conn  net.Conn
	seq   byte
	asked []byte
}

func (w *world) halfway(user string) *halfway {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	h := &halfway{t: w.t, conn: conn}
	if h.read() == nil {
		w.t.Fatal("no greeting")
	}
	h.write(wire.HandshakeResponse{
		Capabilities: wire.ClientProtocol41 | wire.ClientSecureConnection | wire.ClientPluginAuth | wire.ClientLongPassword | wire.ClientTransactions,
		MaxPacket:    1 << 24, Charset: 45, User: user, Plugin: "mysql_clear_password",
	}.Append(nil))
	if h.asked = h.read(); !wire.IsAuthSwitch(h.asked) {
		w.t.Fatalf("%q", h.asked)
	}
	return h
}

func (h *halfway) read() []byte {
	payload, seq, err := wire.ReadPacket(h.conn, nil, 1<<16)
	if err != nil {
		return nil
	}
	h.seq = seq + 1
	return payload
}

func (h *halfway) write(payload []byte) {
	_, _ = h.conn.Write(wire.AppendPacket(nil, h.seq, payload))
}

// goOn goes on with the sign-in, and tells whether the session can do anything.
func (h *halfway) goOn(password string) bool {
	request, err := wire.ParseAuthSwitchRequest(h.asked)
	if err != nil {
		h.t.Fatal(err)
	}
	nonce := request.Data[:wire.NonceSize]
	if request.Plugin == wire.PluginCachingSHA2 {
		h.write(wire.CachingSHA2Scramble(password, nonce))
	} else {
		h.write(wire.NativeScramble(password, nonce))
	}
	answer := h.read()
	if answer != nil && wire.IsAuthMoreData(answer) {
		answer = h.fully(password, nonce, answer)
	}
	if answer == nil || !wire.IsOK(answer) {
		return false
	}
	h.seq = 0
	h.write([]byte{byte(wire.ComPing)})
	pong := h.read()
	return pong != nil && wire.IsOK(pong)
}

// fully sends the password under the server's key, where the server does not remember it.
func (h *halfway) fully(password string, nonce, answer []byte) []byte {
	data, err := wire.ParseAuthMoreData(answer)
	if err != nil || len(data.Data) != 1 {
		h.t.Fatalf("%q: %v", answer, err)
	}
	if data.Data[0] == wire.CachingSHA2FullAuth {
		h.write([]byte{wire.CachingSHA2RequestPublicKey})
		if data, err = wire.ParseAuthMoreData(h.read()); err != nil {
			h.t.Fatal(err)
		}
		key, err := wire.ParsePublicKey(data.Data)
		if err != nil {
			h.t.Fatal(err)
		}
		sealed, err := wire.EncryptPassword(password, nonce, key)
		if err != nil {
			h.t.Fatal(err)
		}
		h.write(sealed)
	}
	return h.read()
}

// A server reads an account when somebody begins to sign in as it. A client that begins with a
// password that its user set, and goes on when that was taken back or the account was dropped,
// gets nothing: nor is the password remembered.
func TestSignInsThatStopHalfway(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		for _, then := range []string{"", "DROP USER %s", "ALTER USER %s ACCOUNT LOCK"} {
			account := w.create(s, user, idA)
			w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
			left, closed := w.halfway(user), w.halfway(user)
			if !w.halfway(user).goOn("Mine-0wn") {
				t.Fatal("no session before")
			}
			if then != "" {
				w.exec(strings.ReplaceAll(then, "%s", quoteAccount(user, "%")))
			}
			end := inBetween{s.dialect, sync.OnceFunc(func() { closed.goOn("Mine-0wn"); closed.conn.Close() })}
			s.dialect = end
			w.sweep(s)
			s.dialect = end.dialect
			if left.goOn("Mine-0wn") {
				t.Errorf("%q: a session began before and goes on", then)
			}
			if n := w.signIn(user, "Mine-0wn"); n == 0 {
				t.Errorf("%q: the password opens", then)
			}
			if then == "" && w.signIn(user, w.secret(s, account)) != 0 {
				t.Error("the secret does not open")
			}
			w.exec("DROP USER IF EXISTS " + quoteAccount(user, "%"))
			w.sweep(s)
			w.advance(expelEvery)
		}
	})
}

// A session at the backend, made by a password that its owner set, ends with the account and does
// not stay behind when that is renamed.
func TestOwnSessionsEndWithTheAccount(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user, other := w.store(), w.name("app"), w.name("other")
		for _, statement := range []string{"DROP USER %s", "RENAME USER %s TO " + quoteAccount(other, "%")} {
			w.create(s, user, idA)
			w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
			session := w.directly(user, "Mine-0wn")
			w.exec(strings.ReplaceAll(statement, "%s", quoteAccount(user, "%")))
			w.sweep(s)
			w.wantEnded(session)
		}
	})
}

// A session that its owner made with a password of their own, and that runs a stored program in the
// name of somebody else, ends with the account as others do: nor do those of a similar name.
func TestOwnSessionsEndInTheNameOfOthers(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			w := newWorld(t, mysqltest.Fresh(t, dialect, "--performance-schema=ON"))
			s, user := w.store(), w.name("app")
			w.exec("CREATE DATABASE " + w.database())
			w.exec("CREATE PROCEDURE " + w.database() + ".work() SQL SECURITY DEFINER DO SLEEP(600)")
			w.create(s, user, idA)
			w.exec("GRANT EXECUTE ON " + w.database() + ".* TO " + quoteAccount(user, "%"))
			namesake := w.poor(strings.ToUpper("app"), "USAGE")
			other, err := namesake.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
			session := w.directly(user, "Mine-0wn")
			var id uint32
			if err := session.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			go func() {
				_, err := session.ExecContext(ctx, "CALL "+w.database()+".work()")
				ended <- err
			}()
			for busy := false; !busy; {
				if busy, err = s.dialect.busy(t.Context(), s.db, id); err != nil {
					t.Fatal(err)
				}
			}
			w.exec("DROP USER " + quoteAccount(user, "%"))
			w.sweep(s)
			if err := <-ended; err == nil || ctx.Err() != nil {
				t.Errorf("it went on: %v", err)
			}
			if err := other.PingContext(t.Context()); err != nil {
				t.Errorf("a session of another account ended: %v", err)
			}
		})
	}
}

// MySQL keeps the list of its connections from everybody while one of them stops in the middle of
// COM_CHANGE_USER. Another that runs something is ended all the same.
func TestConnectionsEndWithoutTheList(t *testing.T) {
	w := newWorld(t, mysqltest.MySQL97(t))
	s, native := w.store(), w.name("native")
	w.exec("CREATE USER " + quoteAccount(native, "%") + " IDENTIFIED BY 'Its-0wn'")
	running := w.directly(native, "Its-0wn")
	var id uint32
	if err := running.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := running.ExecContext(t.Context(), "DO SLEEP(600)")
		ended <- err
	}()
	for busy := false; !busy; {
		var err error
		if busy, err = s.dialect.busy(t.Context(), s.db, id); err != nil {
			t.Fatal(err)
		}
	}
	stops := w.halfway(native)
	if !stops.goOn("Its-0wn") {
		t.Fatal("no session")
	}
	stops.seq = 0
	stops.write(append([]byte{byte(wire.ComChangeUser)}, native+"\x00\x00\x00\x2d\x00mysql_clear_password\x00"...))
	if asked := stops.read(); !wire.IsAuthSwitch(asked) {
		t.Fatalf("%q", asked)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second) // it would wait for twice as long
	defer cancel()
	if err := s.EndConnection(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("it went on")
	}
	stops.conn.Close() // the server sees that, and gives the list again
}

// MariaDB lets everybody set their own password. Sessions that do so over and over, while others
// sign in with it, are gone when a sweep has ended them: or a former member of the group that
// the account is for would stay in it for as long as they like.
func TestPasswordSetOverAndOver(t *testing.T) {
	w := newWorld(t, mysqltest.MariaDB(t))
	s, user := w.store(), w.name("staff")
	account := w.create(s, user, idA)
	w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED BY 'Mine-0wn'")
	const loops = 2
	in, left, swept := make(chan struct{}, loops), make(chan bool, loops), make(chan struct{})
	db := w.poolOf(user, "Mine-0wn", "", nil)
	for range loops {
		go func() {
			var session *sql.Conn
			for again := true; again; {
				select {
				case <-swept:
					again = false
				default:
				}
				if session == nil {
					var err error
					if session, err = db.Conn(t.Context()); err != nil {
						continue
					}
				}
				if _, err := session.ExecContext(t.Context(), "SET PASSWORD = PASSWORD('Mine-0wn')"); err != nil {
					session.Close()
					session = nil
					continue
				}
				select {
				case in <- struct{}{}:
				default:
				}
			}
			left <- session != nil
			if session != nil {
				session.Close()
			}
		}()
	}
	for range loops {
		<-in
	}
	w.sweep(s)
	close(swept)
	for range loops {
		if <-left {
			t.Error("a session goes on")
		}
	}
	if own, secret := w.signIn(user, "Mine-0wn"), w.signIn(user, w.secret(s, account)); own != denied || secret != 0 {
		t.Errorf("its own password gives %d, the secret %d", own, secret)
	}
}
