package stack

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/wire"
)

// A private server that was stopped keeps the family of its address: a server of the other one that
// was made after the next start of midas, before that one's, kept its clients out.
func TestStoppedServerKeepsItsFamily(t *testing.T) {
	mysqltest.Require(t, mysqltest.MariaDBServer)
	other := mysqltest.Fresh(t, "mysql")
	w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state")}
	open := func() {
		s, err := Open(t.Context(), Config{
			State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
			Backend: "mysqld", AdminLogin: OperatorLogin,
			Servers: []ServerSettings{{Name: "family", Backend: &ExternalBackend{URL: other.URL}}},
		})
		w.must(err)
		w.Stack = s
		t.Cleanup(s.Close)
	}
	open()
	_, _, err := w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
	w.must(err)
	mine, err := w.made("mine")
	w.must(err)
	w.must(w.bindings.Stop(mine))
	w.refuses("family", "server mine, at the same address, is MariaDB")
	w.Close()
	open()
	w.refuses("family", "server mine, at the same address, is MariaDB")
}

// A database that is down while a server of the other family is made at the same address keeps that
// address's family. The newcomer's name comes first in the alphabet.
func TestOldestServerKeepsItsFamily(t *testing.T) {
	mysqltest.Require(t, mysqltest.MariaDBServer)
	behind, err := url.Parse(mysqltest.Fresh(t, "mysql").URL)
	w := &accountsWorld{T: t, state: filepath.Join(t.TempDir(), "state")}
	w.must(err)
	front := *behind
	var stop func()
	front.Host, stop = forward(t, "127.0.0.1:0", behind.Host)
	var later atomic.Int64
	open := func() {
		s, err := Open(t.Context(), Config{
			State: w.state, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
			Backend: "mysqld", AdminLogin: OperatorLogin, Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
			Servers: []ServerSettings{{Name: "old", Backend: &ExternalBackend{URL: front.String()}}},
		})
		w.must(err)
		w.Stack = s
		t.Cleanup(s.Close)
	}
	open()
	_, _, err = w.directory.PutGroup(t.Context(), nil, "rg", "eastus", nil)
	w.must(err)
	_, err = w.made("old")
	w.must(err)
	w.Close()
	stop()
	open()
	_, err = w.made("new")
	w.must(err)
	go w.gateway.Serve(t.Context(), w.mysqlLn)
	isMariaDB := func() bool { return strings.Contains(greeted(t, w.mysqlLn.Addr().String()), "MariaDB") }
	if !isMariaDB() {
		t.Error("while the older server's database is down clients are not greeted by the other's")
	}
	forward(t, front.Host, behind.Host)
	later.Add(int64(time.Minute)) // a database that did not greet is left alone for a while
	w.within(10*time.Second, "the older server's family is back", func() bool { return !isMariaDB() })
}

// greeted returns the version that the gateway greets with.
func greeted(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	payload, _, err := wire.ReadPacket(conn, nil, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	greeting, err := wire.ParseGreeting(payload)
	if err != nil {
		t.Fatal(err)
	}
	return greeting.Version
}

// forward passes connections on until stop, as a database that is up does.
func forward(t *testing.T, from, to string) (address string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			go func() { io.Copy(server, client); server.Close() }()
			go func() { io.Copy(client, server); client.Close() }()
		}
	}()
	return ln.Addr().String(), func() { ln.Close() }
}
