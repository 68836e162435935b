// Package shelltest owns which shells a test runs scripts with. It never runs one, and knows no
// product.
package shelltest

import (
	"os"
	"os/exec"
	"testing"
)

// Path finds a shell. PowerShell is none of Debian's packages: where there is none, what is written
// for it is left unread, and the others are tested. Where CI is set, every other shell must be there.
func Path(t *testing.T, program string) (path string, ok bool) {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err != nil && program == "pwsh":
		return "", false
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("%s: not installed; run test/servers/install.sh as root", program)
	case err != nil:
		t.Skipf("left out: no %s on PATH", program)
	}
	return path, true
}
