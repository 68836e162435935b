package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// When a published key set is asked for again.
// Source: Microsoft identity platform, "Signing key rollover": keep keys for 24 hours,
// look for new ones about hourly, and after an unknown key id at most every 5 minutes.
const (
	refreshAfter = time.Hour       // from then on a use starts a fetch, without waiting
	freshFor     = 24 * time.Hour  // from then on a use waits for the fetch
	staleFor     = 72 * time.Hour  // from then on keys are forgotten even if no fetch succeeds
	askAgain     = 5 * time.Minute // least time between a fetch and the next
	retryAfter   = time.Minute     // the same after a failed one
	firstRetry   = 2 * time.Second // the same when there are no keys at all yet
	tellAgain    = time.Minute     // least time between two lines in the log about failures
)

// RemoteConfig says where an issuer publishes its keys.
type RemoteConfig struct {
	// URL is the "jwks_uri" of the issuer: https, or http on the loopback interface.
	URL string
	// Issuer, in place of URL, is the claim "iss" of the issuer, byte for byte: its
	// OpenID Connect discovery document says where the keys are. https only, unless
	// InsecureHTTP.
	Issuer       string
	InsecureHTTP bool
	// Client is used with a time limit and a redirect rule of our own; nil for
	// http.DefaultClient. Its Transport may trust a private certificate authority.
	Client *http.Client
	Now    func() time.Time
	// Warn learns of failed fetches, once a minute, as slog.Logger.Warn does; nil for none.
	Warn func(message string, args ...any)
}

// RemoteKeys is a key set that an issuer publishes at a URL. It fetches on use, never
// by a timer: one fetch at a time, however many wait for it; with limits on size, time
// and rate, so that tokens of strangers cannot make it a burden on the issuer; and it
// keeps the keys it has when a fetch fails. It is safe for concurrent use.
type RemoteKeys struct {
	url    string // of the key set, or of the discovery document when issuer is set
	issuer string
	plain  bool // http is good enough
	client *http.Client
	now    func() time.Time
	warn   func(message string, args ...any)

	current atomic.Pointer[published]

	mu     sync.Mutex
	flight chan struct{} // closed when the fetch under way ends; nil when there is none
	next   time.Time     // no fetch before
	last   error         // why the last fetch failed
	told   time.Time     // when the log last had that
}

// published is one state of the key set. It does not change.
type published struct {
	keys    StaticKeys
	fetched time.Time
}

// NewRemoteKeys returns the key set at a URL or of an issuer. Nothing is fetched before
// the first use.
func NewRemoteKeys(cfg RemoteConfig) (*RemoteKeys, error) {
	r := &RemoteKeys{url: cfg.URL, issuer: cfg.Issuer, plain: cfg.InsecureHTTP, now: cfg.Now, warn: cfg.Warn}
	if r.issuer != "" {
		if strings.ContainsAny(r.issuer, "?#") {
			return nil, midas.Errorf(midas.Invalid, "issuer %q has a query or a fragment", clip.Text(r.issuer))
		}
		r.url = strings.TrimSuffix(r.issuer, "/") + discoveryPath
	} else if u, err := url.Parse(r.url); err == nil {
		r.plain = r.plain || loopback(u.Hostname())
	}
	if err := r.checkAddress(r.url); err != nil {
		return nil, err
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.warn == nil {
		r.warn = func(string, ...any) {}
	}
	client := http.Client{}
	if cfg.Client != nil {
		client = *cfg.Client
	}
	client.CheckRedirect = stayOnHost
	client.Jar = nil
	r.client = &client
	return r, nil
}

// Key implements KeySet.
func (r *RemoteKeys) Key(ctx context.Context, keyID string) (crypto.PublicKey, error) {
	now := r.now()
	set := r.current.Load()
	if set != nil {
		key, known := set.keys[keyID]
		switch age := now.Sub(set.fetched); {
		case known && age < refreshAfter:
			return key, nil
		case known && age < freshFor:
			r.fetch(now)
			return key, nil
		}
	}
	if flight := r.fetch(now); flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, midas.Errorf(midas.Unavailable, "wait for the keys at %s: %w", r.url, ctx.Err())
		}
	}
	set = r.current.Load()
	if set == nil || now.Sub(set.fetched) >= staleFor {
		return nil, r.unavailable()
	}
	if key, known := set.keys[keyID]; known {
		return key, nil
	}
	return nil, unknownKey(keyID)
}

func (r *RemoteKeys) unavailable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		return midas.Errorf(midas.Unavailable, "keys from %s are too old", r.url)
	}
	return midas.Errorf(midas.Unavailable, "no keys from %s: %w", r.url, r.last)
}

// fetch starts a fetch, or joins the one under way, and returns what is closed at its
// end. It returns nil when it is too early to ask again; that is also what remembers
// that a key id is unknown.
func (r *RemoteKeys) fetch(now time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return r.flight
	}
	if now.Before(r.next) {
		return nil
	}
	done := make(chan struct{})
	r.flight = done
	go func() {
		defer close(done)
		keys, err := r.get()
		r.storeKeys(keys, err)
	}()
	return done
}

// storeKeys takes in the outcome of a fetch.
func (r *RemoteKeys) storeKeys(keys StaticKeys, err error) {
	now := r.now()
	before := r.current.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flight = nil
	r.last = err
	switch {
	case err == nil:
		if before != nil {
			keepPointers(keys, before.keys)
		}
		r.current.Store(&published{keys: keys, fetched: now})
		r.next = now.Add(askAgain)
	case before == nil:
		r.next = now.Add(firstRetry)
		r.tell(now, "no signing keys yet", "url", r.url, "err", err)
	default:
		r.next = now.Add(retryAfter)
		r.tell(now, "signing keys not refreshed, the ones at hand stay in use",
			"url", r.url, "age", now.Sub(before.fetched), "err", err)
	}
}

// tell writes to the log, once in tellAgain: tokens of strangers start fetches.
func (r *RemoteKeys) tell(now time.Time, message string, args ...any) {
	if r.told.IsZero() || now.Sub(r.told) >= tellAgain {
		r.told = now
		r.warn(message, args...)
	}
}

// keepPointers lets a key that is still published stay the same value, by which
// verdicts about its tokens stay good.
func keepPointers(keys, before StaticKeys) {
	for id, old := range before {
		if same(keys[id], old) {
			keys[id] = old
		}
	}
}

func same(a, b crypto.PublicKey) bool {
	switch a := a.(type) {
	case *rsa.PublicKey:
		return a.Equal(b)
	case *ecdsa.PublicKey:
		return a.Equal(b)
	case *BoundKey:
		b, bound := b.(*BoundKey)
		return bound && a.Algorithm == b.Algorithm && same(a.Public, b.Public)
	}
	return false
}
