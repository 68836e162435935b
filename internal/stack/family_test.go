package stack

import (
	"path/filepath"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
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
