package gateway_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/wire"
)

// TestKillByTheIDOfTheGreeting is what the mysql client does at Ctrl-C.
func TestKillByTheIDOfTheGreeting(t *testing.T) {
	for _, name := range []string{"MariaDB", "MySQL 9.7"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, backends[name](t))
			user, id := w.user("app")
			sleeper, killer := w.signIn(user, w.token(id)), w.signIn(user, w.token(id))
			for n, kill := range []string{"KILL QUERY %d", " kill  query\n%d ;"} {
				lock := fmt.Sprintf("%s_%d", w.name("sleeper"), n)
				sleeper.query("SELECT GET_LOCK('" + lock + "', 0), SLEEP(30)")
				w.awaitLock(lock, true)
				began := time.Now()
				killer.query(fmt.Sprintf(kill, sleeper.greeting.ConnectionID))
				killer.wantOK()
				// MySQL answers 1, MariaDB an error; either comes at once.
				for !wire.IsERR(sleeper.read()) && sleeper.seq < 7 {
				}
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("the query went on for %v", took)
				}
			}
			// The id of nobody, and one that the backend gave, go through.
			killer.query("KILL QUERY 4294967295")
			if e := killer.readERR(); e.Code != 1094 {
				t.Errorf("got %v", e)
			}
			killer.query("KILL " + sleeper.value("SELECT CONNECTION_ID()"))
			killer.wantOK()
			sleeper.wantClosed()
		})
	}
}

// TestKillAcrossServers: the id of another server's session is that of nobody. Neither is it told
// by what id the other backend knows that session, nor is whatever has that id here ended.
func TestKillAcrossServers(t *testing.T) {
	w := oneBackend(t)
	w.newServer("more")
	theirs := w.signIn(w.name("admin")+"@mydb", w.token(w.admin))
	mine := w.signIn(w.name("more")+"@more", w.token(w.admin))
	id := theirs.greeting.ConnectionID
	kill := func() { mine.query(fmt.Sprintf("KILL QUERY %d", id)) }
	command := func() { mine.command(binary.LittleEndian.AppendUint32([]byte{byte(wire.ComProcessKill)}, id)) }
	for _, kills := range []func(){kill, command} {
		kills()
		if e := mine.readERR(); e.Code != 1094 || !strings.Contains(e.Message, fmt.Sprint(id)) {
			t.Errorf("%v", e)
		}
	}
	theirs.changeUser(w.name("more")+"@more", wire.PluginClear, w.token(w.admin)) // from now on it is one of the same server
	theirs.wantOK()
	kill()
	mine.wantOK()
}
