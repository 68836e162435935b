package token_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// publisher is an issuer's key set behind a transport: it works inside synctest, where
// real sockets do not.
type publisher struct {
	mu      sync.Mutex
	body    []byte
	err     error
	delay   time.Duration
	fetches atomic.Int64
}

func (p *publisher) set(body []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body, p.err = body, err
}

func (p *publisher) RoundTrip(req *http.Request) (*http.Response, error) {
	p.fetches.Add(1)
	p.mu.Lock()
	body, err, delay := p.body, p.err, p.delay
	p.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: req,
		Body: io.NopCloser(strings.NewReader(string(body))),
	}, nil
}

func remote(tb testing.TB, p *publisher) *token.RemoteKeys {
	tb.Helper()
	r, err := token.NewRemoteKeys(token.RemoteConfig{
		URL: "https://login.example/keys", Client: &http.Client{Transport: p},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// expect asks for a key and checks the class of the answer and the number of fetches.
func expect(t *testing.T, r *token.RemoteKeys, p *publisher, when, kid string, code midas.Code, fetches int64) {
	t.Helper()
	_, err := r.Key(t.Context(), kid)
	synctest.Wait()
	got := midas.Code("")
	if err != nil {
		got = midas.CodeOf(err)
	}
	if got != code {
		t.Errorf("%s: %v", when, err)
	}
	if n := p.fetches.Load(); n != fetches {
		t.Errorf("%s: %d fetches, not %d", when, n, fetches)
	}
}

func TestRemoteKeysAreFetchedSeldom(t *testing.T) {
	w := newWorld(t)
	both := jwks(t, published(w.keys)...)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{body: both}
		r := remote(t, p)
		expect(t, r, p, "first use", "k1", "", 1)
		expect(t, r, p, "second use", "k2", "", 1)
		expect(t, r, p, "unknown key right after a fetch", "k9", midas.NotFound, 1)
		time.Sleep(5 * time.Minute)
		expect(t, r, p, "unknown key five minutes later", "k9", midas.NotFound, 2)
		for range 50 {
			expect(t, r, p, "a stranger's many key ids", "k9", midas.NotFound, 2)
		}
		time.Sleep(59 * time.Minute)
		expect(t, r, p, "within the hour", "k1", "", 2)
		time.Sleep(time.Minute)
		expect(t, r, p, "after an hour", "k1", "", 3)
		expect(t, r, p, "and right after that", "k1", "", 3)
	})
}

func TestRemoteKeysKeepWorkingWhileTheIssuerIsDown(t *testing.T) {
	w := newWorld(t)
	both := jwks(t, published(w.keys)...)
	down := errors.New("connection refused")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{err: down}
		r := remote(t, p)
		expect(t, r, p, "down from the start", "k1", midas.Unavailable, 1)
		expect(t, r, p, "asked again at once", "k1", midas.Unavailable, 1)
		p.set(both, nil)
		time.Sleep(2 * time.Second)
		expect(t, r, p, "up", "k1", "", 2)
		p.set(nil, down)
		time.Sleep(2 * time.Hour)
		expect(t, r, p, "down again, keys at hand", "k1", "", 3)
		expect(t, r, p, "no second try within the minute", "k1", "", 3)
		time.Sleep(30 * time.Hour)
		expect(t, r, p, "older than a day: waits, then uses what is there", "k1", "", 4)
		p.set([]byte(`{"keys":[]}`), nil)
		time.Sleep(time.Minute)
		expect(t, r, p, "an empty key set is a failure, not a revocation of all", "k1", "", 5)
		time.Sleep(48 * time.Hour)
		expect(t, r, p, "three days without an answer", "k1", midas.Unavailable, 6)
		p.set(both, nil)
		time.Sleep(time.Minute)
		expect(t, r, p, "back", "k1", "", 7)
	})
}

func publishedOnly(w *world, id string) []jose.JSONWebKey {
	return published(map[string]*rsa.PrivateKey{id: w.keys[id]})
}

func TestRemoteKeysFollowRotation(t *testing.T) {
	w := newWorld(t)
	first, second, third := jwks(t, publishedOnly(w, "k1")...), jwks(t, published(w.keys)...), jwks(t, publishedOnly(w, "k2")...)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{body: first}
		r := remote(t, p)
		before, err := r.Key(t.Context(), "k1")
		if err != nil {
			t.Fatal(err)
		}
		p.set(second, nil)
		time.Sleep(5 * time.Minute)
		expect(t, r, p, "the new key is found by its first token", "k2", "", 2)
		after, err := r.Key(t.Context(), "k1")
		if err != nil || after != before {
			t.Errorf("a key that stays must stay the same value: %p, %p, %v", before, after, err)
		}
		p.set(third, nil)
		time.Sleep(time.Hour)
		expect(t, r, p, "the last use of a removed key starts the fetch that forgets it", "k1", "", 3)
		expect(t, r, p, "removed", "k1", midas.NotFound, 3)
	})
}

func TestRemoteKeysFetchOnceForAll(t *testing.T) {
	w := newWorld(t)
	both := jwks(t, published(w.keys)...)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{body: both, delay: time.Second}
		r := remote(t, p)
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.Key(impatient, "k1"); midas.CodeOf(err) != midas.Unavailable {
				t.Errorf("one who gave up: %v", err)
			}
		})
		for range 100 {
			wg.Go(func() {
				if _, err := r.Key(t.Context(), "k1"); err != nil {
					t.Errorf("one who waited: %v", err)
				}
			})
		}
		wg.Wait()
		if n := p.fetches.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestRemoteKeysDoNotWaitForASlowRefresh(t *testing.T) {
	w := newWorld(t)
	both := jwks(t, published(w.keys)...)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{body: both}
		r := remote(t, p)
		expect(t, r, p, "first", "k1", "", 1)
		p.mu.Lock()
		p.delay = time.Hour // longer than any time limit
		p.mu.Unlock()
		time.Sleep(2 * time.Hour)
		start := time.Now()
		if _, err := r.Key(t.Context(), "k1"); err != nil || time.Since(start) != 0 {
			t.Errorf("waited %s: %v", time.Since(start), err)
		}
		time.Sleep(time.Minute) // lets the fetch run into its limit
		start = time.Now()
		_, err := r.Key(t.Context(), "k9")
		if took := time.Since(start); midas.CodeOf(err) != midas.NotFound || took != 0 && took != 10*time.Second {
			t.Errorf("unknown key took %s: %v", took, err)
		}
	})
}

func TestRemoteKeysOverHTTPS(t *testing.T) {
	w := newWorld(t)
	both := jwks(t, published(w.keys)...)
	other := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Write(both) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(rw http.ResponseWriter, _ *http.Request) { rw.Write(both) })
	mux.HandleFunc("/moved", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/keys", http.StatusFound) })
	mux.HandleFunc("/away", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/loop", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/huge", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Write(both[:len(both)-1])
		for range 1 << 10 {
			io.WriteString(rw, strings.Repeat(" ", 1<<10))
		}
		io.WriteString(rw, "}")
	})
	server := httptest.NewTLSServer(mux)
	defer server.Close()

	for path, want := range map[string]midas.Code{
		"/keys": "", "/moved": "",
		"/away": midas.Unavailable, "/loop": midas.Unavailable,
		"/huge": midas.Unavailable, "/absent": midas.Unavailable,
	} {
		r, err := token.NewRemoteKeys(token.RemoteConfig{URL: server.URL + path, Client: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		got := midas.Code("")
		if _, err := r.Key(t.Context(), "k1"); err != nil {
			got = midas.CodeOf(err)
		}
		if got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}

func TestRemoteKeysAddress(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://login.microsoftonline.com/common/discovery/keys": true,
		"http://127.0.0.1:8080/keys":                              true,
		"http://localhost/keys":                                   true,
		"http://[::1]:1/keys":                                     true,
		"http://login.example/keys":                               false,
		"http://127.0.0.1.example/keys":                           false,
		"https://user:pw@login.example/keys":                      false,
		"file:///etc/passwd":                                      false,
		"https:///keys":                                           false,
		"":                                                        false,
	} {
		if _, err := token.NewRemoteKeys(token.RemoteConfig{URL: url}); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// Tokens of strangers start fetches from an issuer that does not answer: the log has one line
// a minute about it.
func TestFailedFetchesWriteFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := &publisher{err: errors.New("no route")}
		r, err := token.NewRemoteKeys(token.RemoteConfig{
			URL: "https://login.example/keys", Client: &http.Client{Transport: p}, Warn: slog.New(slog.NewTextHandler(&out, nil)).Warn,
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 120 {
			if _, err := r.Key(t.Context(), "k"); midas.CodeOf(err) != midas.Unavailable {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 2 || p.fetches.Load() < 50 {
			t.Errorf("%d lines about %d fetches in two minutes", lines, p.fetches.Load())
		}
	})
}
