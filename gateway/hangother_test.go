package gateway_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestServerWhoseTablesAreLockedKeepsNobodyFromAnother: the administrator of a server may lock the
// tables that its sign-ins read. Those wait then for as long as they may, and none to another
// server does, of the same address, too.
func TestServerWhoseTablesAreLockedKeepsNobodyFromAnother(t *testing.T) {
	w, server := fresh(t, "mariadb", nil)
	w.newServer("other")
	w.stop()
	other := external(t, mysqltest.MariaDB(t))
	t.Cleanup(func() { other.Close() })
	w.others, w.signInTimeout = map[string]testBackend{"other": other}, 6*time.Second
	w.startGateway()
	token := w.token(w.admin)
	for _, user := range []string{w.name("admin") + "@mydb", w.name("other") + "@other"} {
		w.must(w.open(user, token).Ping())
	}

	locker, err := server.DB().Conn(t.Context())
	w.must(err)
	w.exec(locker, "LOCK TABLES midas.aaduser WRITE, mysql.global_priv WRITE")
	wait := w.inBackground(200, func(int) *sql.DB { return w.open("nobody@mydb", token) })
	w.eventually("sign-ins hang at the backend", func() bool {
		var n int
		err := locker.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'").Scan(&n)
		return err == nil && n > 0
	})
	w.allIn("beside them", w.together(20, func(int) *sql.DB { return w.open(w.name("other")+"@other", token) }))
	w.mu.Lock()
	for _, r := range w.signIns {
		if r.Server == "mydb" && r.Outcome != midas.Admitted {
			t.Errorf("they waited until one that hangs was given up: %+v", r)
			break
		}
	}
	w.mu.Unlock()
	if failed := wait(); len(failed) != 200 {
		t.Errorf("%d of 200 sign-ins that should hang failed", len(failed))
	}
	w.exec(locker, "UNLOCK TABLES")
	locker.Close()
}
