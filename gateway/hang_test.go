package gateway_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// hang has the server of w keep every sign-in to a new database waiting: one session has read it,
// and another is about to drop it. It returns the database.
func (w *world) hang(root *sql.DB) (name string) {
	w.Helper()
	name = w.name("hanging")
	w.exec(root, "CREATE DATABASE "+name)
	w.exec(root, "CREATE TABLE "+name+".t (n INT)")
	reader, err := root.BeginTx(w.Context(), nil)
	w.must(err)
	w.Cleanup(func() { reader.Rollback() })
	_, err = reader.Exec("SELECT * FROM " + name + ".t")
	w.must(err)
	go root.Exec("DROP DATABASE " + name)
	w.eventually("the database is about to be dropped", func() bool {
		var n int
		return root.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE '%metadata lock' AND INFO LIKE 'DROP DATABASE%'").Scan(&n) == nil && n > 0
	})
	return name
}

// TestSignInsThatHangAtTheBackendAreTheirAccountsOwn_slow: everybody else's go on, of the same address,
// too, and none is left at the backend when the gateway has given it up.
func TestSignInsThatHangAtTheBackendAreTheirAccountsOwn_slow(t *testing.T) {
	w, server := fresh(t, "mysql", nil)
	root := server.DB()
	w.exec(root, "SET GLOBAL max_connections = 1500")
	eve, eveID := w.user("eve")
	app, appID := w.user("app")
	eveToken, appToken := w.token(eveID), w.token(appID)
	name := w.hang(root)
	w.exec(root, "GRANT ALL ON *.* TO '"+eve+"'@'%'")
	w.stop()
	w.signInTimeout, w.wrapListener = 15*time.Second, wrapElsewhere
	w.startGateway()
	wait := w.inBackground(200, func(int) *sql.DB {
		return w.open(eve, eveToken, at("127.0.0.1"), func(c *mysql.Config) { c.DBName = name })
	})
	atBackend := func() (n int) {
		if err := root.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ? AND DB IS NULL", eve).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	w.eventually("sign-ins hang at the backend", func() bool { return atBackend() > 16 })
	w.allIn("beside them", w.together(40, func(int) *sql.DB { return w.open(app, appToken, at("127.0.0.1")) }))
	if atBackend() == 0 {
		t.Error("the sign-ins that should hang came to an end before")
	}
	if failed := wait(); len(failed) != 200 {
		t.Errorf("%d of 200 sign-ins that should hang failed", len(failed))
	}
	w.eventually("none is left at the backend", func() bool { return atBackend() == 0 })
}
