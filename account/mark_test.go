package account

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// altering is a user who may alter accounts and read none, and the label that the
// account of user shows them.
func (w *world) altering(user string) (db *sql.DB, label string) {
	w.t.Helper()
	db = w.poor("altering", "CREATE USER")
	if err := db.QueryRowContext(w.t.Context(), "SELECT ATTRIBUTE FROM information_schema.USER_ATTRIBUTES WHERE USER = ?", user).Scan(&label); err != nil {
		w.t.Fatal(err)
	}
	return db, label
}

func (w *world) execAs(db *sql.DB, format string, args ...any) {
	w.t.Helper()
	if _, err := db.ExecContext(w.t.Context(), fmt.Sprintf(format, args...)); err != nil {
		w.t.Fatalf(format+": %v", append(args, err)...)
	}
}

// Somebody who may alter accounts puts the label of one on another, in each way in which
// a row could be taken to be that other's.
func TestCopiedLabel(t *testing.T) {
	for name, statements := range map[string]func(app, victim, label string) []string{
		"as if renamed": func(app, victim, label string) []string {
			return []string{"ALTER USER " + victim + " ATTRIBUTE '" + label + "'", "DROP USER " + app}
		},
		"under its name": func(app, victim, label string) []string {
			return []string{"DROP USER " + app, "RENAME USER " + victim + " TO " + app, "ALTER USER " + app + " ATTRIBUTE '" + label + "'"}
		},
		"beside it": func(_, victim, label string) []string {
			return []string{"ALTER USER " + victim + " ATTRIBUTE '" + label + "'"}
		},
	} {
		for _, victim := range []string{"native", "an AADUSER"} {
			t.Run(name+", "+victim, func(t *testing.T) {
				w := newWorld(t, mysqltest.MySQL97(t))
				s, app, report := w.store(), w.name("app"), w.name("report")
				account := w.create(s, app, idA)
				if victim == "native" {
					w.exec("CREATE USER " + quoteAccount(report, "%") + " IDENTIFIED BY 'Its-0wn'")
				} else {
					w.create(s, report, idB)
					w.exec("ALTER USER " + quoteAccount(report, "%") + " IDENTIFIED BY 'Its-0wn'")
				}
				db, label := w.altering(app)
				for _, statement := range statements(quoteAccount(app, "%"), quoteAccount(report, "%"), label) {
					w.execAs(db, "%s", statement)
				}
				for range 2 {
					for _, user := range []string{report, app} {
						s.Forget(user)
						for _, got := range w.lookup(s, user) {
							if got.ID == idA && (got != account || name != "beside it") {
								t.Errorf("Lookup(%s) = %+v", user, got)
							}
						}
					}
					if err := reassert(t, s, account); (err == nil) != (name == "beside it") {
						t.Errorf("Reassert: %v", err)
					}
				}
				at := report
				if name == "under its name" {
					at = app
				}
				want := uint16(0)
				if at == app || victim != "native" {
					want = w.lockedOut() // it has the name of an AADUSER, and is not provably that
				}
				if n := w.signIn(at, "Its-0wn"); n != want {
					t.Errorf("its password gives %d, want %d", n, want)
				}
			})
		}
	}
}

// The same in the moment between the test and the change, when the secret is given to
// the account that has the name by then.
func TestCopiedLabelDuringReassert(t *testing.T) {
	w := newWorld(t, mysqltest.MySQL97(t))
	s, app, report := w.store(), w.name("app"), w.name("report")
	account := w.create(s, app, idA)
	w.exec("CREATE USER " + quoteAccount(report, "%") + " IDENTIFIED BY 'Its-0wn'")
	db, label := w.altering(app)
	s.db = w.faulty(&fault{text: "ALTER USER", before: func() {
		w.execAs(db, "DROP USER %s", quoteAccount(app, "%"))
		w.execAs(db, "RENAME USER %s TO %s", quoteAccount(report, "%"), quoteAccount(app, "%"))
		w.execAs(db, "ALTER USER %s ATTRIBUTE '%s'", quoteAccount(app, "%"), label)
	}})
	expect(t, reassert(t, s, account), midas.Forbidden, denied)
	for range 2 {
		s.Forget(app)
		if got := w.lookup(s, app); len(got) != 0 {
			t.Errorf("Lookup = %v", got)
		}
		expect(t, reassert(t, s, account), midas.Forbidden, denied)
	}
}

// What takes the marker off and leaves the password alone ends nothing: the next lookup
// marks the account again.
func TestLostMarkerIsRenewed(t *testing.T) {
	for name, statement := range map[string]string{
		"comment":         "ALTER USER %s COMMENT 'x'",
		"attribute":       `ALTER USER %s ATTRIBUTE '{"team": "blue"}'`,
		"failed logins":   "ALTER USER %s FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED",
		"discarded":       "ALTER USER %s DISCARD OLD PASSWORD",
		"made by another": "UPDATE mysql.user SET User_attributes = JSON_REMOVE(User_attributes, '$.midas') WHERE CONCAT('`', User, '`@`', Host, '`') = '%s'",
	} {
		for _, renamed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, renamed %v", name, renamed), func(t *testing.T) {
				w := newWorld(t, mysqltest.MySQL97(t))
				s, user := w.store(), w.name("app")
				account := w.create(s, user, idA)
				w.replace([]string{statement}, user)
				if renamed {
					w.exec("RENAME USER " + quoteAccount(user, "%") + " TO " + quoteAccount(user+"x", "%"))
					user, account.User = user+"x", user+"x"
					account.Generation++ // as with each change of a row
				}
				if got := w.lookup(s, user); len(got) != 1 || got[0] != account {
					t.Fatalf("Lookup = %v", got)
				}
				w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Mine-0wn'"}, user)
				s.Forget(user)
				if got := w.lookup(s, user); len(got) != 1 || got[0] != account {
					t.Fatalf("after a change of password: Lookup = %v", got)
				}
				if err := s.Rotate(t.Context(), account); err != nil {
					t.Fatal(err)
				}
				if n := w.signIn(user, w.secret(s, w.lookup(s, user)[0])); n != 0 {
					t.Errorf("after Rotate: %d", n)
				}
			})
		}
	}
}

// An account that has lost both cannot be told from another one, and never becomes one that
// a password opens.
func TestLostMarkerAndPassword(t *testing.T) {
	for _, statement := range []string{
		`ALTER USER %s IDENTIFIED BY 'Mine-0wn' ATTRIBUTE '{"team": "blue"}'`,
		"ALTER USER %s IDENTIFIED BY 'Mine-0wn' FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED",
		"ALTER USER %s IDENTIFIED BY 'Mine-0wn' RETAIN CURRENT PASSWORD",
	} {
		t.Run(statement, func(t *testing.T) {
			w := newWorld(t, mysqltest.MySQL97(t))
			s, user := w.store(), w.name("app")
			account := w.create(s, user, idA)
			w.replace([]string{statement}, user)
			expect(t, reassert(t, s, account), midas.Forbidden, denied)
			w.wantUnproven(s, account, "Mine-0wn")
		})
	}
}

// A second password that was there before the secret goes, and the marker stays.
func TestSecondPassword(t *testing.T) {
	w := newWorld(t, mysqltest.MySQL97(t))
	s, user := w.store(), w.name("app")
	account := w.create(s, user, idA)
	w.replace([]string{"ALTER USER %s IDENTIFIED BY 'Second-0ne' RETAIN CURRENT PASSWORD"}, user)
	w.exec("UPDATE mysql.user SET User_attributes = JSON_SET(User_attributes, '$.midas', ?) WHERE User = ?", account.Mapping, user)
	if err := reassert(t, s, account); err != nil {
		t.Fatal(err)
	}
	if got := w.lookup(s, user); len(got) != 1 || w.signIn(user, w.secret(s, got[0])) != 0 || w.signIn(user, "Second-0ne") == 0 {
		t.Errorf("Lookup = %v", got)
	}
	if marked := w.query("SELECT User FROM mysql.user WHERE JSON_EXTRACT(User_attributes, '$.midas') = ? AND NOT JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')", account.Mapping); len(marked) != 1 {
		t.Error("the marker is gone, or the second password is not")
	}
}

// A backend user who may not write schema mysql cannot mark. Its accounts are known by
// their passwords.
func TestBackendUserWhoCannotMark(t *testing.T) {
	w := newWorld(t, mysqltest.MySQL97(t))
	w.store() // makes the schema, which the poor user may not
	cfg := w.config("first")
	cfg.DB = w.poor("service", "SELECT, CREATE USER")
	w.exec("GRANT INSERT, UPDATE, DELETE ON midas.* TO " + quoteAccount(w.name("service"), "%"))
	s, user := w.open(cfg), w.name("app")
	account := w.create(s, user, idA)
	if got := w.lookup(s, user); len(got) != 1 || got[0] != account || w.signIn(user, w.secret(s, account)) != 0 {
		t.Errorf("Lookup = %v", got)
	}
	w.exec("DROP USER " + quoteAccount(user, "%"))
	s.Forget(user)
	if got := w.lookup(s, user); len(got) != 0 {
		t.Errorf("after DROP USER: %v", got)
	}
}
