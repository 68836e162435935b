package armclient

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// PersonClientID is the program that people sign in to: Azure CLI's, which every issuer that
// speaks its language knows.
const PersonClientID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"

// newCredential returns the credential of the principal that cfg signs in as.
func newCredential(cfg Config, wire *transport) (azcore.TokenCredential, error) {
	options := wire.options(cfg.Control)
	l := cfg.Login
	if l == nil {
		return azidentity.NewClientSecretCredential(cfg.Operator.TenantID, cfg.Operator.ClientID, cfg.Operator.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	}
	switch l.Kind {
	case LoginSecret:
		return azidentity.NewClientSecretCredential(l.TenantID, l.ClientID, l.Secret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	case LoginCertificate:
		pem, err := keyfile.Read(l.Certificate)
		if err != nil {
			return nil, midas.Errorf(midas.Invalid, "read the certificate and its key: %w", err)
		}
		certs, key, err := azidentity.ParseCertificates(pem, nil)
		if err != nil {
			return nil, midas.Errorf(midas.Invalid, "%s should hold a certificate and its RSA key, both PEM", l.Certificate)
		}
		return azidentity.NewClientCertificateCredential(l.TenantID, l.ClientID, certs, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	case LoginFederated:
		return azidentity.NewClientAssertionCredential(l.TenantID, l.ClientID, l.assertion,
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	case LoginIdentity:
		return newIdentityCredential(l.Identity)
	case LoginPerson:
		return newPersonCredential(cfg, wire)
	}
	return nil, midas.Errorf(midas.Invalid, "the login is of an unknown kind %q", l.Kind).WithHint("sign in again: midas login")
}

// assertion returns the token of the outside issuer.
func (l *Login) assertion(context.Context) (string, error) {
	if l.FederatedFile == "" {
		return l.FederatedToken, nil
	}
	text, err := os.ReadFile(l.FederatedFile)
	if err != nil {
		return "", midas.Errorf(midas.Invalid, "read the federated token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// newIdentityCredential gets tokens of a managed identity of the machine that this is.
func newIdentityCredential(which string) (azcore.TokenCredential, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{}
	switch {
	case strings.HasPrefix(which, "/"):
		options.ID = azidentity.ResourceID(which)
	case which != "":
		options.ID = azidentity.ClientID(which)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

// personCredential gets tokens of a person who has signed in, with the refresh token that
// came of it.
type personCredential struct {
	client  public.Client
	account string
	base    string
	wire    *transport
}

func newPersonClient(cfg Config, wire *transport) (public.Client, error) {
	client, err := public.New(PersonClientID,
		public.WithAuthority(strings.TrimRight(cfg.Control, "/")+"/"+cfg.Login.TenantID),
		public.WithInstanceDiscovery(false),
		public.WithHTTPClient(wire),
		public.WithCache(tokenCache{filepath.Join(cfg.State, loginCacheFile)}))
	if err != nil {
		return client, midas.Errorf(midas.Invalid, "sign in at %s: %w", cfg.Control, err)
	}
	return client, nil
}

func newPersonCredential(cfg Config, wire *transport) (azcore.TokenCredential, error) {
	client, err := newPersonClient(cfg, wire)
	return &personCredential{client, cfg.Login.Account, strings.TrimRight(cfg.Control, "/"), wire}, err
}

// GetToken implements azcore.TokenCredential.
func (p *personCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	accounts, err := p.client.Accounts(ctx)
	if err != nil {
		return azcore.AccessToken{}, midas.Errorf(midas.Internal, "read the login: %w", err)
	}
	for _, account := range accounts {
		if account.HomeAccountID != p.account {
			continue
		}
		t, err := p.client.AcquireTokenSilent(ctx, o.Scopes, public.WithSilentAccount(account))
		if err != nil {
			return azcore.AccessToken{}, p.wire.explain(ctx, p.base, err)
		}
		return azcore.AccessToken{Token: t.AccessToken, ExpiresOn: t.ExpiresOn}, nil
	}
	return azcore.AccessToken{}, midas.Errorf(midas.Unauthenticated, "the login is not there any more").WithHint("sign in again: midas login")
}

// tokenCache is where the sign-in library keeps a person's tokens.
type tokenCache struct{ path string }

// Replace implements cache.ExportReplace.
func (t tokenCache) Replace(_ context.Context, into cache.Unmarshaler, _ cache.ReplaceHints) error {
	data, err := keyfile.Read(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return into.Unmarshal(data)
}

// Export implements cache.ExportReplace.
func (t tokenCache) Export(_ context.Context, from cache.Marshaler, _ cache.ExportHints) error {
	data, err := from.Marshal()
	if err != nil {
		return err
	}
	if !json.Valid(data) {
		return errors.New("the token cache is not JSON")
	}
	return keyfile.Replace(t.path, data, 0o600)
}
