package keystrength

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"
)

// infineonPrime returns a number of about 1024 bits of the form that Infineon's library gave
// primes: k*M + 65537^a mod M. Whether it is prime does not show in the modulus.
func infineonPrime(t *testing.T) *big.Int {
	t.Helper()
	m, count := big.NewInt(1), 0
	for p := big.NewInt(2); count < 126; p.Add(p, big.NewInt(1)) {
		if p.ProbablyPrime(0) {
			m.Mul(m, p)
			count++
		}
	}
	a, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 60))
	if err != nil {
		t.Fatal(err)
	}
	k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 50))
	if err != nil {
		t.Fatal(err)
	}
	k.SetBit(k, 53, 1)
	return k.Add(k.Mul(k, m), a.Exp(big.NewInt(65537), a, m))
}

func modulus(p, q *big.Int) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}
}

func TestCheck(t *testing.T) {
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	point, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n, one := good.N, big.NewInt(1)
	shifted := func(bits uint) *big.Int { return new(big.Int).Add(new(big.Int).Lsh(one, bits), one) }
	for name, c := range map[string]struct {
		key  crypto.PublicKey
		says string // "" when it is good
	}{
		"RSA":                   {&good.PublicKey, ""},
		"ECDSA":                 {&point.PublicKey, ""},
		"of Infineon":           {modulus(infineonPrime(t), infineonPrime(t)), "CVE-2017-15361"},
		"one prime of Infineon": {modulus(infineonPrime(t), good.Primes[0]), ""},
		"exponent 1":            {&rsa.PublicKey{N: n, E: 1}, "exponent"},
		"exponent 3":            {&rsa.PublicKey{N: n, E: 3}, "exponent"},
		"exponent 65538":        {&rsa.PublicKey{N: n, E: 65538}, "exponent"},
		"negative exponent":     {&rsa.PublicKey{N: n, E: -65537}, "exponent"},
		"1024 bits":             {&rsa.PublicKey{N: shifted(1023), E: 65537}, "1024 bits"},
		"8193 bits":             {&rsa.PublicKey{N: shifted(8192), E: 65537}, "8193 bits"},
		"an even modulus":       {&rsa.PublicKey{N: new(big.Int).Add(n, one), E: 65537}, "divisible by 2"},
		"a small factor":        {modulus(big.NewInt(167), n), "divisible by 167"},
		"no modulus":            {&rsa.PublicKey{E: 65537}, "without modulus"},
		"a negative modulus":    {&rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}, "without modulus"},
		"no RSA key":            {(*rsa.PublicKey)(nil), "without modulus"},
		"no EC key":             {(*ecdsa.PublicKey)(nil), "without curve"},
		"P-224":                 {&old.PublicKey, "P-224"},
		"Ed25519":               {edwards, "ed25519"},
		"nothing":               {nil, "cannot check"},
		"a secret":              {[]byte("secret"), "cannot check"},
		"a private key":         {good, "cannot check"},
		"a key by value":        {good.PublicKey, "cannot check"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(c.key)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// Nothing that is made well is taken for a key of Infineon's library.
func TestGoodKeysPass(t *testing.T) {
	for range 5 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(&key.PublicKey); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkCheckRSA(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := Check(&key.PublicKey); err != nil {
			b.Fatal(err)
		}
	}
}
