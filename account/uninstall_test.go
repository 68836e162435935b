package account

import (
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestUninstall(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, other := w.store(), w.open(w.config("second"))
		w.exec("DELETE FROM midas.aaduser") // of tests that failed: other servers' rows keep the schema
		if !Installed(t.Context(), w.root) {
			t.Fatal("the schema is there, and Installed says no")
		}
		native := w.name("native")
		w.exec("CREATE USER " + quoteAccount(native, "%") + " IDENTIFIED BY 'Its-0wn'")
		kept := w.create(other, w.name("kept"), idA)
		w.create(s, w.name("app"), idA)
		w.exec("CREATE USER " + quoteAccount(w.name("app"), "localhost") + " IDENTIFIED BY 'Its-0wn'")
		w.create(s, w.name("before"), idA)
		w.exec("RENAME USER " + quoteAccount(w.name("before"), "%") + " TO " + quoteAccount(w.name("after"), "%"))
		w.create(s, w.name("gone"), idA)
		w.exec("DROP USER " + quoteAccount(w.name("gone"), "%"))
		w.create(s, w.name("replaced"), idA)
		w.replace([]string{"DROP USER %s", "CREATE USER %s IDENTIFIED BY 'Its-0wn'"}, w.name("replaced"))
		w.admin(s, w.name("admin"), idA)

		if err := s.Uninstall(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		left := w.query("SELECT CONCAT(User, '@', Host) FROM mysql.user WHERE User LIKE '%" + w.tag + "' ORDER BY User")
		want := []string{w.name("app") + "@localhost", kept.User + "@%", native + "@%", w.name("replaced") + "@%"}
		if strings.Join(left, " ") != strings.Join(want, " ") {
			t.Errorf("left: %v, want %v", left, want)
		}
		for user, want := range map[string]uint16{native: 0, w.name("replaced"): w.lockedOut()} {
			if n := w.signIn(user, "Its-0wn"); n != want {
				t.Errorf("%s: %d, want %d", user, n, want)
			}
		}
		// A session that began before makes nothing that nobody would take away.
		_, err := s.Create(t.Context(), CreateRequest{Name: w.name("late"), ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Conflict, 1396)
		_, err = s.EnsureAdministrator(t.Context(), w.name("late"), idA)
		expect(t, err, midas.Conflict, 1396)
		if hosts := w.hosts(w.name("late")); len(hosts) != 0 {
			t.Errorf("made after the end: %v", hosts)
		}
		// The schema is another server's too.
		if rows := w.query("SELECT user FROM midas.aaduser"); len(rows) != 1 || rows[0] != kept.User {
			t.Errorf("rows: %v", rows)
		}
		if err := other.Uninstall(t.Context(), false); err != nil || !Installed(t.Context(), w.root) {
			t.Errorf("the schema was not to go: %v", err)
		}
		if err := other.Uninstall(t.Context(), true); err != nil || Installed(t.Context(), w.root) {
			t.Errorf("the schema was to go: %v", err)
		}
		w.store() // the next test expects it
	})
}
