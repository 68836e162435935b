package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/wire"
)

func TestRecreatedIdentityDoesNotInherit(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	if err := w.open(user, w.token(id)).Ping(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.directory.DeleteIdentity(t.Context(), nil, tenantGroup, "app"); err != nil {
		t.Fatal(err)
	}
	again := w.identity("app")
	w.refused(w.open(user, w.token(again)).Ping(), 1045, "maps to client id "+id.ClientID, again.ClientID)
	w.refused(w.open(user, w.token(again)).Ping(), 1045)
}

func TestAdministratorRemovedDuringASession(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = time.Hour
	w.startGateway()
	user, id := w.user("app")
	admin := w.asAdmin()
	if _, err := w.directory.DeleteAdministrator(t.Context(), nil, tenantGroup, "mydb"); err != nil {
		t.Fatal(err)
	}
	_, err := admin.ExecContext(t.Context(), fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("late"), id.ClientID))
	w.refused(err, 1227)
	// Removing the administrator stops all Entra sign-ins to the server.
	w.refused(w.open(user, w.token(id)).Ping(), 1045, "no Microsoft Entra administrator")
	w.refused(w.open(w.name("admin"), w.token(w.admin)).Ping(), 1045, "no Microsoft Entra administrator")
}

// TestSessionOutlivesItsToken: as on Azure, the token counts at sign-in.
func TestSessionOutlivesItsToken(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	raw := w.token(id)
	conn, err := w.open(user, raw).Conn(t.Context())
	w.must(err)
	defer conn.Close()
	w.ahead.Store(int64(25 * time.Hour))
	w.refused(w.open(user, raw).Ping(), 1045, "token expired 1 h ago")
	if err := conn.PingContext(t.Context()); err != nil {
		t.Errorf("the session: %v", err)
	}
}

// TestSessionsEndWithWhatAdmittedThem: with their identity, AADUSER or server, and tokens of
// that identity are refused.
func TestSessionsEndWithWhatAdmittedThem(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = 10 * time.Millisecond
	w.startGateway()
	user, id := w.user("app")
	other, otherID := w.user("other")
	raw := w.token(id)
	gone, stays := w.signIn(user, raw), w.signIn(other, w.token(otherID))
	if who := gone.value("SELECT CURRENT_USER()"); who != user+"@%" {
		t.Error(who)
	}
	if _, err := w.directory.DeleteIdentity(t.Context(), nil, tenantGroup, "app"); err != nil {
		t.Fatal(err)
	}
	if e := gone.readERR(); e.Code != 1053 || !strings.Contains(e.Message, "its identity was deleted") {
		t.Error(e)
	}
	gone.wantClosed()
	w.refused(w.open(user, raw).Ping(), 1045, "was deleted", id.PrincipalID)
	if who := stays.value("SELECT CURRENT_USER()"); who != other+"@%" {
		t.Error(who)
	}
	w.exec(w.asAdmin(), "DROP USER '"+other+"'@'%'")
	if e := stays.readERR(); e.Code != 1053 || !strings.Contains(e.Message, "its AADUSER was dropped") {
		t.Error(e)
	}
	admin := w.signIn(w.name("admin"), w.token(w.admin))
	native, err := w.open(w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'"), "Own-secret-1").Conn(t.Context())
	w.must(err)
	defer native.Close()
	if _, err := w.directory.DeleteServer(t.Context(), nil, tenantGroup, "mydb"); err != nil {
		t.Fatal(err)
	}
	if e := admin.readERR(); e.Code != 1053 || !strings.Contains(e.Message, "its server was deleted") {
		t.Error(e)
	}
	w.eventually("the native session ends", func() bool { return native.PingContext(t.Context()) != nil })
}

// TestDeletedIdentityEndsBusySessions: also those whose client says nothing any more, or
// whose backend does not listen.
func TestDeletedIdentityEndsBusySessions(t *testing.T) {
	// Some hundred million rows.
	const endless = "SELECT REPEAT('x', 1000) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b, " +
		"information_schema.COLLATIONS c, information_schema.COLLATIONS d"
	for name, busy := range map[string]func(w *world, c *rawClient){
		"half-closed": func(w *world, c *rawClient) { w.must(c.conn.(*tls.Conn).CloseWrite()) },
		"stuffed": func(_ *world, c *rawClient) {
			go c.conn.Write(wire.AppendPacket(nil, 0, append([]byte{byte(wire.ComQuery)}, make([]byte, 15<<20)...)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := oneBackend(t)
			w.stop()
			w.recheck = 10 * time.Millisecond
			w.startGateway()
			user, id := w.user("app")
			c := w.signIn(user, w.token(id))
			c.query(endless)
			c.read()
			busy(w, c)
			for range 100 {
				c.read()
			}
			if _, err := w.directory.DeleteIdentity(t.Context(), nil, tenantGroup, "app"); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { io.Copy(io.Discard, c.conn); close(ended) }()
			w.eventually("the session ends", func() bool { return w.gateway.Sessions() <= 1 }) // the administrator's is left
			<-ended
		})
	}
}

// TestFormerAdministrator keeps no session with an administrator's rights.
func TestFormerAdministrator(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = 10 * time.Millisecond
	w.startGateway()
	former := w.signIn(w.name("admin"), w.token(w.admin))
	next := w.identity("next")
	tenant, _ := w.directory.Tenant()
	_, _, err := w.directory.SetAdministrator(t.Context(), nil, tenantGroup, "mydb", directory.Administrator{
		Administrator: midas.Administrator{Login: w.name("admin"), ObjectID: next.PrincipalID, TenantID: tenant},
	})
	w.must(err)
	if e := former.readERR(); e.Code != 1053 || !strings.Contains(e.Message, "another Microsoft Entra administrator now") {
		t.Error(e)
	}
	w.must(w.open(w.name("admin"), w.token(next)).Ping())
}
