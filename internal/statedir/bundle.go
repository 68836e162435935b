package statedir

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

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

// BundlePath is a file with the system's authorities and our own, for programs that
// take one file in place of the system's.
func BundlePath(stateDir string) string { return filepath.Join(stateDir, ClientDir, "ca-bundle.pem") }

// AzureBundlePath is the same with the authority for Azure's public names.
func AzureBundlePath(stateDir string) string {
	return filepath.Join(stateDir, ClientDir, "ca-bundle-azure.pem")
}

// WriteBundle writes such a file anew. Authorities that the user has chosen already, in
// SSL_CERT_FILE, stand in for the system's.
func WriteBundle(stateDir, path string, authorities ...[]byte) error {
	candidates := systemBundles
	if chosen := os.Getenv("SSL_CERT_FILE"); chosen != "" && chosen != BundlePath(stateDir) && chosen != AzureBundlePath(stateDir) {
		candidates = append([]string{chosen}, candidates...)
	}
	var bundle []byte
	for _, candidate := range candidates {
		if roots, err := os.ReadFile(candidate); err == nil {
			bundle = append(bytes.TrimRight(roots, "\n"), '\n')
			break
		}
	}
	return WriteClientFile(path, append(bundle, bytes.Join(authorities, nil)...))
}

// WriteClientFile replaces a file in one step when it differs: other programs may be
// reading it.
func WriteClientFile(path string, content []byte) (err error) {
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
