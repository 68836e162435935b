package gateway_test

import (
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/directory"
)

// newServer makes a server whose administrator is called as it is.
func (w *world) newServer(name string) {
	w.Helper()
	admin := w.server.Admin.Administrator
	admin.Login = w.name(name)
	_, _, err := w.directory.PutServer(w.Context(), nil, tenantGroup, name, directory.ServerChange{
		Change: directory.Change{Location: "eastus"}, Admin: &directory.Administrator{Administrator: admin},
	})
	w.must(err)
}

// twoServers is a world with a second server, "other", on a MySQL of its own.
func twoServers(t *testing.T, ofItsOwn bool) (w *world, address string) {
	w = oneBackend(t)
	w.newServer("other")
	w.stop()
	other := backends["MySQL 9.7"](t)
	t.Cleanup(func() { other.Close() })
	w.others = map[string]testBackend{"other": other}
	if ofItsOwn {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		w.must(err)
		w.listeners, address = map[string][]net.Listener{"other": {ln}}, ln.Addr().String()
	}
	w.startGateway()
	return w, address
}

func over(address string) func(*mysql.Config) {
	return func(c *mysql.Config) { c.Addr = address }
}

// TestServersHaveBackendsOfTheirOwn: what one server's administrator makes is not there for
// the other's, and each is reached, and greets, at its own address alone.
func TestServersHaveBackendsOfTheirOwn(t *testing.T) {
	w, address := twoServers(t, true)
	user, id := w.user("app") // of mydb: at the shared address it is the only one
	version := func(name, secret string, change ...func(*mysql.Config)) (v string) {
		w.must(w.open(name, secret, change...).QueryRow("SELECT VERSION()").Scan(&v))
		return v
	}
	if v := version(user, w.token(id)); !strings.Contains(v, "MariaDB") {
		t.Errorf("mydb is %s", v)
	}
	admin := w.name("other")
	for _, name := range []string{admin, admin + "@other"} {
		if v := version(name, w.token(w.admin), over(address)); !strings.HasPrefix(v, "9.7") {
			t.Errorf("as %s, other is %s", name, v)
		}
		if got := w.lastSignIn().Server; got != "other" {
			t.Errorf("as %s at server %q", name, got)
		}
	}
	w.refused(w.open(user, w.token(id), over(address)).Ping(), 1045, "there is no AADUSER", "on server 'other'")
	w.refused(w.open(admin+"@mydb", w.token(w.admin), over(address)).Ping(), 1045, "this address is for server 'other' alone")
	w.refused(w.open(admin+"@other", w.token(w.admin)).Ping(), 1045, "server 'other' has an address of its own", address)

	verifies := func(server string) func(*mysql.Config) {
		return func(c *mysql.Config) {
			c.Addr, c.TLS.ServerName, c.TLS.InsecureSkipVerify = address, server+".mysql.database.azure.com", true // the certificate here names none
		}
	}
	w.must(w.open(admin, w.token(w.admin), verifies("other")).Ping())
	w.refused(w.open(admin, w.token(w.admin), verifies("mydb")).Ping(), 1045, "this address is for server 'other' alone")

	shared, own := w.dial().greeting, w.dialAt(address).greeting
	if !strings.Contains(shared.Version, "MariaDB") || !strings.HasPrefix(own.Version, "9.7") {
		t.Errorf("greetings: %s and %s", shared.Version, own.Version)
	}
	native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
	w.must(w.open(native, "Own-secret-1").Ping())
	w.plainRefusal(w.open(native, "Own-secret-1", over(address)).Ping(), native)

	_, err := w.directory.DeleteServer(t.Context(), nil, tenantGroup, "mydb")
	w.must(err)
	w.refused(w.open(admin, w.token(w.admin)).Ping(), 1045, "no server is behind this address", "server 'other' has an address of its own", address)
}

// TestYoungerServerIsNoSuffixAtAnotherAddress: those who may make a server must not keep out the users
// of another one by calling theirs as the domain of their names. Most clients give TLS no name.
func TestYoungerServerIsNoSuffixAtAnotherAddress(t *testing.T) {
	w, address := twoServers(t, true)
	_, id := w.user("app")
	name := w.name("u") + "@young"
	_, err := w.open(w.name("other"), w.token(w.admin), over(address)).Exec("CREATE AADUSER '" + name + "' IDENTIFIED BY '" + id.ClientID + "'")
	w.must(err)
	w.must(w.open(name, w.token(id), over(address)).Ping())
	w.newServer("young")
	w.must(w.open(name, w.token(id), over(address)).Ping())
}

// TestTwoFamiliesAtOneAddress: a client that was greeted by MariaDB is not signed in to MySQL.
func TestTwoFamiliesAtOneAddress(t *testing.T) {
	w, _ := twoServers(t, false)
	w.must(w.open(w.name("admin")+"@mydb", w.token(w.admin)).Ping())
	err := w.open(w.name("other")+"@other", w.token(w.admin)).Ping()
	w.refused(err, 1429, "server 'other' is MySQL, and this address greeted as MariaDB", "listen:")
}

// TestServersOfOneFamilyShareAnAddress: what one of them cannot do is offered by none.
func TestServersOfOneFamilyShareAnAddress(t *testing.T) {
	w := oneBackend(t)
	for _, name := range []string{"more", "most"} {
		w.newServer(name)
		w.must(w.open(w.name(name)+"@"+name, w.token(w.admin)).Ping())
	}
	w.must(w.open(w.name("admin")+"@mydb", w.token(w.admin)).Ping())
	if g := w.dial().greeting; !strings.Contains(g.Version, "MariaDB") {
		t.Errorf("greeted by %s", g.Version)
	}
}

// TestServerMadeLater: while there is none, clients are greeted and told so; the first client
// of a new server is greeted as its backend greets.
func TestServerMadeLater(t *testing.T) {
	w := oneBackend(t)
	_, err := w.directory.DeleteServer(t.Context(), nil, tenantGroup, "mydb")
	w.must(err)
	w.stop()
	w.startGateway()
	if g := w.dial().greeting; strings.Contains(g.Version, "MariaDB") {
		t.Errorf("greeted by %s", g.Version)
	}
	w.refused(w.open(w.name("later"), w.token(w.admin)).Ping(), 1045, "there is no MySQL server yet")
	w.newServer("later")
	if g := w.dial().greeting; !strings.Contains(g.Version, "MariaDB") {
		t.Errorf("greeted by %s", g.Version)
	}
	w.must(w.open(w.name("later"), w.token(w.admin)).Ping())
}

// TestOneDeadBackendKeepsNobodyFromTheOthers, and is greeted by again when it is back.
func TestOneDeadBackendKeepsNobodyFromTheOthers(t *testing.T) {
	w := oneBackend(t)
	w.newServer("other")
	w.stop()
	dead := &deadBackend{testBackend: backends["MariaDB"](t)}
	dead.dead.Store(true)
	t.Cleanup(func() { dead.Close() })
	w.others = map[string]testBackend{"other": dead}
	w.startGateway()
	w.must(w.open(w.name("admin")+"@mydb", w.token(w.admin)).Ping())
	w.refused(w.open(w.name("other")+"@other", w.token(w.admin)).Ping(), 1429, "server 'other'")
	dead.dead.Store(false)
	w.must(w.open(w.name("other")+"@other", w.token(w.admin)).Ping())
}

// TestNoBackendAnswersAtTheStart: the administrator of the only server has spoiled it. What its
// operator needs to mend that starts all the same.
func TestNoBackendAnswersAtTheStart(t *testing.T) {
	b := &deadBackend{testBackend: backends["MariaDB"](t)}
	w := newWorld(t, b)
	user, id := w.user("app")
	w.stop()
	b.dead.Store(true)
	w.startGateway()
	w.refused(w.open(user, w.token(id)).Ping(), 1429, "server 'mydb'")
	b.dead.Store(false)
	w.must(w.open(user, w.token(id)).Ping())
}

// TestServerNamedLocalhostGetsNobodyElsesClients: localhost is a name of the machine, and clients
// that give it to TLS ask for whatever server is there. One of that name would have those of
// others.
func TestServerNamedLocalhostGetsNobodyElsesClients(t *testing.T) {
	w, address := twoServers(t, true)
	admin, token := w.name("admin"), w.token(w.admin) // TLS is asked for localhost
	w.must(w.open(admin, token).Ping())
	w.newServer("localhost")
	w.refused(w.open(admin, token).Ping(), 1045, "2 servers are behind this address")
	w.must(w.open(admin+"@mydb", token).Ping())
	w.must(w.open(w.name("other"), token, over(address)).Ping())
}
