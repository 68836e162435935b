package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestAdministratorOfAPrivateServer makes itself all that its server lets it, through the
// gateway, and writes or reads nothing beside the server's own folders.
func TestAdministratorOfAPrivateServer(t *testing.T) {
	for name, program := range map[string]string{"MariaDB": mysqltest.MariaDBServer, "MySQL 9.7": mysqltest.MySQLServer} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			key := filepath.Join(state, "master.key")
			if err := os.WriteFile(key, []byte("the key"), 0o600); err != nil {
				t.Fatal(err)
			}
			b, err := backend.Private(t.Context(), backend.PrivateConfig{
				Dir: filepath.Join(state, "backend"), Binary: mysqltest.Require(t, program), Password: "of the service",
			})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, b)
			admin := w.asAdmin()
			var users int
			w.must(admin.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mysql.user").Scan(&users))
			grant := fmt.Sprintf("UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.access', 18446744073709551615) WHERE User = '%s'", w.name("admin"))
			if b.Dialect() == backend.MySQL {
				grant = fmt.Sprintf("UPDATE mysql.user SET File_priv = 'Y', Super_priv = 'Y' WHERE User = '%s'", w.name("admin"))
			}
			_, refused := admin.ExecContext(t.Context(), grant)
			if (refused != nil) != (b.Dialect() == backend.MySQL) {
				t.Errorf("%s: %v", grant, refused)
			}
			_, _ = admin.ExecContext(t.Context(), "FLUSH PRIVILEGES")
			again := w.asAdmin() // privileges are those of sign-in
			for _, attack := range []string{
				"SET GLOBAL general_log_file = '" + filepath.Join(state, "log") + "'", "SET GLOBAL general_log_file = '" + key + "'",
				"SET GLOBAL general_log = ON", "SELECT 'written'", "SELECT 'written' INTO OUTFILE '" + filepath.Join(state, "out") + "'",
				"CREATE DATABASE shop", "CREATE TABLE shop.t (a INT) ENGINE=MyISAM DATA DIRECTORY='" + state + "'",
			} {
				_, err := again.ExecContext(t.Context(), attack)
				t.Logf("%s: %v", attack, err)
			}
			if text, err := os.ReadFile(key); err != nil || string(text) != "the key" {
				t.Errorf("the key became %q, %v", text, err)
			}
			left, err := os.ReadDir(state)
			w.must(err)
			if len(left) != 2 {
				t.Errorf("there is more than the key and the server: %v", left)
			}
		})
	}
}
