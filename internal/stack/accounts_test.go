package stack

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// accountsWorld is a stack over a real server, opened and closed as midas is.
type accountsWorld struct {
	*testing.T
	state string
	mysql *mysqltest.Server
	*Stack
}

const appID = "11111111-2222-3333-4444-555555555555"

func onRealServers(t *testing.T, test func(w *accountsWorld)) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state"), mysql: mysqltest.Fresh(t, dialect)}
			w.open()
			t.Cleanup(func() { w.Close() })
			_, _, err := w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
			w.must(err)
			test(w)
		})
	}
}

func (w *accountsWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *accountsWorld) open() {
	w.Helper()
	s, err := Open(w.Context(), Config{
		State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: w.mysql.URL, AdminLogin: OperatorLogin,
	})
	w.must(err)
	w.Stack = s
}

func (w *accountsWorld) server() midas.Server {
	w.Helper()
	s, _, err := w.directory.PutServer(w.Context(), nil, "rg", "mydb", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	w.must(err)
	return s.Server()
}

// behind is the database that the oldest server has.
func (w *accountsWorld) behind() Backend {
	w.Helper()
	one, err := w.bindings.External(w.Context(), "")
	w.must(err)
	return one
}

func (w *accountsWorld) store(server midas.Server) *account.Store {
	w.Helper()
	store, err := w.account(w.Context(), server)
	w.must(err)
	return store
}

func (w *accountsWorld) create(store *account.Store, user string) {
	w.Helper()
	_, err := store.Create(w.Context(), account.CreateRequest{Name: user, ID: appID, SkipValidation: true}, false)
	w.must(err)
}

// wants checks how many accounts of that name the store and the backend have.
func (w *accountsWorld) wants(when string, store *account.Store, user string, known, there int) {
	w.Helper()
	store.Forget(user)
	got, err := store.Lookup(w.Context(), user)
	if errors.Is(err, account.ErrDoubtful) {
		got, err = store.Mend(w.Context(), user)
	}
	w.must(err)
	var n int
	w.must(w.mysql.DB().QueryRow("SELECT COUNT(*) FROM mysql.user WHERE User = ?", user).Scan(&n))
	if len(got) != known || n != there {
		w.Errorf("%s: the server knows %d accounts %q, want %d; the backend has %d, want %d", when, len(got), user, known, n, there)
	}
}

// A server is deleted while the backend does not answer. Its accounts open to nobody,
// and go when the backend is there again.
func TestServerDeletedWithoutBackend(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		first := w.server()
		w.create(w.store(first), "app")
		w.must(w.behind().DB().Close())
		_, err := w.directory.DeleteServer(w.Context(), nil, "rg", "mydb")
		w.must(err)
		w.dropDeparted(w.Context())
		if _, err := w.account(w.Context(), w.server()); midas.CodeOf(err) != midas.Unavailable {
			w.Errorf("a new server without a backend: %v", err)
		}
		var n int
		w.must(w.mysql.DB().QueryRow("SELECT COUNT(*) FROM mysql.user WHERE User = 'app'").Scan(&n))
		if left, err := w.directory.DepartedServers(w.Context()); err != nil || len(left) != 1 || n != 1 {
			w.Fatalf("departed: %v, %v; %d accounts", left, err, n)
		}
		w.Close()
		w.open()
		second := w.server()
		if second.UniqueID == first.UniqueID {
			w.Fatal("the new server is the old one")
		}
		store := w.store(second)
		w.wants("after a new start", store, "app", 0, 0)
		w.create(store, "app")
		w.wants("made again", store, "app", 1, 1)
		if left, err := w.directory.DepartedServers(w.Context()); err != nil || len(left) != 0 {
			w.Errorf("departed: %v, %v", left, err)
		}
	})
}

// A server is made again while its former accounts are still there, since the backend was
// away when it was deleted: they are none of its own, and are gone before it has any.
func TestServerRemadeBeforeItsAccountsAreGone(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		former := w.store(w.server())
		w.create(former, "app")
		_, err := w.directory.DeleteServer(w.Context(), nil, "rg", "mydb") // and nobody is told
		w.must(err)
		store := w.store(w.server())
		w.wants("at the first sign-in", store, "app", 0, 0)
		_, err = store.EnsureAdministrator(w.Context(), OperatorLogin, appID)
		w.must(err)
		if _, err := former.Create(w.Context(), account.CreateRequest{Name: "late", ID: appID, SkipValidation: true}, false); err == nil {
			w.Error("a session of the former server makes accounts")
		}
		if _, err := w.account(w.Context(), midas.Server{UniqueID: "of nobody"}); midas.CodeOf(err) != midas.NotFound {
			w.Errorf("a server that is not there: %v", err)
		}
	})
}

// The accounts of a server that an earlier midas made stay, and are believed once.
func TestServerOfAnEarlierMidas(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		server := w.server()
		w.create(w.store(server), "app")
		asBefore := func() {
			_, err := w.mysql.DB().Exec("UPDATE midas.aaduser SET seal = NULL")
			w.must(err)
		}
		asBefore()
		w.Close()
		db, err := sql.Open("sqlite", filepath.Join(w.state, "directory.db"))
		w.must(err)
		_, err = db.ExecContext(context.WithoutCancel(w.Context()), "UPDATE server SET unsealed = 1")
		w.must(err)
		w.must(db.Close())
		w.open()
		w.wants("at the first start", w.store(server), "app", 1, 1)
		w.Close()
		w.open()
		w.wants("at the second start", w.store(server), "app", 1, 1)
		asBefore()
		w.Close()
		w.open()
		w.wants("with the seals taken away, and the copy of the rows there", w.store(server), "app", 1, 1)
		asBefore()
		w.Close()
		w.must(os.RemoveAll(filepath.Join(w.state, "accounts")))
		w.open()
		w.wants("with the seals taken away", w.store(server), "app", 0, 1)
	})
}

// heldUp holds the first caller of DB up.
type heldUp struct {
	Backend
	calls         atomic.Int32
	reached, goOn chan struct{}
}

func (h *heldUp) DB() *sql.DB {
	if h.calls.Add(1) == 1 {
		close(h.reached)
		<-h.goOn
	}
	return h.Backend.DB()
}

// TestServerDeletedWhileItsStoreOpens leaves no account that is in the next one's way.
func TestServerDeletedWhileItsStoreOpens(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		first := w.server()
		bound, err := w.bindings.Backend(w.Context(), first)
		w.must(err)
		held := &heldUp{Backend: bound, reached: make(chan struct{}), goOn: make(chan struct{})}
		w.bindings.bound[first.UniqueID].backend = held
		opened := make(chan error)
		go func() {
			_, err := w.account(w.Context(), first)
			opened <- err
		}()
		<-held.reached
		_, err = w.directory.DeleteServer(w.Context(), nil, "rg", "mydb")
		w.must(err)
		w.dropDeparted(w.Context())
		close(held.goOn)
		if err := <-opened; midas.CodeOf(err) != midas.NotFound {
			w.Errorf("the store of a deleted server opened: %v", err)
		}
		_, err = w.store(w.server()).EnsureAdministrator(w.Context(), OperatorLogin, appID)
		w.must(err)
	})
}

// TestDepartedServerHoldsUpNoOther: what cannot be dropped now waits, and nobody with it: neither
// a server that has another database, nor the next one that has this.
func TestDepartedServerHoldsUpNoOther(t *testing.T) {
	onRealServers(t, func(w *accountsWorld) {
		w.create(w.store(w.server()), "app")
		others := mysqltest.Fresh(t, w.mysql.Dialect)
		w.bindings.cfg.External["other"] = ExternalBackend{URL: others.URL}
		other, _, err := w.directory.PutServer(w.Context(), nil, "rg", "other", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
		w.must(err)
		w.create(w.store(other.Server()), "stays")
		w.stores.Clear() // as after a start
		backup, err := w.mysql.DB().Conn(w.Context())
		w.must(err)
		defer backup.Close()
		_, err = backup.ExecContext(w.Context(), "FLUSH TABLES WITH READ LOCK")
		w.must(err)
		defer backup.ExecContext(context.Background(), "UNLOCK TABLES")
		_, err = w.directory.DeleteServer(w.Context(), nil, "rg", "mydb")
		w.must(err)
		found, err := w.store(other.Server()).Lookup(w.Context(), "stays")
		if err != nil || len(found) != 1 {
			w.Errorf("%v, %v", found, err)
		}
		if found, err := w.store(w.server()).Lookup(w.Context(), "app"); err != nil || len(found) != 0 {
			w.Errorf("%v, %v", found, err)
		}
	})
}
