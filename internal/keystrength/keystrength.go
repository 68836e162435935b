// Package keystrength owns which public keys are strong enough that a signature by them
// proves anything.
//
// It knows no product, and not whose a key is.
package keystrength

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
)

const (
	minRSABits = 2048
	maxRSABits = 8192 // beyond it, a check costs a hundred times the usual
	// minExponent is the least public exponent of FIPS 186-5, appendix A.1.1. Every issuer
	// and library in use has exactly that; smaller ones have forged signatures to their name.
	minExponent = 65537
)

// Check returns why a signature by key would prove nothing; nil when it would.
func Check(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return checkRSA(k)
	case *ecdsa.PublicKey:
		return checkECDSA(k)
	}
	return fmt.Errorf("key of type %T cannot check a signature", key)
}

func checkRSA(k *rsa.PublicKey) error {
	if k == nil || k.N == nil || k.N.Sign() <= 0 {
		return errors.New("RSA key without modulus")
	}
	if k.E < minExponent || k.E%2 == 0 {
		return fmt.Errorf("RSA key with exponent %d: it must be odd and at least %d", k.E, minExponent)
	}
	if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("RSA key of %d bits: %d to %d are accepted", bits, minRSABits, maxRSABits)
	}
	return checkModulus(k.N)
}

func checkECDSA(k *ecdsa.PublicKey) error {
	if k == nil || k.Curve == nil {
		return errors.New("EC key without curve")
	}
	switch k.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
		return nil // parsers of keys let no point through that is not on its curve
	}
	return fmt.Errorf("EC key on the curve %s: P-256, P-384 and P-521 are accepted", k.Curve.Params().Name)
}

// smallPrimes divide the number M of CVE-2017-15361 for every length of key.
var smallPrimes = []uint64{
	2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127,
	131, 137, 139, 149, 151, 157, 163, 167,
}

// residues are, for each of smallPrimes, the remainders that the powers of 65537 have, and
// primorial is the product of all.
var residues, primorial = powers()

func powers() (all []map[uint64]bool, product *big.Int) {
	product = big.NewInt(1)
	for _, p := range smallPrimes {
		product.Mul(product, new(big.Int).SetUint64(p))
		of := map[uint64]bool{}
		for r := 1 % p; !of[r]; r = r * 65537 % p {
			of[r] = true
		}
		all = append(all, of)
	}
	return all, product
}

// checkModulus refuses a modulus that anybody can factor: one with a small factor, and one
// of the keys that Infineon's library made until 2017. Their primes are powers of 65537
// modulo M, the product of the first primes, so their modulus is one too, which holds for
// one of 2^150 other moduli.
// Source: Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, section 3.
func checkModulus(n *big.Int) error {
	left, infineon := new(big.Int).Mod(n, primorial), true
	for i, prime := range smallPrimes {
		remainder := remainderOf(left, prime)
		if remainder == 0 {
			return fmt.Errorf("RSA key whose modulus is divisible by %d", prime)
		}
		infineon = infineon && residues[i][remainder]
	}
	if infineon {
		return errors.New("RSA key of a generator that made factorable keys (CVE-2017-15361)")
	}
	return nil
}

// remainderOf is n modulo p, without the allocations of a big.Int: strangers have keys checked.
func remainderOf(n *big.Int, p uint64) uint64 {
	words, r := n.Bits(), uint(0)
	for i := len(words) - 1; i >= 0; i-- {
		r = bits.Rem(r, uint(words[i]), uint(p))
	}
	return uint64(r)
}
