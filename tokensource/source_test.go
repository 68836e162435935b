package tokensource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/midas-mysql/midas"
)

// issuer is a credential that counts, takes its time and can be made to fail.
type issuer struct {
	life  time.Duration
	takes time.Duration

	mu     sync.Mutex
	asked  int
	claims []string
	fail   error
}

var _ azcore.TokenCredential = (*issuer)(nil)

func (i *issuer) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	time.Sleep(i.takes) // inside synctest: no real time
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	i.claims = append(i.claims, o.Claims)
	if i.fail != nil {
		return azcore.AccessToken{}, i.fail
	}
	return azcore.AccessToken{Token: fmt.Sprintf("token %d for %s", i.asked, o.Scopes[0]), ExpiresOn: time.Now().Add(i.life)}, nil
}

func (i *issuer) breakDown(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fail = err
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

func newSource(t *testing.T, i *issuer) *Source {
	t.Helper()
	s, err := New(Config{Credential: i})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantToken(t *testing.T, s *Source, want string) {
	t.Helper()
	got, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want += " for " + DefaultScope; got.Raw != want {
		t.Errorf("token %q, want %q", got.Raw, want)
	}
}

func TestOneRequestForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, takes: time.Second}
		s := newSource(t, i)
		for range 100 {
			go func() { wantToken(t, s, "token 1") }()
		}
		time.Sleep(time.Minute)
		wantToken(t, s, "token 1")
		if n := i.count(); n != 1 {
			t.Errorf("%d requests for 101 callers, want 1", n)
		}
	})
}

func TestRefreshesAheadWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, takes: time.Second}
		s := newSource(t, i)
		wantToken(t, s, "token 1")
		time.Sleep(29 * time.Minute)
		wantToken(t, s, "token 1")
		synctest.Wait()
		if n := i.count(); n != 1 {
			t.Errorf("%d requests before half-life, want 1", n)
		}
		time.Sleep(8 * time.Minute) // past half and a tenth
		begin := time.Now()
		wantToken(t, s, "token 1")
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("waited %v for a refresh that was not needed yet", waited)
		}
		time.Sleep(2 * time.Second)
		wantToken(t, s, "token 2")
	})
}

func TestFailedRefreshKeepsTheTokenAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		s := newSource(t, i)
		wantToken(t, s, "token 1")
		i.breakDown(errors.New("no route"))
		time.Sleep(40 * time.Minute)
		for range 10 {
			wantToken(t, s, "token 1")
			synctest.Wait()
		}
		if n := i.count(); n != 2 {
			t.Errorf("%d requests, want one more than at first", n)
		}
		time.Sleep(19*time.Minute + 30*time.Second) // too little of it left to connect with
		if got, err := s.Token(t.Context()); midas.CodeOf(err) != midas.Unavailable {
			t.Errorf("got %q, %v; want an error of class %q", got.Raw, err, midas.Unavailable)
		}
		i.breakDown(nil)
		if _, err := s.Token(t.Context()); err != nil {
			t.Errorf("the source does not recover: %v", err)
		}
	})
}

// After its end a token is of no use to anybody, so every call fails until the issuer
// answers again; the pause between attempts is for a token that still lasts.
func TestExpiredTokenIsNeverHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		s := newSource(t, i)
		wantToken(t, s, "token 1")
		i.breakDown(errors.New("no route"))
		time.Sleep(2 * time.Hour)
		for call := range 3 {
			if got, err := s.Token(t.Context()); midas.CodeOf(err) != midas.Unavailable {
				t.Errorf("call %d: token %q that ended at %v, error %v; want class %q", call, got.Raw, got.Expiry, err, midas.Unavailable)
			}
		}
		i.breakDown(nil)
		wantToken(t, s, "token 5")
	})
}

func TestCredentialThatReturnsAnExpiredToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, &issuer{life: -time.Second})
		for call := range 2 {
			if got, err := s.Token(t.Context()); midas.CodeOf(err) != midas.Unavailable {
				t.Errorf("call %d: token %q that ended at %v, error %v; want class %q", call, got.Raw, got.Expiry, err, midas.Unavailable)
			}
		}
	})
}

// A token without a known end is its receiver's to judge.
func TestTokenWithoutAnEnd(t *testing.T) {
	s, err := New(Config{Credential: endless{}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Token(t.Context()); err != nil || got.Raw != "endless" {
		t.Errorf("token %q, error %v", got.Raw, err)
	}
}

type endless struct{}

func (endless) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "endless"}, nil
}

func TestCancelledCallerLeavesTheRequestToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, takes: 10 * time.Second}
		s := newSource(t, i)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { wantToken(t, s, "token 1") }()
		if _, err := s.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the caller's deadline", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestDiscardGetsPastCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		s := newSource(t, i)
		wantToken(t, s, "token 1")
		s.Discard("some other token")
		s.Discard("")
		wantToken(t, s, "token 1")
		s.Discard("token 1 for " + DefaultScope)
		wantToken(t, s, "token 2")
		s.Discard("token 1 for " + DefaultScope) // a late complaint about the old one
		wantToken(t, s, "token 2")
		if i.claims[0] != "" || !json.Valid([]byte(i.claims[1])) {
			t.Errorf("claims %q, want none and then a claims challenge", i.claims)
		}
	})
}

// A server that refuses every token gets one forced token a minute, however many
// connections complain: each costs the issuer a request that no cache answers.
func TestForcesOneTokenAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		s := newSource(t, i)
		for range 60 {
			token, err := s.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.Discard(token.Raw)
			time.Sleep(time.Second)
		}
		if n := i.count(); n != 2 {
			t.Errorf("%d requests in a minute, want the first and one forced", n)
		}
		wantToken(t, s, "token 2")
		s.Discard("token 2 for " + DefaultScope)
		wantToken(t, s, "token 3")
	})
}

func TestRefreshAt(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration) time.Time { return now.Add(d) }
	for name, test := range map[string]struct {
		expires, refreshOn time.Time
		spread             float64
		want               time.Time
	}{
		"half of an hour":               {after(time.Hour), time.Time{}, 0, after(30 * time.Minute)},
		"half of a day":                 {after(24 * time.Hour), time.Time{}, 0, after(12 * time.Hour)},
		"a tenth later at most":         {after(time.Hour), time.Time{}, 0.999999999, after(36 * time.Minute)},
		"where the issuer says":         {after(time.Hour), after(45 * time.Minute), 0, after(45 * time.Minute)},
		"spread where the issuer says":  {after(time.Hour), after(45 * time.Minute), 0.5, after(48 * time.Minute)},
		"never after its end":           {after(time.Hour), after(59 * time.Minute), 0.9, after(time.Hour)},
		"a refresh time that has gone":  {after(time.Hour), after(-time.Minute), 0, after(30 * time.Minute)},
		"a refresh time after the end":  {after(time.Hour), after(2 * time.Hour), 0, after(30 * time.Minute)},
		"a token that has ended":        {after(-time.Minute), time.Time{}, 0.5, now},
		"a token without a known end":   {time.Time{}, time.Time{}, 0.5, now},
		"a token of two seconds' life":  {after(2 * time.Second), time.Time{}, 0, after(time.Second)},
		"a token that ends this moment": {now, time.Time{}, 0, now},
	} {
		t.Run(name, func(t *testing.T) {
			got := refreshAt(now, azcore.AccessToken{ExpiresOn: test.expires, RefreshOn: test.refreshOn}, test.spread)
			if off := got.Sub(test.want).Abs(); off > time.Second {
				t.Errorf("refresh at %v, want %v", got, test.want)
			}
		})
	}
}

// A constructor of the SDK that fails returns a nil pointer, which is not a nil interface.
func TestNewRefusesNoCredential(t *testing.T) {
	for name, credential := range map[string]azcore.TokenCredential{
		"nil": nil, "a nil pointer": (*azidentity.ManagedIdentityCredential)(nil),
	} {
		if _, err := New(Config{Credential: credential}); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: error %v, want class %q", name, err, midas.Invalid)
		}
	}
}
