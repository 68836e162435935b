package token_test

import (
	"testing"
	"time"

	"github.com/midas-mysql/midas/token"
)

// Budgets on 2 cores of a current server: first time 90 µs, known token 1.5 µs and no
// allocation.

func BenchmarkVerifyFirst(b *testing.B) {
	w := newWorld(b)
	verifier := w.verifier(b, func(c *token.VerifierConfig) { c.CacheSize = 16 })
	tokens := make([]string, 512)
	for i := range tokens {
		claims := w.claims()
		claims.UTI = string(rune('a'+i%26)) + time.Duration(i).String()
		tokens[i] = w.sign(b, claims)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := verifier.Verify(b.Context(), tokens[i%len(tokens)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCached(b *testing.B) {
	w := newWorld(b)
	verifier := w.verifier(b)
	raw := w.sign(b, w.claims())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCachedParallel(b *testing.B) {
	w := newWorld(b)
	verifier := w.verifier(b)
	raw := w.sign(b, w.claims())
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := verifier.Verify(ctx, raw); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkStranger is what the worst tokens that anybody can send cost before they are
// refused. Budget: 0.3 ms, of which half goes to base64 and SHA-256.
func BenchmarkStranger(b *testing.B) {
	w := newWorld(b)
	verifier := w.verifier(b)
	for name, raw := range w.strangers(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(b.Context(), raw); err == nil {
					b.Fatal("let in")
				}
			}
		})
	}
}
