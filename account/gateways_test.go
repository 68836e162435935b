package account

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// Several gateways, each with connections of its own, make one account.
func TestConcurrentCreate(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		for _, ifNotExists := range []bool{false, true} {
			user := w.name(map[bool]string{false: "plain", true: "if_not_exists"}[ifNotExists])
			var (
				all     sync.WaitGroup
				mu      sync.Mutex
				made    []Account
				existed []Account
			)
			for range 6 {
				cfg := w.config("first")
				cfg.DB = w.pool("")
				s := w.open(cfg)
				all.Go(func() {
					done, err := s.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, ifNotExists)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil && done.Existed:
						existed = append(existed, done.Account)
					case err == nil:
						made = append(made, done.Account)
					case ifNotExists || midas.CodeOf(err) != midas.Conflict:
						t.Errorf("IF NOT EXISTS %v: %v", ifNotExists, err)
					}
				})
			}
			all.Wait()
			if len(made) != 1 || len(w.hosts(user)) != 1 || len(w.rows(user)) != 1 || (len(existed) == 5) != ifNotExists {
				t.Fatalf("made %v, existed %v, accounts %v, rows %v", made, existed, w.hosts(user), w.rows(user))
			}
			for _, a := range existed {
				if a != made[0] {
					t.Errorf("%+v is not %+v", a, made[0])
				}
			}
			if n := w.signIn(user, w.secret(w.store(), made[0])); n != 0 {
				t.Errorf("signing in: %d", n)
			}
		}
	})
}

func TestConcurrentAdministrator(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		login := w.name("admin")
		var all sync.WaitGroup
		accounts := make([]Account, 6)
		for i := range accounts {
			cfg := w.config("first")
			cfg.DB = w.pool("")
			s := w.open(cfg)
			all.Go(func() {
				var err error
				if accounts[i], err = s.EnsureAdministrator(t.Context(), login, idA); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, a := range accounts {
			if a != accounts[0] {
				t.Errorf("%+v is not %+v", a, accounts[0])
			}
		}
		if n := w.signIn(login, w.secret(w.store(), accounts[0])); n != 0 {
			t.Errorf("signing in: %d", n)
		}
	})
}

// A backend is one server's. If it gets a second one all the same, neither sees, opens or takes
// the other's accounts.
func TestSecondServerOnABackend(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		first, second, user := w.store(), w.open(w.config("second")), w.name("app")
		account := w.create(first, user, idA)
		if got := w.lookup(second, user); len(got) != 0 {
			t.Errorf("Lookup by the second = %v", got)
		}
		for _, ifNotExists := range []bool{false, true} {
			_, err := second.Create(t.Context(), CreateRequest{Name: user, ID: idA, SkipValidation: true}, ifNotExists)
			expect(t, err, midas.Conflict, 1396)
			if !strings.Contains(err.Error(), "was not written by midas for this server") {
				t.Errorf("%v", err)
			}
		}
		_, err := second.EnsureAdministrator(t.Context(), user, idA)
		expect(t, err, midas.Conflict, 1396)
		if err := reassert(t, second, account); midas.CodeOf(err) != midas.Forbidden {
			t.Errorf("Reassert by the second: %v", err)
		}
		admins := []Account{w.admin(first, w.name("admin1"), idA), w.admin(second, w.name("admin2"), idA)}
		if err := second.DropAdministrator(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.signIn(admins[0].User, w.secret(first, admins[0])); n != 0 {
			t.Errorf("the first's administrator: %d", n)
		}
		if got := w.lookup(first, user); len(got) != 1 || got[0] != account || w.signIn(user, w.secret(first, account)) != 0 {
			t.Errorf("Lookup by the first = %v", got)
		}
		// A name that the first has given up is free, and has another secret there.
		w.exec("DROP USER " + quoteAccount(user, "%"))
		other := w.create(second, user, idB)
		first.Forget(user)
		if got := w.lookup(first, user); len(got) != 0 || w.secret(second, other) == w.secret(first, account) {
			t.Errorf("Lookup by the first = %v", got)
		}
	})
}

// hold takes the lock of accounts as another gateway would.
func (w *world) hold() (release func()) {
	w.t.Helper()
	return w.holdLock(w.config("first").Key.lockName(), w.root)
}

// holdLock takes an advisory lock as a user of db.
func (w *world) holdLock(name string, db *sql.DB) (release func()) {
	w.t.Helper()
	conn, err := db.Conn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var got int
	if err := conn.QueryRowContext(w.t.Context(), "SELECT GET_LOCK('"+name+"', 10)").Scan(&got); err != nil || got != 1 {
		w.t.Fatalf("GET_LOCK: %d, %v", got, err)
	}
	return func() { // the lock goes before the connection serves somebody else
		if _, err := conn.ExecContext(context.Background(), "DO RELEASE_LOCK('"+name+"')"); err != nil {
			w.t.Error(err)
		}
		conn.Close()
	}
}

// awaitWaiter returns when somebody waits for the lock inside the server.
func (w *world) awaitWaiter() {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if len(w.query("SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'")) > 0 {
			return
		}
	}
	w.t.Fatal("nobody waits for the lock")
}

// A change that waits for the lock must not hold the connections that sign-ins need.
func TestSignInsDoNotWaitForTheLock(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		known := w.create(w.store(), w.name("known"), idA)
		cfg := w.config("first")
		cfg.DB = w.pool("")
		cfg.DB.SetMaxOpenConns(3)
		s := w.open(cfg)
		release := w.hold()
		ctx, cancel := context.WithCancel(t.Context())
		var creators sync.WaitGroup
		for range 6 {
			creators.Go(func() {
				_, err := s.Create(ctx, CreateRequest{Name: w.name("new"), ID: idA, SkipValidation: true}, false)
				if midas.CodeOf(err) != midas.Unavailable {
					t.Errorf("Create: %v", err)
				}
			})
		}
		w.awaitWaiter()
		soon, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		if got, err := s.found(soon, known.User); err != nil || len(got) != 1 {
			t.Errorf("Lookup = %v, %v", got, err)
		}
		cancel()
		creators.Wait()
		release()
		if accounts, rows := w.hosts(w.name("new")), w.rows(w.name("new")); len(accounts)+len(rows) > 0 {
			t.Errorf("left behind: accounts %v, rows %v", accounts, rows)
		}
		w.create(s, w.name("new"), idA) // the lock is free again
	})
}

// A lookup leaves tidying to the next one while somebody has the lock, and remembers
// nothing that the tidying may change.
func TestLookupWhileAccountsChange(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, before, after, gone := w.store(), w.name("before"), w.name("after"), w.name("gone")
		w.create(s, before, idA)
		w.create(s, gone, idA)
		w.exec("RENAME USER " + quoteAccount(before, "%") + " TO " + quoteAccount(after, "%"))
		w.exec("DROP USER " + quoteAccount(gone, "%"))
		release := w.hold()
		for _, name := range []string{after, before, gone} {
			if got := w.lookup(s, name); len(got) != 0 {
				t.Errorf("Lookup(%s) = %v", name, got)
			}
		}
		if rows := append(w.rows(gone), w.rows(before)...); len(rows) != 2 {
			t.Errorf("rows changed without the lock: %v", rows)
		}
		release()
		if got := w.lookup(s, after); len(got) != 1 || got[0].User != after {
			t.Errorf("Lookup(after) = %v", got)
		}
		if w.lookup(s, gone); len(w.rows(gone)) != 0 {
			t.Errorf("rows: %v", w.rows(gone))
		}
	})
}

func TestCreateWaitsForTheLock(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, release := w.store(), w.hold()
		err := s.locked(t.Context(), 0, nil)
		expect(t, err, midas.Unavailable, 1105)
		if midas.HintOf(err) == "" || !strings.Contains(err.Error(), "another gateway") {
			t.Errorf("%q, hint %q", err, midas.HintOf(err))
		}
		done := make(chan Account)
		go func() { done <- w.create(s, w.name("app"), idA) }()
		w.awaitWaiter()
		select {
		case a := <-done:
			t.Errorf("%v was made without the lock", a)
		default:
		}
		if accounts, rows := w.hosts(w.name("app")), w.rows(w.name("app")); len(accounts)+len(rows) > 0 {
			t.Errorf("without the lock: accounts %v, rows %v", accounts, rows)
		}
		release()
		<-done
		// A lock is the connection's: it is not left behind on one in the pool.
		w.hold()()
	})
}

// Any user may take an advisory lock of a name that they know, or can see somewhere.
func TestUsersCannotTakeTheLock(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, name := w.store(), w.config("first").Key.lockName()
		user := w.poor("user", "USAGE")
		for _, guess := range []string{"midas.account", "midas", "midas."} {
			defer w.holdLock(guess, user)()
		}
		w.create(s, w.name("app"), idA)
		// The gateways of one server have one lock, and nobody else has.
		if name != w.config("first").Key.lockName() || len(name) > 64 {
			t.Errorf("name %q", name)
		}
		if another := w.config("second").Key.lockName(); another == name {
			t.Error("the key of another server gives the same name")
		}
		if another := w.key(w.config("first").ServerID, 2).lockName(); another == name {
			t.Error("another version of the key gives the same name")
		}
		// Nor does the user see it while it is held and waited for.
		release := w.hold()
		done := make(chan error)
		go func() { done <- s.locked(t.Context(), time.Minute, func(*sql.Conn) error { return nil }) }()
		w.awaitWaiter()
		rows, err := user.QueryContext(t.Context(), "SHOW FULL PROCESSLIST")
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			line := make([]any, len(columns))
			for i := range line {
				line[i] = new(sql.NullString)
			}
			if err := rows.Scan(line...); err != nil {
				t.Fatal(err)
			}
			if info := line[7].(*sql.NullString).String; strings.Contains(info, name) {
				t.Errorf("a user without privileges sees %q", info)
			}
		}
		rows.Close()
		release()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestLockIsTakenFromUsers: a user who could once read the name of the lock knows it for ever.
func TestLockIsTakenFromUsers(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, name := w.store(), w.config("first").Key.lockName()
		user, other := w.poor("user", "USAGE"), w.poor("other", "USAGE")
		account := w.create(s, w.name("app"), idA)
		bystander, err := other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 { // the first has the lock, and the others wait for it
			conn, err := user.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if i == 0 {
				if _, err := conn.ExecContext(t.Context(), "DO GET_LOCK('"+name+"', 0)"); err != nil {
					t.Fatal(err)
				}
				continue
			}
			go conn.ExecContext(t.Context(), "DO GET_LOCK('"+name+"', 15)")
		}
		w.awaitWaiter()
		w.dir.depart(idA)
		w.sweep(s)
		if n := w.signIn(account.User, w.secret(s, account)); n != w.lockedOut() {
			t.Errorf("an account whose identity is gone, after a sweep: %d", n)
		}
		w.create(s, w.name("next"), idB)
		if err := bystander.PingContext(t.Context()); err != nil {
			t.Errorf("a session of another user was ended: %v", err)
		}
		if text := w.log.String(); strings.Count(text, "had the lock") != 1 || !strings.Contains(text, w.name("user")) {
			t.Errorf("the log: %s", text)
		}
	})
}
