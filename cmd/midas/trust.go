package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// clientDir holds, within the state, what makes ordinary clients trust midas.
const clientDir = "client"

// systemBundles are where systems keep the authorities they trust, in the order in
// which Go's crypto/x509 looks.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// bundlePath is a file with the system's authorities and our own, for programs that
// take one file in place of the system's.
func bundlePath(stateDir string) string { return filepath.Join(stateDir, clientDir, "ca-bundle.pem") }

// azureBundlePath is the same with the authority for Azure's public names.
func azureBundlePath(stateDir string) string {
	return filepath.Join(stateDir, clientDir, "ca-bundle-azure.pem")
}

// writeBundle writes such a file anew. Authorities that the user has chosen already, in
// SSL_CERT_FILE, stand in for the system's.
func writeBundle(stateDir, path string, authorities ...[]byte) error {
	candidates := systemBundles
	if chosen := os.Getenv("SSL_CERT_FILE"); chosen != "" && chosen != bundlePath(stateDir) && chosen != azureBundlePath(stateDir) {
		candidates = append([]string{chosen}, candidates...)
	}
	var bundle []byte
	for _, candidate := range candidates {
		if roots, err := os.ReadFile(candidate); err == nil {
			bundle = append(bytes.TrimRight(roots, "\n"), '\n')
			break
		}
	}
	return writeClientFile(path, append(bundle, bytes.Join(authorities, nil)...))
}

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
	base := filepath.Join(stateDir, clientDir)
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
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(caPath(stateDir))
	fmt.Fprintf(&text, "[client]\nssl-ca=\"%s\"\n\n[client-mariadb]\nssl\nssl-verify-server-cert\n", quoted)
	return dir, writeClientFile(filepath.Join(dir, "my.cnf"), []byte(text.String()))
}

// writeClientFile replaces a file in one step when it differs: other programs may be
// reading it.
func writeClientFile(path string, content []byte) (err error) {
	if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, content) {
		return nil
	}
	defer func() {
		if err != nil {
			err = midas.Errorf(midas.Internal, "write %s: %w", path, err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return keyfile.Replace(path, content, 0o600)
}

// trustVariables are the environment variables that make programs trust our
// authority, and more, besides those they trust already, and MySQL's clients use TLS.
func trustVariables(stateDir string, more ...[]byte) ([]variable, error) {
	authority, err := os.ReadFile(caPath(stateDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, midas.Errorf(midas.Unavailable, "state %s has no certificate authority yet", stateDir).
			WithHint("midas up makes one")
	} else if err != nil {
		return nil, midas.Errorf(midas.Internal, "certificate authority: %w", err)
	}
	bundle := bundlePath(stateDir)
	if len(more) > 0 {
		bundle = azureBundlePath(stateDir)
	}
	if err := writeBundle(stateDir, bundle, append([][]byte{authority}, more...)...); err != nil {
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
