package gateway_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestServerWhoseTablesAreLockedKeepsNobodyFromAnother: the administrator of a server may lock the
// tables that its sign-ins read. Those wait then for as long as they may, or are refused at once
// where too many do, and none to another server is, of the same address, too.
func TestServerWhoseTablesAreLockedKeepsNobodyFromAnother(t *testing.T) {
	w, server := fresh(t, "mariadb", nil)
	w.newServer("other")
	w.stop()
	other := external(t, mysqltest.MariaDB(t))
	t.Cleanup(func() { other.Close() })
	w.others, w.signInTimeout = map[string]testBackend{"other": other}, 6*time.Second
	w.maxSigningInPerSource = 100
	w.startGateway()
	token := w.token(w.admin)
	for _, user := range []string{w.name("admin") + "@mydb", w.name("other") + "@other"} {
		w.must(w.open(user, token).Ping())
	}

	locker, err := server.DB().Conn(t.Context())
	w.must(err)
	w.exec(locker, "LOCK TABLES midas.aaduser WRITE, mysql.global_priv WRITE")
	wait := w.inBackground(95, func(int) *sql.DB { return w.open("nobody@mydb", token) })
	w.eventually("sign-ins hang at the backend", func() bool {
		var n int
		err := locker.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'").Scan(&n)
		return err == nil && n > 0
	})
	// They hold half of the places of their address.
	w.eventually("the others are refused", func() bool { refused, _ := w.refusedAt("mydb"); return refused == 95-50 })
	w.allIn("beside them", w.together(15, func(int) *sql.DB { return w.open(w.name("other")+"@other", token) }))
	if _, late := w.refusedAt("mydb"); late > 0 {
		t.Errorf("they waited until %d that hang were given up", late)
	}
	if failed := wait(); len(failed) != 95 {
		t.Errorf("%d of 95 sign-ins that should hang failed", len(failed))
	}
	w.exec(locker, "UNLOCK TABLES")
	locker.Close()
}

// refusedAt counts the sign-ins to a server that were refused at once, since too many wait for it,
// and those that were for another reason.
func (w *world) refusedAt(server string) (atOnce, otherwise int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.signIns {
		switch {
		case r.Server != server || r.Outcome == midas.Admitted:
		case strings.Contains(r.Reason, "many wait for the database of this server"):
			atOnce++
		default:
			otherwise++
		}
	}
	return atOnce, otherwise
}
