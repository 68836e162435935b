package issuer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

var _ midas.Minter = (*Issuer)(nil)

// How long tokens live. Every token begins five minutes before it was asked for, so
// that a server whose clock is behind takes it.
// Source: Microsoft Entra, "Managed identities for Azure resources frequently asked
// questions" (24 hours) and "Access tokens" (60 to 90 minutes).
const (
	backdate           = 5 * time.Minute
	identityLifetime   = 24 * time.Hour
	credentialLifetime = time.Hour
)

// Applications knows the client secrets of applications.
type Applications interface {
	// CheckSecret returns who the application is, or an Unauthenticated error.
	CheckSecret(ctx context.Context, clientID, secret string) (midas.Identity, error)
}

// Config says whose tokens are issued, under which address, with keys from where.
type Config struct {
	Dir      string // signing keys; made with mode 0700 when missing
	TenantID string // the one tenant
	// BaseURL is the address under which ServeHTTP is reached, such as
	// https://127.0.0.1:7443; it is the beginning of the claim "iss". It is asked
	// each time, for an address that is only known once the listener is open.
	BaseURL      func() string
	Applications Applications
	Now          func() time.Time
	Log          *slog.Logger
}

// Issuer signs tokens and serves the issuer's HTTP paths. It is safe for concurrent
// use.
type Issuer struct {
	tenant       string
	baseURL      func() string
	applications Applications
	now          func() time.Time
	log          *slog.Logger
	keys         *keyring
	routes       http.Handler
}

// New returns an Issuer with its keys loaded, or made when Dir has none.
func New(cfg Config) (*Issuer, error) {
	if cfg.Dir == "" || cfg.TenantID == "" || cfg.BaseURL == nil || cfg.Applications == nil {
		return nil, midas.Errorf(midas.Invalid, "issuer needs a directory for keys, a tenant, an address and applications")
	}
	i := &Issuer{
		tenant: cfg.TenantID, baseURL: cfg.BaseURL, applications: cfg.Applications,
		now: cfg.Now, log: cfg.Log,
	}
	if i.now == nil {
		i.now = time.Now
	}
	if i.log == nil {
		i.log = slog.New(slog.DiscardHandler)
	}
	keys, err := openKeyring(cfg.Dir, i.now)
	if err != nil {
		return nil, err
	}
	i.keys = keys
	i.routes = i.route()
	return i, nil
}

// Keys are the published keys, for a verifier in the same process.
func (i *Issuer) Keys() token.KeySet { return i.keys.public }

// IssuerURLs are the values of the claim "iss" that are this issuer: version 1 with a
// final slash, version 2 without.
func (i *Issuer) IssuerURLs() []string { return []string{i.v1(), i.v2()} }

func (i *Issuer) base() string { return strings.TrimRight(i.baseURL(), "/") }
func (i *Issuer) v1() string   { return i.base() + "/" + i.tenant + "/" }
func (i *Issuer) v2() string   { return i.base() + "/" + i.tenant + "/v2.0" }

// Mint implements midas.Minter: a token of a managed identity, for 24 hours when
// r.Lifetime is 0.
func (i *Issuer) Mint(_ context.Context, r midas.TokenRequest) (midas.Token, error) {
	if r.Identity.ResourceID == "" {
		return midas.Token{}, midas.Errorf(midas.Internal, "mint a token for %s: it is no managed identity", r.Identity.ClientID)
	}
	claims := token.Claims{
		AppIDACR: "2", // by certificate, as Azure does behind the scenes
		XMSMIRID: r.Identity.ResourceID,
	}
	// A system-assigned identity is its host; only a user-assigned one names it.
	if !strings.EqualFold(r.Host, r.Identity.ResourceID) {
		claims.XMSAZRID = r.Host
	}
	lifetime := r.Lifetime
	if lifetime == 0 {
		lifetime = identityLifetime
	}
	now := i.now()
	if r.Expired {
		now = now.Add(-lifetime - time.Hour)
	}
	return i.signAt(now, r.Identity, r.Resource, lifetime, claims)
}

func (i *Issuer) sign(id midas.Identity, resource string, lifetime time.Duration, claims token.Claims) (midas.Token, error) {
	return i.signAt(i.now(), id, resource, lifetime, claims)
}

// signAt completes claims with what every token has, as at now.
func (i *Issuer) signAt(now time.Time, id midas.Identity, resource string, lifetime time.Duration, claims token.Claims) (midas.Token, error) {
	switch {
	case id.ClientID == "" || id.PrincipalID == "" || resource == "":
		return midas.Token{}, midas.Errorf(midas.Internal, "mint a token for %q, client id %q, resource %q: none may be empty",
			id.PrincipalID, id.ClientID, resource)
	case !strings.EqualFold(id.TenantID, i.tenant):
		return midas.Token{}, midas.Errorf(midas.Internal, "mint a token for %s of tenant %q: this issuer is of tenant %s",
			id.PrincipalID, id.TenantID, i.tenant)
	case lifetime < 0:
		return midas.Token{}, midas.Errorf(midas.Internal, "mint a token for %s: lifetime %s", id.PrincipalID, lifetime)
	}
	now = now.Truncate(time.Second)
	from, until := now.Add(-backdate), now.Add(lifetime).Truncate(time.Second)
	claims.Audience = token.Strings{resource}
	claims.Issuer, claims.IDP = i.v1(), i.v1()
	claims.IssuedAt, claims.NotBefore, claims.Expiry = token.At(from), token.At(from), token.At(until)
	claims.AppID, claims.IDType, claims.Version = id.ClientID, "app", "1.0"
	claims.ObjectID, claims.Subject = id.PrincipalID, id.PrincipalID
	claims.TenantID = i.tenant
	claims.AIO, claims.RH, claims.UTI = opaque(24), "0."+opaque(21), opaque(16)
	raw, err := token.Sign(i.keys.signing, claims)
	if err != nil {
		return midas.Token{}, err
	}
	return midas.Token{Raw: raw, Resource: resource, NotBefore: from.UTC(), Expiry: until.UTC()}, nil
}

// opaque is n random bytes as text.
func opaque(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
