package issuer

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/token"
)

const (
	// maxOutsideLifetime is how long an assertion of an outside issuer may live.
	// Source: Microsoft Entra, error AADSTS70023 (1.01:00:00).
	maxOutsideLifetime = 25 * time.Hour
	// maxOutside is of how many outside issuers keys are kept.
	maxOutside = 1024
)

// FederationConfig says where the keys of outside issuers may be fetched from: the public
// internet over https, and nothing else unless it is said here.
type FederationConfig struct {
	// Allow are loopback, private or link-local addresses that may be asked as well.
	Allow []netip.Prefix
	// InsecureHTTP lets keys come over http: an attacker on the network path can replace them
	// and sign in as every identity that trusts the issuer.
	InsecureHTTP bool
	// RootCAs are believed in place of the system's; nil for the system's.
	RootCAs *x509.CertPool
}

// outsideIssuers has the keys of the issuers that credentials name.
type outsideIssuers struct {
	cfg    FederationConfig
	client *http.Client
	now    func() time.Time
	warn   func(message string, args ...any)

	mu   sync.Mutex
	keys *lru.Cache[string, *token.RemoteKeys]
}

func newOutsideIssuers(cfg FederationConfig, now func() time.Time, warn func(string, ...any)) (*outsideIssuers, error) {
	keys, err := lru.New[string, *token.RemoteKeys](maxOutside)
	return &outsideIssuers{
		cfg: cfg, now: now, warn: warn, keys: keys,
		client: token.NewOutsideClient(token.OutsideConfig{Allow: cfg.Allow, RootCAs: cfg.RootCAs}),
	}, err
}

// of returns the keys of an issuer. Only issuers that a credential names get here, so
// that strangers cannot have anything fetched.
func (o *outsideIssuers) of(issuer string) (token.KeySet, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if keys, ok := o.keys.Get(issuer); ok {
		return keys, nil
	}
	keys, err := token.NewRemoteKeys(token.RemoteConfig{
		Issuer: issuer, InsecureHTTP: o.cfg.InsecureHTTP, Client: o.client, Now: o.now, Warn: o.warn,
	})
	if err != nil {
		return nil, err
	}
	o.keys.Add(issuer, keys)
	return keys, nil
}

// outsideAssertion checks a token of an outside issuer that stands for the application or
// identity, by one of its federated credentials: issuer, subject and audience exact.
//
// Until the issuer's signature holds, every refusal is the same and says only what the
// caller sent: it does not tell whether there is such a client, which issuers it trusts,
// or whether one of them can be reached. After that, the caller holds a token of that
// issuer, and learns which of subject and audience does not match. The log has the reason
// in each case.
// Source: Microsoft Entra, "Workload identity federation".
func (i *Issuer) outsideAssertion(r *http.Request, clientID string, a *token.Assertion, says token.AssertionClaims) (midas.Identity, *oauthError) {
	id, credentials, err := i.Applications.FederatedCredentials(r.Context(), clientID)
	if err != nil && midas.CodeOf(err) != midas.NotFound {
		i.fault(r, "federated credentials not read", "client", clip.Text(clientID), "err", err)
		return midas.Identity{}, &serverError
	}
	refuse := func(why string, args ...any) (midas.Identity, *oauthError) {
		i.refusals.Warn(addressOf(r), "federated assertion refused", append([]any{"client", clip.Text(clientID), "source", source(r), "issuer", clip.Text(says.Issuer), "subject", clip.Text(says.Subject), "why", why}, args...)...)
		return midas.Identity{}, noIssuer(says.Issuer)
	}
	ours := slices.Contains(i.IssuerURLs(), says.Issuer)
	credentials = only(credentials, func(c midas.FederatedCredential) bool {
		// Azure's managed identities are named with the issuer of version 2; here the
		// version is the audience's, and both names are this issuer.
		return c.Issuer == says.Issuer || ours && slices.Contains(i.IssuerURLs(), c.Issuer)
	})
	if err != nil || len(credentials) == 0 {
		return refuse("no credential names that issuer")
	}
	keys, err := i.keysOf(says.Issuer)
	if err != nil {
		return refuse("the issuer's keys cannot be asked for", "err", err)
	}
	waiting, over := connections.Yielding(r.Context())
	key, err := keys.Key(waiting, a.Header.KeyID)
	if over() != nil {
		return midas.Identity{}, &busy
	}
	if err != nil {
		// Entra tells this apart as AADSTS90061; here only the log does.
		return refuse("the issuer's keys could not be fetched", "err", err)
	}
	claims, err := a.Verify(key, "RS256", "ES256")
	if err != nil {
		return refuse("the signature does not hold", "err", err)
	}
	if claims.Issuer != says.Issuer {
		return refuse("the issuer did not sign its name")
	}
	if ours {
		if failed := i.stillActive(r, claims.Subject); failed != nil {
			return midas.Identity{}, failed
		}
	}
	return i.matchCredential(id, credentials, claims)
}

// stillActive refuses a token of ours whose subject was deleted or disabled after it was
// signed: what ends an identity ends all that it stands for.
func (i *Issuer) stillActive(r *http.Request, subject string) *oauthError {
	gone := invalidClient(7000112, fmt.Sprintf("The identity '%s' that the presented assertion was issued to is disabled or deleted.", clip.Text(subject)))
	if i.Principals == nil {
		return gone
	}
	active, err := i.Principals.Active(r.Context(), subject)
	switch {
	case err != nil:
		i.fault(r, "principal not read", "subject", clip.Text(subject), "err", err)
		return &serverError
	case !active:
		i.refusals.Warn(addressOf(r), "federated assertion refused", "source", source(r), "subject", clip.Text(subject), "why", "the subject is disabled or deleted")
		return gone
	}
	return nil
}

// keysOf returns the keys of an issuer, which may be ourselves: then a managed identity
// stands for an application.
func (i *Issuer) keysOf(issuer string) (token.KeySet, error) {
	if slices.Contains(i.IssuerURLs(), issuer) {
		return i.keys, nil
	}
	return i.outside.of(issuer)
}

// matchCredential finds the credential that an assertion fits, whose signature holds.
func (i *Issuer) matchCredential(id midas.Identity, credentials []midas.FederatedCredential, claims token.AssertionClaims) (midas.Identity, *oauthError) {
	addressed := only(credentials, func(c midas.FederatedCredential) bool {
		return slices.ContainsFunc(c.Audiences, func(a string) bool { return slices.Contains(claims.Audience, a) })
	})
	if len(addressed) == 0 {
		return midas.Identity{}, invalidClient(700212, fmt.Sprintf("No matching federated identity record found for presented assertion audience '%s'. Check the audiences of the federated credential; the usual one is api://AzureADTokenExchange.",
			clip.Text(strings.Join(claims.Audience, ", "))))
	}
	subject := func(equal func(a, b string) bool) bool {
		return slices.ContainsFunc(addressed, func(c midas.FederatedCredential) bool { return equal(c.Subject, claims.Subject) })
	}
	switch {
	case subject(func(a, b string) bool { return a == b }):
	case subject(strings.EqualFold):
		return midas.Identity{}, invalidClient(7002138, fmt.Sprintf("No matching federated identity record found for presented assertion subject '%s'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject against the presented assertion.",
			clip.Text(claims.Subject)))
	default:
		return midas.Identity{}, invalidClient(700213, fmt.Sprintf("No matching federated identity record found for presented assertion subject '%s'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
			clip.Text(claims.Subject)))
	}
	if failed := checkTimes(claims, i.now(), maxOutsideLifetime); failed != nil {
		return midas.Identity{}, failed
	}
	i.refusals.Known(slog.LevelInfo, id.ClientID, "federated assertion accepted", "client", id.ClientID, "issuer", claims.Issuer, "subject", clip.Text(claims.Subject))
	return id, nil
}

func only(all []midas.FederatedCredential, keep func(midas.FederatedCredential) bool) (kept []midas.FederatedCredential) {
	for _, c := range all {
		if keep(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

func noIssuer(issuer string) *oauthError {
	return invalidClient(700211, fmt.Sprintf("No matching federated identity record found for presented assertion issuer '%s', or the assertion does not carry that issuer's signature. "+
		"Check that a federated credential of this client has exactly this issuer (a final slash counts), and that the issuer's keys can be fetched from here; the log of the token issuer has the reason.", clip.Text(issuer)))
}
