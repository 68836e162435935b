package gateway_test

import (
	"crypto/tls"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A stored program that runs when its caller loses the right to be there ends with the
// session: it would go on with the rights of the group, and do what others write for it.
func TestNoStatementOutlivesItsSession(t *testing.T) {
	clients := map[string]func(w *world, c *rawClient){
		"waiting":   func(*world, *rawClient) {},
		"that left": func(w *world, c *rawClient) { w.must(c.conn.Close()) },
		"that reset its connection": func(w *world, c *rawClient) {
			raw := c.conn.(*tls.Conn).NetConn().(*net.TCPConn)
			w.must(raw.SetLinger(0))
			w.must(raw.Close())
		},
	}
	everyBackend(t, func(t *testing.T, w *world) {
		w.stop()
		w.recheck = 10 * time.Millisecond
		w.startGateway()
		admin, login, database := w.asAdmin(), w.name("dba"), w.name("shop")
		w.exec(admin, "CREATE DATABASE "+database, fmt.Sprintf( // in the administrator's name
			"CREATE PROCEDURE %s.go_on() BEGIN DECLARE i INT DEFAULT 0; WHILE i < 600 DO SET i = i + SLEEP(0.1) + 1; END WHILE; END", database))
		t.Cleanup(func() { _, _ = w.backend.DB().Exec("DROP DATABASE " + database) })
		running := func() bool {
			rows, err := w.backend.DB().Query("SHOW FULL PROCESSLIST")
			w.must(err)
			defer rows.Close()
			columns, err := rows.Columns()
			w.must(err)
			found, values := false, make([]any, len(columns))
			for i := range values {
				values[i] = new(sql.NullString)
			}
			for rows.Next() {
				w.must(rows.Scan(values...))
				found = found || strings.Contains(values[7].(*sql.NullString).String, database+".go_on") // Info
			}
			return found
		}
		member := w.identity("member")
		for how, leaves := range clients {
			group := w.team(w.name("team"), member.PrincipalID)
			w.exec(admin, fmt.Sprintf("CREATE AADUSER '%s' AS '%s'", group.Name, login), fmt.Sprintf("GRANT EXECUTE ON %s.* TO '%s'", database, login))
			c := w.signIn(login, w.token(member))
			c.query("CALL " + database + ".go_on()")
			w.eventually("the program runs", running)
			leaves(w, c)
			w.must(w.directory.RemoveMember(t.Context(), nil, group.ObjectID, member.PrincipalID))
			w.eventually("the program of a client "+how+" ends", func() bool { return !running() })
			w.exec(admin, fmt.Sprintf("DROP USER '%s'", login))
			_, err := w.directory.DeleteSecurityGroup(t.Context(), nil, group.ObjectID)
			w.must(err)
		}
	})
}
