package armclient

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/tokensource"
)

// Session is the principal that the commands of one state directory speak as. Its fields are
// those of the global flags.
type Session struct {
	StateDir     string
	Subscription string    // --subscription, "" for the one there is
	Trace        io.Writer // one line per request, nil for none
}

// SignedIn says which control endpoint the commands speak to, and as whom: what midas
// login was told, or else the midas that runs with this state, as its operator.
func (s *Session) SignedIn() (Config, error) {
	login, err := ReadLogin(s.StateDir)
	if err != nil {
		return Config{}, err
	}
	var cfg Config
	if login != nil {
		cfg = Config{Control: login.Control, CA: login.CA, Login: login, State: s.StateDir}
		cfg.Operator = statedir.Operator{ClientID: login.ClientID, TenantID: login.TenantID, SubscriptionID: login.SubscriptionID}
	} else {
		running, err := statedir.ReadRunning(s.StateDir)
		if err != nil {
			return Config{}, NotRunning(err)
		}
		operator, err := statedir.ReadOperator(s.StateDir)
		if err != nil {
			return Config{}, NotRunning(err)
		}
		cfg = Config{Control: running.Control, CA: running.CA, Operator: operator}
	}
	cfg.Trace = s.Trace
	return cfg, nil
}

// Client returns a client for the midas that the command line is signed in to.
func (s *Session) Client() (*Client, error) {
	cfg, err := s.SignedIn()
	if err != nil {
		return nil, err
	}
	operator := cfg.Operator
	if s.Subscription != "" && !strings.EqualFold(s.Subscription, operator.SubscriptionID) {
		return nil, usage.Errorf("subscription %q is not this midas's", s.Subscription).
			WithHint("leave --subscription out, or give %s", operator.SubscriptionID)
	}
	return New(cfg)
}

// Credential is of the workload that this process is, or else of the principal that the
// command line is signed in as.
func (s *Session) Credential(clientID string) (_ azcore.TokenCredential, workload bool, err error) {
	credential, err := tokensource.FromEnvironment(clientID)
	if midas.CodeOf(err) != midas.NotFound {
		return credential, true, err
	}
	if clientID != "" {
		return nil, false, usage.Errorf("--client-id chooses among the identities of a workload, and this is none").
			WithHint("run it on a VM: midas vm run NAME -- midas token --client-id %s", clientID)
	}
	cfg, err := s.SignedIn()
	if err != nil {
		return nil, false, err
	}
	credential, err = newOperatorCredential(cfg)
	return credential, false, err
}

// Elsewhere tells whether the command line is signed in to a control endpoint that is not the
// midas of this state.
func (s *Session) Elsewhere() (bool, error) {
	login, err := ReadLogin(s.StateDir)
	if login == nil || err != nil {
		return false, err
	}
	running, err := statedir.ReadRunning(s.StateDir)
	return err != nil || running.Control != login.Control, nil
}

// ManagedIdentity is the credential of this machine's managed identity, which somebody asked for.
func ManagedIdentity(clientID string) (azcore.TokenCredential, error) {
	return tokensource.ManagedIdentity(tokensource.ManagedIdentityConfig{ClientID: clientID})
}

// operatorCredential gets the operator's tokens from the issuer, and explains why it
// cannot in the words of the other commands.
type operatorCredential struct {
	azcore.TokenCredential
	base string
	wire *transport
}

func newOperatorCredential(cfg Config) (*operatorCredential, error) {
	wire, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	base := strings.TrimRight(cfg.Control, "/")
	credential, err := newCredential(cfg, wire)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "sign in at %s: %w", base, err).WithHint("%s", midas.HintOf(err))
	}
	return &operatorCredential{credential, base, wire}, nil
}

// GetToken implements azcore.TokenCredential.
func (o *operatorCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := o.TokenCredential.GetToken(ctx, options)
	if err != nil {
		return t, o.wire.explain(ctx, o.base, err)
	}
	return t, nil
}

// OperatorToken gets a token of the operator for resource.
func OperatorToken(ctx context.Context, control, authority string, operator statedir.Operator, resource string) (string, error) {
	credential, err := newOperatorCredential(Config{Control: control, CA: authority, Operator: operator})
	if err != nil {
		return "", err
	}
	t, err := FetchToken(ctx, credential, resource)
	return t.Token, err
}

// FetchToken gets a token for resource, with errors in words for people.
func FetchToken(ctx context.Context, credential azcore.TokenCredential, resource string) (azcore.AccessToken, error) {
	t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	switch {
	case err == nil:
		return t, nil
	case midas.CodeOf(err) != midas.Internal: // explained already
		return t, err
	}
	return t, midas.Errorf(midas.Unauthenticated, "get a token for %s: %w", resource, err)
}

// TokenAnswer is what az says of a token.
func TokenAnswer(t azcore.AccessToken) map[string]any {
	return map[string]any{
		"accessToken": t.Token, "tokenType": "Bearer",
		"expiresOn": t.ExpiresOn.Local().Format("2006-01-02 15:04:05.000000"), "expires_on": t.ExpiresOn.Truncate(time.Second).Unix(),
	}
}
