package backend

import (
	"fmt"
	"strings"

	"github.com/midas-mysql/midas"
)

// release is a version of a server as far as it decides anything.
type release struct{ major, minor, patch int }

// releaseOf reads the numbers at the beginning of a version, as many as there are.
func releaseOf(version string) (r release, ok bool) {
	n, _ := fmt.Sscanf(version, "%d.%d.%d", &r.major, &r.minor, &r.patch)
	return r, n >= 2
}

func (r release) before(other release) bool {
	if r.major != other.major {
		return r.major < other.major
	}
	if r.minor != other.minor {
		return r.minor < other.minor
	}
	return r.patch < other.patch
}

// The oldest servers that there can be behind midas.
var (
	// Source: Microsoft Learn, "Connect with Managed Identity to Azure Database for MySQL".
	oldestForIdentities = release{5, 7, 0}
	// Source: MySQL 8.0 Release Notes, 8.0.21, "User Comments and Attributes".
	oldestMySQL   = release{8, 0, 21}
	oldestMariaDB = release{10, 6, 0}
)

// oldEnough refuses servers on which midas could not keep accounts. One whose version says
// nothing is left to account.New to judge, as are those that only speak as MySQL does.
func (f facts) oldEnough(where string) error {
	r, ok := releaseOf(f.version)
	if !ok {
		return nil
	}
	what := fmt.Sprintf("backend %s is %s %s", where, product(f.dialect), f.version)
	switch {
	case f.dialect == MariaDB && r.before(oldestMariaDB):
		return midas.Errorf(midas.Invalid, "%s: midas marks accounts as its own in mysql.global_priv, as MariaDB has it from 10.6 on", what).
			WithHint("use MariaDB 10.6 or newer, or MySQL 8.0.21 or newer")
	case f.dialect == MariaDB || strings.Contains(f.version, "TiDB"):
		return nil
	case r.before(oldestForIdentities):
		return midas.Errorf(midas.Invalid, "%s: connecting with Managed Identity is only available for MySQL 5.7 and newer", what).
			WithHint("use MySQL 8.0.21 or newer, or MariaDB 10.6 or newer")
	case r.before(oldestMySQL):
		return midas.Errorf(midas.Invalid, "%s: midas marks accounts as its own in user attributes, which came with MySQL 8.0.21", what).
			WithHint("use MySQL 8.0.21 or newer, or MariaDB 10.6 or newer")
	}
	return nil
}
