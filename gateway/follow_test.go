package gateway_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// rowsOf is how many rows schema midas has for that user name.
func (w *world) rowsOf(user string) (n int) {
	w.Helper()
	w.must(w.backend.DB().QueryRowContext(w.Context(), "SELECT COUNT(*) FROM midas.aaduser WHERE user = ?", user).Scan(&n))
	return n
}

// An AADUSER that is dropped through the gateway leaves nothing behind that the next
// statement could meet: an account of that name is then an account like others.
func TestDropUserIsFollowedBeforeItsAnswer(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		admin := w.open(w.name("admin"), w.token(w.admin), func(c *mysql.Config) { c.MultiStatements = true })
		admin.SetMaxOpenConns(1)
		for name, drop := range map[string]func(user string) error{
			"text": func(user string) error {
				_, err := admin.ExecContext(t.Context(), "DROP USER '"+user+"'@'%'")
				return err
			},
			"prepared": func(user string) error {
				st, err := admin.PrepareContext(t.Context(), "DROP USER '"+user+"'@'%'")
				if err != nil {
					return err
				}
				defer st.Close()
				_, err = st.ExecContext(t.Context())
				return err
			},
			"with a comment": func(user string) error {
				_, err := admin.ExecContext(t.Context(), "/* x */ drop /*! user */ '"+user+"'@'%'")
				return err
			},
		} {
			user, id := w.user(strings.ReplaceAll(name, " ", "_"))
			w.must(w.open(user, w.token(id)).Ping())
			if err := drop(user); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if n := w.rowsOf(user); n != 0 {
				t.Errorf("%s: its row is still there", name)
			}
			w.exec(admin, "CREATE USER '"+user+"'@'%' IDENTIFIED BY 'Its-0wn-secret'")
			w.must(w.open(user, "Its-0wn-secret").Ping())
			w.refused(w.open(user, w.token(id)).Ping(), 1045, "there is no AADUSER")
			w.exec(admin, "DROP USER '"+user+"'@'%'")
		}
		before, id := w.user("before")
		after := w.name("after")
		w.exec(admin, fmt.Sprintf("RENAME USER '%s'@'%%' TO '%s'@'%%'", before, after))
		if n, m := w.rowsOf(before), w.rowsOf(after); n != 0 || m != 1 {
			t.Errorf("renamed: %d rows of the old name, %d of the new one", n, m)
		}
		w.must(w.open(after, w.token(id)).Ping())
	})
}

// What the administrator of a server does to an account that has the name of another server's
// AADUSER is done at its own backend, and the AADUSER is as it was.
func TestDropUserOfAnotherServerDropsNothing(t *testing.T) {
	w, address := twoServers(t, true)
	user, id := w.user("app")
	other := w.open(w.name("other"), w.token(w.admin), over(address))
	_, err := other.ExecContext(t.Context(), "DROP USER '"+user+"'@'%'")
	w.refused(err, 1396)
	w.exec(other, "CREATE USER '"+user+"'@'%' IDENTIFIED BY 'Its-0wn-secret'")
	w.must(w.open(user, "Its-0wn-secret", over(address)).Ping())
	w.plainRefusal(w.open(user, "Its-0wn-secret").Ping(), user)
	w.exec(other, "DROP USER '"+user+"'@'%'")
	if n := w.rowsOf(user); n != 1 {
		t.Errorf("%d rows of the other server's account", n)
	}
	w.must(w.open(user, w.token(id)).Ping())
}

// An AADUSER that lost its mark and its secret opens to no token and to no password, and its
// owner learns what is to be done. DROP USER is the way out.
func TestUnprovenAccountOpensToNobody(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		db := w.backend.DB()
		w.exec(db, "DROP USER '"+user+"'@'%'", "CREATE USER '"+user+"'@'%' IDENTIFIED BY 'Mine-0wn-secret'")
		w.refused(w.open(user, w.token(id)).Ping(), 1045, "cannot be proven", "DROP USER '"+user+"'@'%'")
		w.plainRefusal(w.open(user, "Mine-0wn-secret").Ping(), user)
		stranger := w.identity("stranger")
		w.refused(w.open(user, w.token(stranger)).Ping(), 1045, "there is no AADUSER")
		admin := w.asAdmin()
		_, err := admin.ExecContext(t.Context(), fmt.Sprintf("CREATE AADUSER IF NOT EXISTS '%s' IDENTIFIED BY '%s'", user, id.ClientID))
		w.refused(err, 1396, "DROP USER")
		w.exec(admin, "DROP USER '"+user+"'@'%'", fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", user, id.ClientID))
		w.must(w.open(user, w.token(id)).Ping())
	})
}

// A member of a group that shares an account makes it no password account.
func TestMemberGivesTheGroupNoPassword(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		eve, bob, name := w.identity("eve"), w.identity("bob"), w.name("readers")
		w.team(name, eve.PrincipalID, bob.PrincipalID)
		w.exec(w.asAdmin(), fmt.Sprintf("CREATE AADUSER '%s'", name))
		conn, err := w.open(name, w.token(eve), func(c *mysql.Config) { c.MultiStatements = true }).Conn(t.Context())
		w.must(err)
		defer conn.Close()
		for _, statement := range []string{
			"SET PASSWORD = 'Mine-0wn-secret'", "SET PASSWORD = PASSWORD('Mine-0wn-secret')",
			"SET aad_auth_validate_oids_in_tenant = ON; SET PASSWORD = 'Mine-0wn-secret'",
			"ALTER USER '" + name + "'@'%' IDENTIFIED BY 'Mine-0wn-secret'",
			"ALTER USER CURRENT_USER() IDENTIFIED BY 'Mine-0wn-secret'",
			"ALTER USER '" + name + `'@'%' IDENTIFIED BY 'Mine-0wn-secret' ATTRIBUTE '{"midas": null}'`,
		} {
			_, err := conn.ExecContext(t.Context(), statement)
			w.refused(err, 1227, "has no password of its own")
		}
		_, err = conn.PrepareContext(t.Context(), "SET PASSWORD = 'Mine-0wn-secret'")
		w.refused(err, 1227)
		w.must(conn.PingContext(t.Context()))
		// In a place where the gateway cannot refuse it.
		_, _ = conn.ExecContext(t.Context(), "SELECT 1; SET PASSWORD = PASSWORD('Mine-0wn-secret')")
		w.plainRefusal(w.open(name, "Mine-0wn-secret").Ping(), name)
		w.must(w.open(name, w.token(bob)).Ping())
	})
}

// One session that changes the password of its account over and over keeps no other
// sign-in of that account out.
func TestPasswordLoopKeepsNobodyOut(t *testing.T) {
	w := newWorld(t, backends["MariaDB"](t)) // MySQL refuses the statement
	user, id := w.user("app")
	raw := w.token(id)
	ctx, stop := context.WithCancel(t.Context())
	var loops, signIns sync.WaitGroup
	var changes, ended atomic.Int32
	for range 2 {
		loops.Go(func() {
			for ctx.Err() == nil {
				w.changePassword(ctx, w.open(user, raw), &changes)
			}
		})
	}
	w.eventually("the password changes", func() bool { return changes.Load() > 0 })
	for range 4 {
		signIns.Go(func() {
			for range 30 {
				err := w.open(user, raw).PingContext(t.Context())
				var refused *mysql.MySQLError
				if errors.As(err, &refused) {
					t.Error(err)
				} else if err != nil {
					ended.Add(1)
				}
			}
		})
	}
	signIns.Wait()
	stop()
	loops.Wait()
	// Sessions end once for a password that was changed, and not with each change.
	if changes.Load() < 100 || ended.Load() > 4 {
		t.Errorf("%d changes, %d sessions ended", changes.Load(), ended.Load())
	}
}

// changePassword sets a password as often as one session can.
func (w *world) changePassword(ctx context.Context, db *sql.DB, changes *atomic.Int32) {
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	for i := 0; err == nil; i++ {
		_, err = conn.ExecContext(ctx, fmt.Sprintf(`EXECUTE IMMEDIATE "SET PASSWORD = PASSWORD('Mine-0wn-%d')"`, i))
		changes.Add(1)
	}
}
