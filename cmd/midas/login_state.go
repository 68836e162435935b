package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
)

// Names of the files of a login in the state directory, all for their owner alone.
const (
	loginFile      = "login.json"
	loginCAFile    = "login-ca.pem"
	loginCacheFile = "login-tokens.json" // of a person: refresh tokens
)

// The kinds of login.
const (
	loginSecret      = "secret"
	loginCertificate = "certificate"
	loginFederated   = "federated"
	loginIdentity    = "identity"
	loginPerson      = "person"
)

// Login says whom the command line is signed in as, and where. The file is readable by its
// owner only, because it may hold a secret.
type Login struct {
	Control        string `json:"control"`      // https URL
	CA             string `json:"ca,omitempty"` // path of the authority to trust; "" for the system's
	TenantID       string `json:"tenantId"`
	SubscriptionID string `json:"subscriptionId"`

	Kind     string `json:"kind"`
	ClientID string `json:"clientId,omitempty"`
	Secret   string `json:"secret,omitempty"`
	// Certificate is the path of a PEM file with the certificate and its key.
	Certificate string `json:"certificate,omitempty"`
	// FederatedToken is a token of an outside issuer, and FederatedFile the path of a file
	// that always holds a fresh one.
	FederatedToken string `json:"federatedToken,omitempty"`
	FederatedFile  string `json:"federatedFile,omitempty"`
	// Identity chooses a managed identity: client id, object id or ARM id.
	Identity string `json:"identity,omitempty"`
	Account  string `json:"account,omitempty"` // of a person: the key in the token cache
	Name     string `json:"name"`              // for display
}

// readLogin returns the login of the state directory, nil when there is none.
func readLogin(dir string) (*Login, error) {
	if _, err := os.Stat(filepath.Join(dir, loginFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	l := &Login{}
	return l, statedir.Read(dir, loginFile, l)
}

func writeLogin(dir string, l *Login) error { return statedir.Write(dir, loginFile, l) }

// assignee is what `midas role assignment create` takes for who is signed in. A managed
// identity is known here by where it runs alone.
func (l *Login) assignee() string {
	if l.Kind == loginIdentity {
		return "OBJECT_ID"
	}
	return l.Name
}

// seesNoSubscription is the error of commands about what is in a subscription, when none
// was visible at the login.
func (l *Login) seesNoSubscription() error {
	return midas.Errorf(midas.Forbidden, "%s saw no subscription when it signed in, and this is about what is in one", l.Name).
		WithHint("let an owner give it a role: midas role assignment create --assignee %s --role Reader; then sign in again: midas login", l.assignee())
}

// removeLogin forgets whom the command line was signed in as; it is no error when it was
// nobody.
func removeLogin(dir string) error {
	for _, name := range []string{loginFile, loginCAFile, loginCacheFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return midas.Errorf(midas.Internal, "log out: %w", err)
		}
	}
	return nil
}

// signedIn says which control endpoint the commands speak to, and as whom: what midas
// login was told, or else the midas that runs with this state, as its operator.
func (c *cli) signedIn() (armConfig, error) {
	login, err := readLogin(c.stateDir)
	if err != nil {
		return armConfig{}, err
	}
	var cfg armConfig
	if login != nil {
		cfg = armConfig{Control: login.Control, CA: login.CA, Login: login, State: c.stateDir}
		cfg.Operator = statedir.Operator{ClientID: login.ClientID, TenantID: login.TenantID, SubscriptionID: login.SubscriptionID}
	} else {
		running, err := statedir.ReadRunning(c.stateDir)
		if err != nil {
			return armConfig{}, notRunning(err)
		}
		operator, err := statedir.ReadOperator(c.stateDir)
		if err != nil {
			return armConfig{}, notRunning(err)
		}
		cfg = armConfig{Control: running.Control, CA: running.CA, Operator: operator}
	}
	if c.verbose {
		cfg.Trace = c.stderr
	}
	return cfg, nil
}
