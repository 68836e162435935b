//go:build unix

package backend_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestPrivateMariaDBLoadsNoPlugin: Landlock keeps a server from files and TCP, and not from the
// sockets of other servers. With ha_federated, which Debian installs, an administrator read what
// was in them, past the gateway.
func TestPrivateMariaDBLoadsNoPlugin(t *testing.T) {
	binary := mysqltest.Require(t, mysqltest.MariaDBServer)
	// A wrapper of the program knows of plugins, as a distribution's does.
	plugins := filepath.Join(t.TempDir(), "plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), "mariadbd")
	script := "#!/bin/sh\nfirst=$1\nshift\nexec '" + binary + "' \"$first\" --plugin-dir='" + plugins + "' \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(plugins, "ha_some.so"), []byte("no library"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := prepared(t, binary)
	db := attacker(t, open(t, dir, wrapper), dir)
	var folder string
	if err := db.QueryRow("SELECT @@plugin_dir").Scan(&folder); err != nil || !strings.HasPrefix(folder, "/dev/null") {
		t.Errorf("plugins are loaded from %q, %v", folder, err)
	}
	_, err := db.Exec("INSTALL SONAME 'ha_some'")
	if err == nil || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("a plugin was looked for elsewhere: %v", err)
	}
}
