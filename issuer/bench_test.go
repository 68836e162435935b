package issuer_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/midas-mysql/midas"
)

// BenchmarkMint is what a token costs that was not made before, beside the RSA signature
// that no token can do without.
func BenchmarkMint(b *testing.B) {
	c := &clock{now: began}
	i := mustOpen(b, keyDir(b), c)
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := i.Mint(b.Context(), request); err != nil {
				b.Fatal(err)
			}
		}
	})
	r := newRealm(b)
	id := r.federated(b)
	b.Run("token with groups from the directory", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Mint(b.Context(), midas.TokenRequest{Identity: id, Resource: midas.Resource}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare RSA signature", func(b *testing.B) {
		key, sum := signingKey(), sha256.Sum256([]byte("claims"))
		for b.Loop() {
			if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
