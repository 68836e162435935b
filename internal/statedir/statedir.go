// Package statedir is the state directory: the files by which the midas that serves and the
// commands beside it know of each other, who may write to them, and which process serves.
//
// It owns the names, the permissions and the lock of the directory, and never what a part of
// midas keeps in a folder of its own there, such as the issuer's keys.
package statedir

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

const (
	operatorFile = "operator.json"
	runningFile  = "up.json"

	// BackendDir is the folder of a private database server.
	BackendDir = "backend"
	// ClientDir is the folder of files that make ordinary clients trust midas.
	ClientDir = "client"
)

// MachinePath is where the metadata endpoint is at the control address, for vm run: over
// TLS, a machine's secret reaches no other process that has taken the port.
const MachinePath = "/machine"

// CAPath is where the certificate authority of a state is kept.
func CAPath(dir string) string { return filepath.Join(dir, "ca", "ca.pem") }

// AzurePath is the folder of the authority for Azure's public names.
func AzurePath(dir string) string { return filepath.Join(dir, "ca-azure") }

// KnownBackends is the file that says which users' processes serve the backends on this
// machine.
func KnownBackends(dir string) string { return filepath.Join(dir, "known-backends.json") }

// Operator is the service principal that the command line signs in as. `midas up`
// makes it; the file is readable by its owner only, because it holds a secret.
type Operator struct {
	ClientID       string `json:"clientId"`
	ClientSecret   string `json:"clientSecret"`
	TenantID       string `json:"tenantId"`
	SubscriptionID string `json:"subscriptionId"`
}

// Running says where a `midas up` serves. The file exists while it runs.
type Running struct {
	Control  string `json:"control"`  // https URL: ARM, issuer
	Metadata string `json:"metadata"` // http URL
	MySQL    string `json:"mysql"`    // host:port, of all servers that have no address of their own
	Ops      string `json:"ops"`      // http URL
	Proxy    string `json:"proxy"`    // http URL, or "" when there is none
	PID      int    `json:"pid"`
	CA       string `json:"ca"` // path of the certificate authority, PEM
	// Apart are the addresses of servers that are reached there alone, made or not, by name in
	// lower case.
	Apart map[string][]string `json:"apart,omitempty"`
}

// MySQLOf is where the server of that name is reached.
func (r Running) MySQLOf(server string) string {
	if own := r.Apart[strings.ToLower(server)]; len(own) > 0 {
		return own[0]
	}
	return r.MySQL
}

// ReadOperator returns the operator of the state directory, or midas.NotFound.
func ReadOperator(dir string) (Operator, error) {
	var o Operator
	return o, Read(dir, operatorFile, &o)
}

// WriteOperator stores the operator, readable by its owner only.
func WriteOperator(dir string, o Operator) error { return Write(dir, operatorFile, o) }

// ReadRunning returns where midas runs, or midas.NotFound when it does not.
func ReadRunning(dir string) (Running, error) {
	var r Running
	return r, Read(dir, runningFile, &r)
}

// WriteRunning announces a running midas to the commands of the same state.
func WriteRunning(dir string, r Running) error { return Write(dir, runningFile, r) }

// RemoveRunning withdraws the announcement; it is no error when there is none.
func RemoveRunning(dir string) error {
	err := os.Remove(filepath.Join(dir, runningFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Read decodes a file of the state directory, or returns midas.NotFound: there is none until
// a midas has run.
func Read(dir, name string, into any) error {
	raw, err := keyfile.Read(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return midas.Errorf(midas.NotFound, "no midas is running with state %s", dir).WithHint("start one with: midas up")
	case err != nil:
		return midas.Errorf(midas.Internal, "read state: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return midas.Errorf(midas.Internal, "state file %s is damaged: %w", filepath.Join(dir, name), err).
			WithHint("stop midas, remove the file and start again: midas up")
	}
	return nil
}

// Write replaces the file in one step, so that a reader in another process sees
// the old content or the new, and never a secret under looser permissions.
func Write(dir, name string, value any) (err error) {
	defer func() {
		if err != nil {
			err = midas.Errorf(midas.Internal, "write state %s: %w", filepath.Join(dir, name), err)
		}
	}()
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return keyfile.Replace(filepath.Join(dir, name), append(raw, '\n'), 0o600)
}
