package account

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// crashing ends everything at the nth write of the copy, before or after it.
type crashing struct {
	copies
	left  int
	after bool
}

var errCrash = errors.New("crash")

func (c *crashing) at(write func() error) error {
	if c.left--; c.left != 0 {
		return write()
	}
	if c.after {
		_ = write()
	}
	panic(errCrash)
}

func (c *crashing) Put(a Account) error    { return c.at(func() error { return c.copies.Put(a) }) }
func (c *crashing) Delete(a Account) error { return c.at(func() error { return c.copies.Delete(a) }) }
func (c *crashing) end() error             { return c.at(c.copies.end) }

// until runs change with a crash at the nth write of the copy, and tells whether there was
// one.
func until(s *Store, n int, after bool, change func() error) (crashed bool, err error) {
	defer func() {
		if e := recover(); e != nil && e != any(errCrash) {
			panic(e)
		} else if e != nil {
			crashed = true
		}
	}()
	s.copies = &crashing{copies: s.copies, left: n, after: after}
	return false, change()
}

// changes are what changes rows. Each leaves the accounts named want, and the same when it
// is done again after a crash.
var changes = map[string]struct {
	do   func(w *world, s *Store) error
	want []string
	id   string // of the administrator
}{
	"create": {func(w *world, s *Store) error {
		_, err := s.Create(w.t.Context(), CreateRequest{Name: w.name("more"), ID: idA, SkipValidation: true}, true)
		return err
	}, []string{"app", "admin", "more"}, idA},
	"rotate": {func(w *world, s *Store) error {
		rows := s.copies.of(w.name("app"))
		return s.Rotate(w.t.Context(), rows[0])
	}, []string{"app", "admin"}, idA},
	"rename": {func(w *world, s *Store) error {
		if len(w.hosts(w.name("app"))) > 0 {
			w.exec("RENAME USER " + quoteAccount(w.name("app"), "%") + " TO " + quoteAccount(w.name("new"), "%"))
		}
		_, _, err := s.reconcileDoubts(w.t.Context(), w.name("new"))
		return err
	}, []string{"new", "admin"}, idA},
	"exchange names": {func(w *world, s *Store) error {
		if len(w.hosts(w.name("other"))) == 0 {
			w.create(s, w.name("other"), idB)
			w.exec(fmt.Sprintf("RENAME USER %[1]s TO %[3]s, %[2]s TO %[1]s, %[3]s TO %[2]s",
				quoteAccount(w.name("app"), "%"), quoteAccount(w.name("other"), "%"), quoteAccount(w.name("aside"), "%")))
		}
		_, _, err := s.reconcileDoubts(w.t.Context(), w.name("app"))
		return err
	}, []string{"app", "other", "admin"}, idA},
	"drop": {func(w *world, s *Store) error {
		w.exec("DROP USER IF EXISTS " + quoteAccount(w.name("app"), "%"))
		_, _, err := s.reconcileDoubts(w.t.Context(), w.name("app"))
		return err
	}, []string{"admin"}, idA},
	"another administrator": {func(w *world, s *Store) error {
		_, err := s.EnsureAdministrator(w.t.Context(), w.name("admin"), idB)
		return err
	}, []string{"app", "admin"}, idB},
	"an administrator with another login": {func(w *world, s *Store) error {
		_, err := s.EnsureAdministrator(w.t.Context(), w.name("boss"), idB)
		return err
	}, []string{"app", "boss"}, idB},
	"uninstall": {func(w *world, s *Store) error { return s.Uninstall(w.t.Context(), false) }, nil, ""},
}

// Wherever a crash comes between row and copy: after a new start each account that is
// there opens to whom it did or was to, none opens that was given up, and the change can
// be made again. So also when all rows are lost in that moment.
func TestCrashBetweenRowAndCopy_slow(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		for what, change := range changes {
			for _, lost := range []bool{false, true} {
				for n, crashed := 2, true; crashed; n++ {
					name := fmt.Sprintf("%s, crash %d, lost %v", what, n/2, lost)
					cfg := w.copied(w.copyDir())
					s := w.open(cfg)
					w.create(s, w.name("app"), idA)
					w.admin(s, w.name("admin"), idA)
					var err error
					if crashed, err = until(s, n/2, n%2 == 1, func() error { return change.do(w, s) }); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if lost {
						w.exec("DROP DATABASE midas")
					}
					s = w.open(w.copied(cfg.Copies.dir)) // another process
					w.honest(name, s)
					if what == "uninstall" && !crashed {
						s.copies = noCopies{}
					}
					if err := change.do(w, s); err != nil {
						t.Fatalf("%s: again: %v", name, err)
					}
					w.outcome(name, s, change.want, change.id)
					w.wipe(s)
				}
			}
		}
	})
}

// honest checks that nobody is admitted by mistake.
func (w *world) honest(name string, s *Store) {
	w.t.Helper()
	for user, ids := range map[string][]string{"app": {idA, idB}, "other": {idA, idB}, "new": {idA}, "more": {idA}, "admin": {idA, idB}, "boss": {idB}} {
		for _, a := range w.lookup(s, w.name(user)) {
			if len(w.hosts(a.User)) != 1 || (a.ID != ids[0] && a.ID != ids[len(ids)-1]) {
				w.t.Errorf("%s: %s admits %s", name, user, a.ID)
			}
		}
	}
}

// outcome checks who has an account in the end, and that it opens.
func (w *world) outcome(name string, s *Store, want []string, admin string) {
	w.t.Helper()
	w.advance(time.Minute)
	there := w.query("SELECT User FROM mysql.user WHERE User LIKE '%" + w.tag + "'")
	if len(there) != len(want) {
		w.t.Errorf("%s: the backend has %v, want %v", name, there, want)
	}
	for _, user := range want {
		got := w.lookup(s, w.name(user))
		if len(got) != 1 {
			w.t.Errorf("%s: Lookup(%s) = %v", name, user, got)
			continue
		}
		if got[0].Admin && got[0].ID != admin {
			w.t.Errorf("%s: the administrator is %s", name, got[0].ID)
		}
		if err := reassert(w.t, s, got[0]); err != nil || w.signIn(got[0].User, w.secret(s, got[0])) != 0 {
			w.t.Errorf("%s: %s does not open: %v", name, user, err)
		}
	}
	if kept := s.Rows(); len(kept) != len(want) {
		w.t.Errorf("%s: the copy has %v, want %v", name, kept, want)
	}
}

// wipe takes all away, for the next round.
func (w *world) wipe(s *Store) {
	w.t.Helper()
	if err := s.Uninstall(w.t.Context(), false); err != nil && midas.CodeOf(err) != midas.Conflict {
		w.t.Fatal(err)
	}
	w.clean()
}
