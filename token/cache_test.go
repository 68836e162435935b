package token_test

import (
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

func TestCachedTokenIsRefusedWhenItsKeyIsGone(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	raw := w.sign(t, w.claims())
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	delete(w.set, "k1")
	if _, err := v.Verify(t.Context(), raw); midas.CodeOf(err) != midas.Unauthenticated {
		t.Errorf("key removed: %v", err)
	}
	// The same key id with another key behind it is not the key that proved the token.
	w.set["k1"] = &sharedKeys()[2].PublicKey
	if _, err := v.Verify(t.Context(), raw); midas.CodeOf(err) != midas.Unauthenticated {
		t.Errorf("key replaced: %v", err)
	}
	w.set["k1"] = &sharedKeys()[0].PublicKey
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("key back again: %v", err)
	}
}

func TestCachedTokenExpires(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	raw := w.sign(t, w.claims())
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(86400 * time.Second)
	for range 2 {
		if _, err := v.Verify(t.Context(), raw); err == nil {
			t.Fatal("expired token let in from the cache")
		}
	}
	if n := v.Cached(); n != 0 {
		t.Errorf("%d verdicts kept about expired tokens", n)
	}
}

func TestCacheIsBoundedAndRefusalsAreNotKept(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t, func(c *token.VerifierConfig) { c.CacheSize = 32 })
	for i := range 100 {
		c := w.claims()
		c.NotBefore -= token.Seconds(i)
		if _, err := v.Verify(t.Context(), w.sign(t, c)); err != nil {
			t.Fatal(err)
		}
		v.Verify(t.Context(), w.sign(t, c)+"A")
	}
	if n := v.Cached(); n == 0 || n > 32 {
		t.Errorf("%d verdicts kept, 1 to 32 expected", n)
	}
}

func TestCachedGroupsAreCopied(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	c := w.claims()
	c.Groups = token.Groups{"g1", "g2"}
	raw := w.sign(t, c)
	for range 3 {
		p, err := v.Verify(t.Context(), raw)
		if err != nil || p.Groups[0] != "g1" {
			t.Fatalf("groups %v, %v", p.Groups, err)
		}
		p.Groups[0] = "written by a caller"
	}
}

func TestCachedVerifyDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	raw := w.sign(t, w.claims())
	ctx := t.Context()
	if _, err := v.Verify(ctx, raw); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { v.Verify(ctx, raw) }); n != 0 {
		t.Errorf("%v allocations for a known token", n)
	}
}
