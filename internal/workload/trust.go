package workload

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
)

// writeOptionFile writes a my.cnf that makes MySQL's and MariaDB's clients use TLS
// and check the server against our authority, and returns the directory that
// MYSQL_HOME must name for them to read it: after the system's option files and
// before the user's own ~/.my.cnf, hiding neither. A my.cnf in the present MYSQL_HOME
// is included.
//
// MariaDB's client before 11.4 uses no TLS unless told, and needs to be told to check
// the name too. MySQL's uses TLS when offered; given an authority it insists on it.
// Source: "Using Option Files" of the MySQL manual, "Configuring MariaDB with Option
// Files" of the MariaDB one.
func writeOptionFile(stateDir, present string) (dir string, err error) {
	base := filepath.Join(stateDir, statedir.ClientDir)
	dir = base
	var text strings.Builder
	if theirs := filepath.Join(present, "my.cnf"); present != "" && !strings.HasPrefix(present, base) {
		if _, err := os.Stat(theirs); err == nil {
			dir = filepath.Join(base, fmt.Sprintf("my-%x", sha256.Sum256([]byte(present)))[:len("my-")+12])
			fmt.Fprintf(&text, "!include %s\n", theirs)
		}
	} else if present != "" {
		dir = present // written by an earlier command, whose include must stay
		return dir, nil
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(statedir.CAPath(stateDir))
	fmt.Fprintf(&text, "[client]\nssl-ca=\"%s\"\n\n[client-mariadb]\nssl\nssl-verify-server-cert\n", quoted)
	return dir, statedir.WriteClientFile(filepath.Join(dir, "my.cnf"), []byte(text.String()))
}

// trustVariables are the environment variables that make programs trust our
// authority, and more, besides those they trust already, and MySQL's clients use TLS.
func trustVariables(stateDir string, more ...[]byte) ([]variable, error) {
	authority, err := os.ReadFile(statedir.CAPath(stateDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, midas.Errorf(midas.Unavailable, "state %s has no certificate authority yet", stateDir).
			WithHint("midas up makes one")
	} else if err != nil {
		return nil, midas.Errorf(midas.Internal, "certificate authority: %w", err)
	}
	bundle := statedir.BundlePath(stateDir)
	if len(more) > 0 {
		bundle = statedir.AzureBundlePath(stateDir)
	}
	if err := statedir.WriteBundle(stateDir, bundle, append([][]byte{authority}, more...)...); err != nil {
		return nil, err
	}
	home, err := writeOptionFile(stateDir, os.Getenv("MYSQL_HOME"))
	if err != nil {
		return nil, err
	}
	vars := []variable{
		{"SSL_CERT_FILE", bundle},       // OpenSSL, curl, Go
		{"REQUESTS_CA_BUNDLE", bundle},  // Python's requests, and so az
		{"NODE_EXTRA_CA_CERTS", bundle}, // Node, besides its own
		{"MYSQL_HOME", home},            // clients of MySQL and MariaDB
	}
	if os.Getenv("CURL_CA_BUNDLE") != "" || os.Getenv("SSL_CERT_DIR") != "" { // to curl, stronger than SSL_CERT_FILE
		vars = append(vars, variable{"CURL_CA_BUNDLE", bundle})
	}
	if theirs := os.Getenv("MARIADB_HOME"); theirs != "" { // stronger than MYSQL_HOME
		home, err := writeOptionFile(stateDir, theirs)
		if err != nil {
			return nil, err
		}
		vars = append(vars, variable{"MARIADB_HOME", home})
	}
	return vars, nil
}
