package account

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"
)

const (
	sha2Prefix = "$A$"
	sha2Salt   = 20
	sha2Digest = 43
	// sha2MaxRounds bounds the work for a hash that somebody else may have chosen. It is
	// 20 times what servers use by default.
	sha2MaxRounds = 100_000
)

// passwordIs tells whether stored is what a MySQL server keeps for that password of an
// account with caching_sha2_password: $A$, the rounds in thousands as three hexadecimal
// digits, $, twenty characters of salt and the digest.
// Source: MySQL Reference Manual, "Caching SHA-2 Pluggable Authentication"; MySQL server
// source, sql/auth/sha2_password.cc (deserialize).
func passwordIs(stored, password string) bool {
	rest, ok := strings.CutPrefix(stored, sha2Prefix)
	if !ok || len(rest) != 3+1+sha2Salt+sha2Digest || rest[3] != '$' {
		return false
	}
	thousands, err := strconv.ParseUint(rest[:3], 16, 16)
	if err != nil || thousands == 0 || thousands*1000 > sha2MaxRounds {
		return false
	}
	salt, digest := rest[4:4+sha2Salt], rest[4+sha2Salt:]
	return subtle.ConstantTimeCompare([]byte(digest), []byte(shaCrypt(password, salt, int(thousands)*1000))) == 1
}

// shaCrypt is the digest of SHA-256 crypt.
// Source: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", 2008, whose step
// numbers these are. MySQL's salt is longer than the 16 bytes there.
func shaCrypt(password, salt string, rounds int) string {
	sum := func(parts ...string) string { // of all parts, one after the other
		h := sha256.New()
		for _, p := range parts {
			h.Write([]byte(p))
		}
		return string(h.Sum(nil))
	}
	stretch := func(digest string, n int) string { return strings.Repeat(digest, n/len(digest)+1)[:n] }

	b := sum(password, salt, password) // 4-8
	parts := []string{password, salt, stretch(b, len(password))}
	for n := len(password); n > 0; n >>= 1 { // 11
		if n&1 == 1 {
			parts = append(parts, b)
		} else {
			parts = append(parts, password)
		}
	}
	a := sum(parts...)                                                        // 12
	p := stretch(sum(strings.Repeat(password, len(password))), len(password)) // 13-16
	s := stretch(sum(strings.Repeat(salt, 16+int(a[0]))), len(salt))          // 17-20
	buffer := make([]byte, 0, 2*len(p)+len(s)+len(a))
	add := func(when bool, yes, no string) {
		if !when {
			yes = no
		}
		buffer = append(buffer, yes...)
	}
	for i := range rounds { // 21
		buffer = buffer[:0]
		add(i%2 == 1, p, a)
		add(i%3 != 0, s, "")
		add(i%7 != 0, p, "")
		add(i%2 == 1, a, p)
		next := sha256.Sum256(buffer)
		a = string(next[:])
	}
	return cryptBase64(a)
}

// cryptBase64 writes a digest in crypt's alphabet and order of bytes (step 22).
func cryptBase64(digest string) string {
	const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := make([]byte, 0, sha2Digest)
	put := func(bits uint32, n int) {
		for range n {
			out = append(out, alphabet[bits&0x3f])
			bits >>= 6
		}
	}
	for i, j, k, n := 0, 10, 20, 0; n < 10; i, j, k, n = k+1, i+1, j+1, n+1 {
		put(uint32(digest[i])<<16|uint32(digest[j])<<8|uint32(digest[k]), 4)
	}
	put(uint32(digest[31])<<8|uint32(digest[30]), 3)
	return string(out)
}
