package backend_test

import (
	"path/filepath"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// A MariaDB that starts removes the temporary tables of others in its temporary folder: two
// servers that are made at once need one each, whatever the machine's is.
func TestPrivateIsMadeWithATemporaryFolderOfItsOwn(t *testing.T) {
	program := mysqltest.Require(t, mysqltest.MariaDBServer)
	dir := filepath.Join(t.TempDir(), "backend")
	t.Setenv("TMPDIR", "/nonexistent")
	if err := open(t, dir, program).Close(); err != nil {
		t.Error(err)
	}
}
