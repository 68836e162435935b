package issuer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/passwordthrottle"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/midas-mysql/midas/token"
)

var _ midas.Minter = (*Issuer)(nil)

// Applications knows how applications and identities prove who they are.
type Applications interface {
	// CheckSecret returns who the application is, or an Unauthenticated error.
	CheckSecret(ctx context.Context, clientID, secret string) (midas.Identity, error)
	// Certificates returns an application and its certificates, DER; NotFound when there
	// is no such application.
	Certificates(ctx context.Context, clientID string) (midas.Identity, [][]byte, error)
	// FederatedCredentials returns an application or user-assigned identity and the
	// outside tokens that stand for it; NotFound when there is neither.
	FederatedCredentials(ctx context.Context, clientID string) (midas.Identity, []midas.FederatedCredential, error)
}

// People knows who may sign in with a password.
type People interface {
	// CheckPassword returns an Unauthenticated error that is the same for an unknown name,
	// a wrong password and a disabled account.
	CheckPassword(ctx context.Context, upn, password string) (midas.User, error)
	// UserByID returns NotFound when there is no such person, or Forbidden, Unauthenticated
	// or Invalid when the account is disabled.
	UserByID(ctx context.Context, objectID string) (midas.User, error)
}

// Principals knows who still is somebody.
type Principals interface {
	// Active reports whether a user or service principal exists and is not disabled.
	Active(ctx context.Context, objectID string) (bool, error)
}

// Members knows who is in which security group.
type Members interface {
	// MemberGroups returns the object ids of all groups that the object is in, also by way
	// of other groups.
	MemberGroups(ctx context.Context, objectID string) ([]string, error)
}

// Grants keeps what a person has granted to a client program: the digests of refresh
// tokens.
type Grants interface {
	// KeepGrant keeps a grant to a person of that stamp, in place of parent; nil for the
	// first of a sign-in. It is NotFound when the person's stamp is another by now, or the
	// parent was revoked.
	// It keeps so many of one family, and families of one person, and no more: of a family
	// those that were used before spare go first.
	KeepGrant(ctx context.Context, digest [32]byte, g directory.Grant, stamp int64, parent *[32]byte, spare time.Time) error
	// TakeGrant returns the grant and marks its refresh token as used at that moment,
	// unless it was before: then first says when. An unknown one is NotFound, but a
	// Conflict with a grant of the family when that is known.
	TakeGrant(ctx context.Context, digest [32]byte, family string, now time.Time) (g directory.Grant, first time.Time, err error)
	// RevokeGrants ends all grants of a family.
	RevokeGrants(ctx context.Context, family string) error
}

// Resources knows what the applications that tokens are for have asked for.
type Resources interface {
	// TokenVersion returns the version of the tokens that the application behind a resource
	// takes (requestedAccessTokenVersion) with its client id; 0 and "" when no application
	// of the directory has that id or identifier URI.
	TokenVersion(ctx context.Context, resource string) (version int, clientID string, err error)
}

// Config says whose tokens are issued, under which address, with keys from where.
type Config struct {
	Dir      string // signing keys; made with mode 0700 when missing
	TenantID string // the one tenant
	// BaseURL is the address under which ServeHTTP is reached, such as
	// https://127.0.0.1:7443; it is the beginning of the claim "iss". It is asked
	// each time, for an address that is only known once the listener is open.
	BaseURL func() string
	// Origins are other addresses under which ServeHTTP is reached, without a final slash:
	// a document that is asked for at one of them names it in its links. nil for none.
	Origins func() []string

	Applications Applications
	People       People // nil: nobody signs in with a password
	// Principals nil: no token of this issuer stands for another identity.
	Principals Principals
	Members    Members   // nil: tokens name no groups
	Grants     Grants    // nil: there are no refresh tokens
	Resources  Resources // nil: all tokens are of version 1
	// ReservedAudiences are the names of services that take tokens of version 1 with that
	// name for an audience, whatever Resources says; nil for none but midas.Resource.
	ReservedAudiences func() []string

	// KeyLifetime is how long a key signs; DefaultKeyLifetime when 0, for ever when
	// negative.
	KeyLifetime time.Duration
	// KeyProtectors encrypt the signing keys at rest: the first all of them, the others
	// only open what they once encrypted. Without any, keys are plain files.
	KeyProtectors []KeyProtector
	// InsecureAdoptPlainKeys takes over keys that are not encrypted, and a list of keys that
	// is not sealed, though there are KeyProtectors: an attacker who could write there can sign in as
	// anyone.
	InsecureAdoptPlainKeys bool
	// Federation says where the keys of outside issuers may be fetched from.
	Federation FederationConfig

	Now func() time.Time
	Log *slog.Logger

	keyStep func(string) error // for tests
}

// Issuer signs tokens and serves the issuer's HTTP paths. It is safe for concurrent
// use.
type Issuer struct {
	Config
	tenant   string
	now      func() time.Time
	log      *slog.Logger
	refusals *throttledlog.Log
	keys     *keyring
	outside  *outsideIssuers
	seen     *replays
	devices  *deviceCodes
	attempts *attempts                 // of passwords
	codes    *passwordthrottle.Sources // of wrong user codes
	routes   []endpoint
}

// New returns an Issuer with its keys loaded, or made when Dir has none.
func New(cfg Config) (*Issuer, error) {
	if cfg.Dir == "" || cfg.TenantID == "" || cfg.BaseURL == nil || cfg.Applications == nil {
		return nil, midas.Errorf(midas.Invalid, "issuer needs a directory for keys, a tenant, an address and applications")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Origins == nil {
		cfg.Origins = func() []string { return nil }
	}
	if cfg.ReservedAudiences == nil {
		cfg.ReservedAudiences = func() []string { return nil }
	}
	if cfg.KeyLifetime == 0 {
		cfg.KeyLifetime = DefaultKeyLifetime
	}
	i := &Issuer{Config: cfg, tenant: cfg.TenantID, now: cfg.Now, log: cfg.Log}
	i.refusals = throttledlog.New(i.log, i.now)
	var err error
	if i.keys, err = openKeyring(context.Background(), &cfg); err != nil {
		return nil, err
	}
	// All of them have one line together: a principal may name any number of issuers that fail.
	warn := func(message string, args ...any) {
		i.refusals.Known(slog.LevelWarn, "outside issuers", message, args...)
	}
	if i.outside, err = newOutsideIssuers(cfg.Federation, i.now, warn); err != nil {
		return nil, err
	}
	i.seen = newReplays()
	if i.devices, err = newDeviceCodes(usualDevices); err != nil {
		return nil, err
	}
	i.attempts = newAttempts()
	i.codes = passwordthrottle.NewSources(codeFailures)
	i.routes = i.route()
	return i, nil
}

// Keys are the published keys, for a verifier in the same process.
func (i *Issuer) Keys() token.KeySet { return i.keys }

// IssuerURLs are the values of the claim "iss" that are this issuer: version 1 with a
// final slash, version 2 without.
func (i *Issuer) IssuerURLs() []string { return []string{i.v1(), i.v2()} }

func (i *Issuer) base() string { return strings.TrimRight(i.BaseURL(), "/") }
func (i *Issuer) v1() string   { return i.base() + "/" + i.tenant + "/" }
func (i *Issuer) v2() string   { return i.base() + "/" + i.tenant + "/v2.0" }

// Mint implements midas.Minter: a token of a managed identity, for 24 hours when
// r.Lifetime is 0.
func (i *Issuer) Mint(ctx context.Context, r midas.TokenRequest) (midas.Token, error) {
	if r.Identity.ResourceID == "" {
		return midas.Token{}, midas.Errorf(midas.Internal, "mint a token for %s: it is no managed identity", r.Identity.ClientID)
	}
	lifetime := r.Lifetime
	if lifetime == 0 {
		lifetime = identityLifetime
	}
	at := i.now()
	if r.Expired {
		at = at.Add(-lifetime - time.Hour)
	}
	return i.signApp(ctx, r.Identity, r.Resource, appToken{
		proof: proofCertificate, // as Azure does behind the scenes
		host:  r.Host, at: at, lifetime: lifetime,
	})
}

// opaque is n random bytes as text.
func opaque(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
