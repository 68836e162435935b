package armclient

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
	LoginSecret      = "secret"
	LoginCertificate = "certificate"
	LoginFederated   = "federated"
	LoginIdentity    = "identity"
	LoginPerson      = "person"
)

// Login says as which principal the command line is signed in, and where. The file is readable by its
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

// ReadLogin returns the login of the state directory, nil when there is none.
func ReadLogin(dir string) (*Login, error) {
	if _, err := os.Stat(filepath.Join(dir, loginFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	l := &Login{}
	return l, statedir.Read(dir, loginFile, l)
}

// WriteLogin keeps the login, readable by its owner only.
func WriteLogin(dir string, l *Login) error { return statedir.Write(dir, loginFile, l) }

// Assignee is what `midas role assignment create` takes for the signed-in principal. Of a
// managed identity the login holds no name that a role can be given to.
func (l *Login) Assignee() string {
	if l.Kind == LoginIdentity {
		return "OBJECT_ID"
	}
	return l.Name
}

// seesNoSubscription is the error of commands about what is in a subscription, when none
// was visible at the login.
func (l *Login) seesNoSubscription() error {
	return midas.Errorf(midas.Forbidden, "%s saw no subscription when it signed in, and this is about what is in one", l.Name).
		WithHint("let an owner give it a role: midas role assignment create --assignee %s --role Reader; then sign in again: midas login", l.Assignee())
}

// RemoveLogin removes the login with its tokens; it is no error when there is none.
func RemoveLogin(dir string) error {
	for _, name := range []string{loginFile, loginCAFile, loginCacheFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return midas.Errorf(midas.Internal, "log out: %w", err)
		}
	}
	return nil
}

// AuthorityPath is where the authority of the control endpoint is kept, for the file that it
// was given in may be gone later.
func AuthorityPath(stateDir string) string { return filepath.Join(stateDir, loginCAFile) }
