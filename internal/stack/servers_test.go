package stack

import (
	"bytes"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// declaredWorld is a stack whose oldest server has a MariaDB by its URL.
func declaredWorld(t *testing.T, servers ...ServerSettings) (*accountsWorld, *mysqltest.Server) {
	t.Helper()
	w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state"), mysql: mysqltest.Fresh(t, "mariadb")}
	s, err := Open(t.Context(), Config{
		State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: w.mysql.URL, AdminLogin: OperatorLogin, Servers: servers,
	})
	w.must(err)
	w.Stack = s
	t.Cleanup(s.Close)
	_, _, err = w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
	w.must(err)
	return w, w.mysql
}

// made makes a server as arm does.
func (w *accountsWorld) made(name string) (midas.Server, error) {
	w.Helper()
	if err := (powers{w.Stack}).Admit(w.Context(), "rg", name); err != nil {
		return midas.Server{}, err
	}
	s, _, err := w.directory.PutServer(w.Context(), nil, "rg", name, directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	w.must(err)
	if err := (powers{w.Stack}).Bind(w.Context(), s.Server()); err != nil {
		_, undo := w.directory.DeleteServer(w.Context(), nil, "rg", name)
		w.must(undo)
		w.dropDeparted(w.Context())
		return midas.Server{}, err
	}
	return s.Server(), nil
}

func (w *accountsWorld) refuses(name string, words ...string) {
	w.Helper()
	_, err := w.made(name)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error()+" hint: "+midas.HintOf(err), word) {
			w.Errorf("%s: %v (%s), want %q", name, err, midas.HintOf(err), word)
		}
	}
}

// The database that --backend names is the first server's. Others need one that is declared, and
// none that another has; of another family they need an address of their own, too.
func TestServersAreBoundAsDeclared(t *testing.T) {
	same, other := mysqltest.Fresh(t, "mariadb"), mysqltest.Fresh(t, "mysql")
	w, first := declaredWorld(t,
		ServerSettings{Name: "Same", Backend: &ExternalBackend{URL: same.URL}},
		ServerSettings{Name: "again", Backend: &ExternalBackend{URL: strings.Replace(same.URL, "127.0.0.1", "localhost", 1)}},
		ServerSettings{Name: "family", Backend: &ExternalBackend{URL: other.URL}},
		ServerSettings{Name: "apart", Backend: &ExternalBackend{URL: other.URL}, Listen: []string{"127.0.0.1:0"}},
	)
	address := w.ownAddresses("Apart")[0]
	if at := w.Running(); at.MySQLOf("APART") != address || at.MySQLOf("same") != at.MySQL {
		t.Errorf("announced: %+v", at)
	}
	if said := w.Bound(t.Context()); len(said) != 1 || said[0] != [2]string{"apart", "at " + address + " when it is made"} {
		t.Errorf("said of servers before they are made: %v", said)
	}
	one, err := w.made("one")
	w.must(err)
	w.create(w.store(one), "app")
	if n := counted(t, first, "app"); n != 1 {
		t.Errorf("%d accounts at the database that --backend names", n)
	}
	w.refuses("two", "server two has no backend", "servers: [{name: two, backend:")
	bound, err := w.made("same")
	w.must(err)
	w.create(w.store(bound), "app")
	if n, m := counted(t, first, "app"), counted(t, same, "app"); n != 1 || m != 1 {
		t.Errorf("%d and %d accounts, want one each", n, m)
	}
	w.refuses("again", "the same backend", "give each server a backend of its own")
	w.refuses("family", "server family is MySQL", "is MariaDB", "listen:")
	apart, err := w.made("apart")
	w.must(err)
	w.create(w.store(apart), "app")
	if len(w.ownMySQL["apart"]) != 1 || w.ownMySQL["apart"][0].Addr().(*net.TCPAddr).Port == 0 {
		t.Errorf("listeners: %v", w.ownMySQL)
	}
	if said := w.Bound(t.Context()); len(said) != 3 || said[0][0] != "apart" || !strings.HasPrefix(said[0][1], "at "+address+", on MySQL ") {
		t.Errorf("said of servers: %v", said)
	}

	// The first server goes, and what --backend names is the next one's, without its accounts.
	_, err = w.directory.DeleteServer(t.Context(), nil, "rg", "one")
	w.must(err)
	w.dropDeparted(t.Context())
	if n, m := counted(t, first, "app"), counted(t, same, "app"); n != 0 || m != 1 {
		t.Errorf("%d and %d accounts are left", n, m)
	}
	two, err := w.made("two")
	w.must(err)
	w.create(w.store(two), "app")
	// A server that is deleted gives a declared database back, too.
	_, err = w.directory.DeleteServer(t.Context(), nil, "rg", "same")
	w.must(err)
	w.dropDeparted(t.Context())
	_, err = w.made("again")
	w.must(err)
	if n, m := counted(t, first, "app"), counted(t, same, "app"); n != 1 || m != 0 {
		t.Errorf("%d and %d accounts at the end", n, m)
	}
}

// What is declared for a server of one resource group is not to be had by those who make one of
// its name in another, before it or after it was deleted.
func TestDeclaredServersAreOfTheirGroup(t *testing.T) {
	theirs := mysqltest.Fresh(t, "mariadb")
	w, _ := declaredWorld(t, ServerSettings{Name: "Payroll", Group: "RG", Backend: &ExternalBackend{URL: theirs.URL}},
		ServerSettings{Name: "elsewhere", Group: "other", Backend: &ExternalBackend{URL: theirs.URL}})
	w.refuses("elsewhere", "the name elsewhere is kept", "resourceGroup:")
	if err := (powers{w.Stack}).Admit(t.Context(), "other", "payroll"); midas.CodeOf(err) != midas.Invalid {
		t.Errorf("payroll in another group: %v", err)
	}
	// One that was there before the group was declared gets nothing either.
	s, _, err := w.directory.PutServer(t.Context(), nil, "rg", "elsewhere", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	w.must(err)
	if _, err := w.bindings.Backend(t.Context(), s.Server()); midas.CodeOf(err) != midas.Invalid {
		t.Errorf("elsewhere has a backend: %v", err)
	}
	own, err := w.made("payroll")
	w.must(err)
	w.create(w.store(own), "app")
	if n := counted(t, theirs, "app"); n != 1 {
		t.Errorf("%d accounts at the declared database", n)
	}
}

func counted(t *testing.T, s *mysqltest.Server, user string) (n int) {
	t.Helper()
	if err := s.DB().QueryRow("SELECT COUNT(*) FROM mysql.user WHERE User = ?", user).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Of the servers that a former midas had at one external database the oldest keeps it. The start
// says which have none now, and serves the others; with one of its own declared, a server is there
// again. What comes of their accounts is tested in package account.
func TestSharedDatabaseOfAFormerMidasIsTheOldestServers(t *testing.T) {
	w, first := declaredWorld(t)
	for _, name := range []string{"mydb", "another"} { // which comes first by name
		_, _, err := w.directory.PutServer(t.Context(), nil, "rg", name, directory.ServerChange{Change: directory.Change{Location: "eastus"}})
		w.must(err)
	}
	w.Close()
	second := mysqltest.Fresh(t, "mariadb")
	var log bytes.Buffer
	for _, declared := range [][]ServerSettings{nil, {{Name: "another", Backend: &ExternalBackend{URL: second.URL}}}} {
		log.Reset()
		s, err := Open(t.Context(), Config{
			State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
			Backend: first.URL, AdminLogin: OperatorLogin, Servers: declared, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		w.must(err)
		w.Stack = s
		t.Cleanup(s.Close)
		oldest, err := s.directory.Server(t.Context(), "mydb")
		w.must(err)
		younger, err := s.directory.Server(t.Context(), "another")
		w.must(err)
		w.store(oldest)
		_, err = w.account(t.Context(), younger)
		warned := strings.Contains(log.String(), "server another has no backend") && strings.Contains(log.String(), "servers: [{name: another")
		if want := declared == nil; warned != want || (midas.CodeOf(err) == midas.Invalid) != want {
			t.Errorf("declared %v: warned %v, %v", declared, warned, err)
		}
		s.Close()
	}
}

// What a former midas left in a database is taken over by the first server that has it: a later one
// is of those who could delete the first, and put rows back.
func TestFormerAccountsAreTakenOverOnceOfADatabase(t *testing.T) {
	w, _ := declaredWorld(t, ServerSettings{Name: "declared", Backend: &ExternalBackend{URL: mysqltest.Fresh(t, "mariadb").URL}})
	want := func(server midas.Server, want bool) {
		t.Helper()
		if got, err := w.takenOver(t.Context(), server); err != nil || got != want {
			t.Errorf("%s: %v, %v", server.Name, got, err)
		}
	}
	for _, names := range [][2]string{{"one", "two"}, {"declared", "declared"}} {
		first, err := w.made(names[0])
		w.must(err)
		want(first, false)
		w.store(first)
		want(first, true)
		_, err = w.directory.DeleteServer(t.Context(), nil, "rg", names[0])
		w.must(err)
		w.dropDeparted(t.Context())
		next, err := w.made(names[1])
		w.must(err)
		want(next, true)
	}
}

// The one database of a former midas was the only one: a row that somebody kept from then, and puts
// in a database of their own, is of no account there.
func TestFormerAccountsAreTakenOverOfOneDatabase(t *testing.T) {
	w, _ := declaredWorld(t, ServerSettings{Name: "own", Backend: &ExternalBackend{URL: mysqltest.Fresh(t, "mariadb").URL}})
	own, err := w.made("own")
	w.must(err)
	first, err := w.made("first")
	w.must(err)
	for _, found := range []bool{false, true} {
		w.must(w.noteTakenOver(t.Context(), first, found))
		if got, err := w.takenOver(t.Context(), own); err != nil || got != found {
			t.Errorf("taken over: %v, %v, want %v", got, err, found)
		}
	}
}
