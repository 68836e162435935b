package gateway_test

import (
	"database/sql"
	"net"
	"testing"
)

// The owner of a server says how many sessions its backend takes: they must not be all that midas
// has for those of other servers.
func TestSessionsOfOneServerLeaveRoomForOthers(t *testing.T) {
	w, _ := twoServers(t, false)
	native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
	w.stop()
	w.maxSessions = 8
	own, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.listeners = map[string][]net.Listener{"other": {own}}
	w.startGateway()

	admin, token := w.name("admin"), w.token(w.admin)
	greedy, held := w.open(admin+"@mydb", token), []*sql.Conn(nil)
	for err == nil && len(held) < 8 {
		var conn *sql.Conn
		if conn, err = greedy.Conn(t.Context()); err == nil {
			held = append(held, conn)
		}
	}
	w.refused(err, 1040, "server 'mydb'", "sessions that midas serves")
	if len(held) != 4 {
		t.Errorf("mydb has %d of 8 sessions, want half", len(held))
	}
	w.refused(w.open(native+"@mydb", "Own-secret-1").Ping(), 1040)
	w.must(w.open(w.name("other")+"@other", token, over(own.Addr().String())).Ping())

	for _, conn := range held {
		w.must(conn.Close())
	}
	w.must(greedy.Close())
	w.eventually("a place that was given back is had again", func() bool {
		return w.open(native+"@mydb", "Own-secret-1").Ping() == nil
	})
}
