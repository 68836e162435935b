package tokensource

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/sync/singleflight"

	"github.com/midas-mysql/midas"
)

// DefaultScope asks for a token that Azure Database for MySQL accepts.
const DefaultScope = midas.Resource + "/.default"

const (
	// fetchTimeout bounds one request with the credential's own retries.
	fetchTimeout = time.Minute
	// leeway is how long a token must still last to be handed out: long enough to
	// connect with it.
	leeway = time.Minute
	// retryAfter is the pause after a failed refresh, while the present token lasts.
	retryAfter = 30 * time.Second
	// forceAfter is the least time between two tokens that are asked for past all caches:
	// a server that refuses every token would cost the issuer a signature for each
	// connection.
	forceAfter = time.Minute
)

// Config says whose tokens, and for what.
type Config struct {
	Credential azcore.TokenCredential
	Scope      string           // empty for DefaultScope
	Now        func() time.Time // nil for time.Now
	Log        *slog.Logger     // nil for none; learns of failed refreshes
}

// Source hands out tokens. Its methods may be called at the same time.
type Source struct {
	credential azcore.TokenCredential
	scope      string
	now        func() time.Time
	log        *slog.Logger
	flight     singleflight.Group

	mu      sync.Mutex
	token   azcore.AccessToken // zero when there is none
	refresh time.Time          // when to ask for the next one
	refused bool               // the last one was refused: get past the credential's own cache
	forced  time.Time          // when one was last refused and forgotten
}

// New returns a source that has asked for nothing yet.
func New(cfg Config) (*Source, error) {
	if isNil(cfg.Credential) {
		return nil, midas.Errorf(midas.Invalid, "token source: no credential").
			WithHint("set Config.Credential, and look at the error of the function that made it")
	}
	s := &Source{credential: cfg.Credential, scope: cfg.Scope, now: cfg.Now, log: cfg.Log}
	if s.scope == "" {
		s.scope = DefaultScope
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// isNil also recognises a nil pointer in an interface: a constructor of the Azure SDK
// returns one with its error.
func isNil(credential azcore.TokenCredential) bool {
	v := reflect.ValueOf(credential)
	return credential == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

// Token returns a token that lasts at least another minute, if the issuer gives such, and
// never one that has expired. It waits only when there is none: once half of a token's
// life is over the next one is fetched behind the caller's back. Cancelling ctx ends the
// caller's wait and not the request, which others may wait for.
func (s *Source) Token(ctx context.Context) (midas.Token, error) {
	now := s.now()
	s.mu.Lock()
	token, refresh := s.token, s.refresh
	s.mu.Unlock()
	if usable(token, now) && now.Before(refresh) {
		return s.handOut(token), nil
	}
	fetched := s.flight.DoChan("", func() (any, error) { return s.fetch() })
	if usable(token, now) {
		return s.handOut(token), nil
	}
	select {
	case r := <-fetched:
		if r.Err != nil {
			return midas.Token{}, s.failed(r.Err)
		}
		fresh := r.Val.(azcore.AccessToken)
		if end := fresh.ExpiresOn; !end.IsZero() && !s.now().Before(end) {
			return midas.Token{}, midas.Errorf(midas.Unavailable, "get a token for %s: the credential returned one that expired at %s", s.scope, end.UTC().Format(time.RFC3339)).
				WithHint("compare this machine's clock with the issuer's")
		}
		return s.handOut(fresh), nil
	case <-ctx.Done():
		return midas.Token{}, midas.Errorf(midas.Unavailable, "get a token for %s: %w", s.scope, context.Cause(ctx))
	}
}

// severalIdentities is what the metadata endpoints of Azure, and midas's, say to a machine of which
// they cannot know the identity that is meant.
const severalIdentities = "Multiple user assigned identities exist"

func (s *Source) failed(err error) error {
	explained := midas.Errorf(classOf(err), "get a token for %s: %w", s.scope, err)
	if strings.Contains(err.Error(), severalIdentities) {
		return explained.WithHint("this machine has several identities: say which with AZURE_CLIENT_ID, or in the program with its client id")
	}
	return explained
}

// usable reports whether a token lasts long enough to connect with it.
func usable(t azcore.AccessToken, now time.Time) bool {
	return t.Token != "" && now.Add(leeway).Before(t.ExpiresOn)
}

// Discard tells that raw was refused. If it is still the present token, the next call
// of Token asks for another one, past the caches on the way; but once a minute at most,
// and until then the present token stays.
func (s *Source) Discard(raw string) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if raw == "" || s.token.Token != raw || !s.forced.IsZero() && now.Sub(s.forced) < forceAfter {
		return
	}
	s.token, s.refused, s.forced = azcore.AccessToken{}, true, now
}

// fetch asks the credential once, for everyone who waits.
func (s *Source) fetch() (azcore.AccessToken, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	now := s.now()
	s.mu.Lock()
	token, options := s.token, policy.TokenRequestOptions{Scopes: []string{s.scope}}
	if usable(token, now) && now.Before(s.refresh) {
		s.mu.Unlock()
		return token, nil // the flight before this one brought it
	}
	if s.refused {
		options.Claims = issuedAfter(now)
	}
	s.mu.Unlock()

	fresh, err := s.credential.GetToken(ctx, options)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.refresh = s.now().Add(retryAfter)
		if usable(token, s.now()) {
			s.log.Warn("token not refreshed; the present one goes on", "scope", s.scope, "expires", token.ExpiresOn, "error", err)
		}
		return azcore.AccessToken{}, err
	}
	s.token, s.refused = fresh, false
	s.refresh = refreshAt(s.now(), fresh, rand.Float64())
	return fresh, nil
}

func (s *Source) handOut(t azcore.AccessToken) midas.Token {
	return midas.Token{Raw: t.Token, Resource: strings.TrimSuffix(s.scope, "/.default"), Expiry: t.ExpiresOn}
}

// classOf tells a refused credential from an issuer that does not answer.
func classOf(err error) midas.Code {
	if errors.As(err, new(*azidentity.AuthenticationFailedError)) {
		return midas.Unauthenticated
	}
	return midas.Unavailable
}

// refreshAt is when to replace a token that was obtained at now: where the issuer
// says, else at half of its life, and up to a tenth of its life later by spread in
// [0,1), so that a thousand programs started together do not ask together. Never
// earlier, because MSAL's cache would give the same token back.
func refreshAt(now time.Time, t azcore.AccessToken, spread float64) time.Time {
	life := t.ExpiresOn.Sub(now)
	if life <= 0 {
		return now
	}
	at := now.Add(life / 2)
	if t.RefreshOn.After(now) && t.RefreshOn.Before(t.ExpiresOn) {
		at = t.RefreshOn
	}
	at = at.Add(time.Duration(spread * float64(life) / 10))
	if at.After(t.ExpiresOn) {
		return t.ExpiresOn
	}
	return at
}

// issuedAfter is the claims request with which a resource that refused a token sends
// its client for another one. MSAL passes its cache by when there is any.
// Source: Microsoft identity platform, claims challenges and continuous access evaluation.
func issuedAfter(now time.Time) string {
	return `{"access_token":{"nbf":{"essential":true,"value":"` + strconv.FormatInt(now.Unix(), 10) + `"}}}`
}
