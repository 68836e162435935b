package token

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

var _ midas.Verifier = (*Verifier)(nil)

// Issuer is one source of tokens that is believed.
type Issuer struct {
	// URLs are the values of the claim "iss" that are this issuer, byte for byte.
	// Microsoft Entra writes https://sts.windows.net/{tenant}/ with its final slash
	// into version 1 tokens and https://login.microsoftonline.com/{tenant}/v2.0
	// without one into version 2 tokens.
	URLs []string
	// TenantID is the claim "tid" that tokens must carry; empty for issuers that
	// know no tenants.
	TenantID string
	Keys     KeySet
}

// VerifierConfig says what a Verifier believes.
type VerifierConfig struct {
	Issuers   []Issuer // at least one; no URL twice
	Audiences []string // accepted values of "aud", byte for byte; at least one
	// Algorithms are the accepted signature algorithms, RS256 when empty. Only
	// asymmetric ones can be named.
	Algorithms []string
	Skew       time.Duration // how far the issuer's clock may differ; 0: not at all
	CacheSize  int           // verdicts remembered, 8192 when 0
	Now        func() time.Time
}

// Verifier tells whose token it is. It is safe for concurrent use.
type Verifier struct {
	issuers   map[string]Issuer
	audiences []string
	accepted  []string // algorithms
	skew      time.Duration
	now       func() time.Time
	cache     *cache
}

// NewVerifier returns a Verifier, or an Invalid error for a configuration that would
// believe nobody or anybody.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	v := &Verifier{
		issuers:   map[string]Issuer{},
		audiences: slices.Clone(cfg.Audiences),
		accepted:  slices.Clone(cfg.Algorithms),
		skew:      cfg.Skew,
		now:       cfg.Now,
	}
	if v.now == nil {
		v.now = time.Now
	}
	if len(v.accepted) == 0 {
		v.accepted = []string{"RS256"}
	}
	for _, a := range v.accepted {
		if _, known := algorithms[a]; !known {
			return nil, midas.Errorf(midas.Invalid, "signature algorithm %q cannot be accepted", a).
				WithHint("choose from %v", slices.Sorted(maps.Keys(algorithms)))
		}
	}
	if len(v.audiences) == 0 || slices.Contains(v.audiences, "") {
		return nil, midas.Errorf(midas.Invalid, "verifier needs audiences, none of them empty")
	}
	if err := v.believe(cfg.Issuers); err != nil {
		return nil, err
	}
	size := cfg.CacheSize
	if size <= 0 {
		size = 8192
	}
	var err error
	v.cache, err = newCache(size)
	return v, err
}

func (v *Verifier) believe(issuers []Issuer) error {
	for _, issuer := range issuers {
		if issuer.Keys == nil || len(issuer.URLs) == 0 {
			return midas.Errorf(midas.Invalid, "issuer %v needs a URL and keys", issuer.URLs)
		}
		for _, url := range issuer.URLs {
			if _, twice := v.issuers[url]; twice || url == "" {
				return midas.Errorf(midas.Invalid, "issuer URL %q is empty or named twice", url)
			}
			v.issuers[url] = issuer
		}
	}
	if len(v.issuers) == 0 {
		return midas.Errorf(midas.Invalid, "verifier needs an issuer to believe")
	}
	return nil
}

// Verify implements midas.Verifier. Refusals are Unauthenticated, and Public only when
// signature, issuer, tenant and audience hold, or when all that arrived is the stub that
// a password prompt leaves; keys that cannot be had are Unavailable.
func (v *Verifier) Verify(ctx context.Context, raw string) (midas.Principal, error) {
	if len(raw) > MaxSize {
		return midas.Principal{}, refuse("token of %d bytes is longer than %d", len(raw), MaxSize)
	}
	// The bytes are only read. A conversion would copy the token on every sign-in.
	id := sha256.Sum256(unsafe.Slice(unsafe.StringData(raw), len(raw)))
	if known, ok := v.cache.get(id); ok {
		key, err := known.keys.Key(ctx, known.keyID)
		if err == nil && key == known.key {
			return v.current(&known.principal, id)
		}
		v.cache.drop(id)
	}
	return v.examine(ctx, raw, id)
}

// current returns p when it is its time. Groups are copied: the cache keeps its own.
func (v *Verifier) current(p *midas.Principal, id digest) (midas.Principal, error) {
	now := v.now()
	if late := now.Sub(p.Expiry); late >= v.skew {
		v.cache.drop(id)
		return midas.Principal{}, tell("token expired %s ago", span(late)).
			WithHint("get a new token and sign in again")
	}
	if early := p.NotBefore.Sub(now); early > v.skew {
		return midas.Principal{}, tell("token is not valid for another %s", span(early)).
			WithHint("compare the clocks of the issuer and of this server")
	}
	out := *p
	out.Groups = slices.Clone(p.Groups)
	return out, nil
}

// examine establishes everything about a token that has not been seen before. The
// order matters: nothing is said about a token's content before its maker is known.
func (v *Verifier) examine(ctx context.Context, raw string, id digest) (midas.Principal, error) {
	t, err := parse(raw)
	if errors.Is(err, ErrTruncated) {
		return midas.Principal{}, tell("%w", err).
			WithHint("pass the token with --password=… or in a file instead of at the prompt")
	}
	if err != nil {
		return midas.Principal{}, refuse("%w", err)
	}
	if err := t.header.check(v.accepted); err != nil {
		return midas.Principal{}, refuse("%w", err)
	}
	name, err := claimedIssuer(t.claims)
	if err != nil {
		return midas.Principal{}, refuse("read the token's claims: %w", err)
	}
	issuer, key, err := v.proven(ctx, name, t)
	if err != nil {
		return midas.Principal{}, err
	}
	claims, err := t.decode()
	if err != nil {
		return midas.Principal{}, refuse("%w", err)
	}
	if claims.Issuer != name {
		// The key was looked up for another issuer, and signs for that one alone.
		return midas.Principal{}, refuse("issuer %q did not sign this token", clip.Text(claims.Issuer))
	}
	audience, err := v.addressed(issuer, &claims)
	if err != nil {
		return midas.Principal{}, err
	}
	if err := complete(&claims); err != nil {
		return midas.Principal{}, err
	}
	known := &verdict{principal: claims.principal(audience), keys: issuer.Keys, keyID: t.header.KeyID, key: key}
	v.cache.put(id, known)
	return v.current(&known.principal, id)
}

// proven returns the issuer of that name, whose key signed the token, and the key.
func (v *Verifier) proven(ctx context.Context, name string, t *parsed) (Issuer, crypto.PublicKey, error) {
	issuer, ok := v.issuers[name]
	if !ok {
		return Issuer{}, nil, refuse("issuer %q is not a trusted issuer", clip.Text(name))
	}
	key, err := issuer.Keys.Key(ctx, t.header.KeyID)
	if err != nil {
		return Issuer{}, nil, noKey(name, err)
	}
	if key, err = usable(key); err != nil {
		return Issuer{}, nil, refuse("key %q of the issuer: %w", t.header.KeyID, err)
	}
	if err := checkSignature(t.header.Algorithm, key, []byte(t.signed), t.signature); err != nil {
		return Issuer{}, nil, refuse("signature does not fit key %q of %s", t.header.KeyID, name)
	}
	return issuer, key, nil
}

// addressed returns the audience by which a well-signed token is meant for us. Its
// refusals are still not public: a token for another service or of another tenant,
// stolen or strayed, earns no explanation.
func (v *Verifier) addressed(issuer Issuer, claims *Claims) (string, error) {
	if issuer.TenantID != "" && claims.TenantID != issuer.TenantID {
		return "", refuse("token is of tenant %q, not %s", clip.Text(claims.TenantID), issuer.TenantID)
	}
	for _, audience := range claims.Audience {
		if slices.Contains(v.audiences, audience) {
			return audience, nil
		}
	}
	first := ""
	if len(claims.Audience) > 0 {
		first = claims.Audience[0]
	}
	return "", refuse("token is for %q, not for this server", clip.Text(first)).
		WithHint("ask for a token of the resource %s", v.audiences[0])
}

func complete(claims *Claims) error {
	if claims.Expiry == 0 {
		return tell("token has no expiry")
	}
	if claims.ObjectID == "" && claims.Subject == "" {
		return tell("token names nobody: it has neither oid nor sub")
	}
	return nil
}

// refuse makes a refusal whose reason is for the log alone.
func refuse(format string, args ...any) *midas.Error {
	return midas.Errorf(midas.Unauthenticated, format, args...)
}

// tell makes a refusal whose reason the caller may read.
func tell(format string, args ...any) *midas.Error {
	e := midas.Errorf(midas.Unauthenticated, format, args...)
	e.Public = true
	return e
}

func noKey(issuer string, err error) error {
	if midas.CodeOf(err) == midas.Unavailable {
		return midas.Errorf(midas.Unavailable, "keys of %s: %w", issuer, err)
	}
	return refuse("keys of %s: %w", issuer, err)
}

// span says how long d is the way a person would.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days"
}
