package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// Names of the files in the state directory that this package owns.
const (
	operatorFile = "operator.json"
	runningFile  = "up.json"
	backendDir   = "backend" // of a private server
)

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
	MySQL    string `json:"mysql"`    // host:port
	Ops      string `json:"ops"`      // http URL
	Proxy    string `json:"proxy"`    // http URL, or "" when there is none
	PID      int    `json:"pid"`
	CA       string `json:"ca"` // path of the certificate authority, PEM
}

// readOperator returns the operator of the state directory, or midas.NotFound.
func readOperator(dir string) (Operator, error) {
	var o Operator
	return o, readState(dir, operatorFile, &o)
}

// writeOperator stores the operator, readable by its owner only.
func writeOperator(dir string, o Operator) error { return writeState(dir, operatorFile, o) }

// readRunning returns where midas runs, or midas.NotFound when it does not.
func readRunning(dir string) (Running, error) {
	var r Running
	return r, readState(dir, runningFile, &r)
}

// writeRunning announces a running midas to the commands of the same state.
func writeRunning(dir string, r Running) error { return writeState(dir, runningFile, r) }

// removeRunning withdraws the announcement; it is no error when there is none.
func removeRunning(dir string) error {
	err := os.Remove(filepath.Join(dir, runningFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readState(dir, name string, into any) error {
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

// writeState replaces the file in one step, so that a reader in another process sees
// the old content or the new, and never a secret under looser permissions.
func writeState(dir, name string, value any) (err error) {
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
