package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRecreatedIdentityDoesNotInherit(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	if err := w.open(user, w.token(id)).Ping(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.directory.DeleteIdentity(t.Context(), tenantGroup, "app"); err != nil {
		t.Fatal(err)
	}
	again := w.identity("app")
	w.refused(w.open(user, w.token(again)).Ping(), 1045, "maps to client id "+id.ClientID, again.ClientID)
	w.refused(w.open(user, w.token(again)).Ping(), 1045)
}

func TestAdministratorRemovedDuringASession(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	admin := w.asAdmin()
	if _, err := w.directory.DeleteAdministrator(t.Context(), tenantGroup, "mydb"); err != nil {
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

// TestNothingOutlivesWhatItStandsOn: neither a token nor a session its identity, its
// AADUSER, its server.
func TestNothingOutlivesWhatItStandsOn(t *testing.T) {
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
	if _, err := w.directory.DeleteIdentity(t.Context(), tenantGroup, "app"); err != nil {
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
	if _, err := w.directory.DeleteServer(t.Context(), tenantGroup, "mydb"); err != nil {
		t.Fatal(err)
	}
	if e := admin.readERR(); e.Code != 1053 || !strings.Contains(e.Message, "its server was deleted") {
		t.Error(e)
	}
}
