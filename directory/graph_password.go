package directory

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/midas-mysql/midas"
)

// The cost of a password hash: argon2id with 19 MiB, two passes and one lane.
// Source: OWASP, "Password Storage Cheat Sheet".
const (
	hashMemory   = 19 << 10 // KiB
	hashPasses   = 2
	hashLanes    = 1
	hashSalt     = 16 // bytes
	hashKey      = 32 // bytes
	hashesAtOnce = 2  // hashes at once: 38 MiB
	hashQueue    = 64 // more callers than that do not wait, they are told to come again
)

// The length of a password in characters.
// Source: Microsoft Learn, "Password policies and account restrictions in Microsoft Entra ID".
const (
	minPassword = 8
	maxPassword = 256
)

// hasher makes password hashes, a few at a time: callers who try passwords must not be
// able to take the machine's memory or all of its cores.
type hasher struct {
	slots chan struct{}
	// Checks wait apart from passwords that are set: people who may make users must not have
	// others' checks refused.
	checking, setting chan struct{}
	dummy             func() string // the hash that is compared for a user who does not exist
}

func newHasher() *hasher {
	return &hasher{
		slots:    make(chan struct{}, hashesAtOnce),
		checking: make(chan struct{}, hashQueue), setting: make(chan struct{}, hashQueue),
		dummy: sync.OnceValue(func() string { return encodeHash(nonce(hashSalt), nonce(hashKey)) }),
	}
}

// turn waits for one of the slots. It is Unavailable when too many wait in that queue already.
func (h *hasher) turn(ctx context.Context, queue chan struct{}) (done func(), err error) {
	select {
	case queue <- struct{}{}:
	default:
		return nil, midas.Errorf(midas.Unavailable, "too many passwords are being checked or set")
	}
	defer func() { <-queue }()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, midas.Errorf(midas.Unavailable, "password neither checked nor set: %w", ctx.Err())
	}
}

// hash returns what is kept of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx, h.setting)
	if err != nil {
		return "", err
	}
	defer done()
	salt := nonce(hashSalt)
	return encodeHash(salt, argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, hashLanes, hashKey)), nil
}

// matches compares a password with a hash. It costs the same whether there is a hash
// or not, and whatever the password's length.
func (h *hasher) matches(ctx context.Context, password, hash string) (bool, error) {
	known := hash != ""
	if !known {
		hash = h.dummy()
	}
	if len(password) > utf8.UTFMax*maxPassword {
		password, known = "", false
	}
	salt, key, err := decodeHash(hash)
	if err != nil {
		return false, err
	}
	done, err := h.turn(ctx, h.checking)
	if err != nil {
		return false, err
	}
	defer done()
	got := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, hashLanes, hashKey)
	return subtle.ConstantTimeCompare(got, key) == 1 && known, nil
}

func nonce(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

var hashPrefix = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, hashMemory, hashPasses, hashLanes)

// encodeHash writes a hash as the PHC string format does, which names its parameters:
// when they change, old hashes can still be read.
func encodeHash(salt, key []byte) string {
	return hashPrefix + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key)
}

func decodeHash(text string) (salt, key []byte, err error) {
	rest, ok := strings.CutPrefix(text, hashPrefix)
	s, k, two := strings.Cut(rest, "$")
	if ok && two {
		if salt, err = base64.RawStdEncoding.DecodeString(s); err == nil {
			key, err = base64.RawStdEncoding.DecodeString(k)
		}
	}
	if !ok || !two || err != nil || len(salt) != hashSalt || len(key) != hashKey {
		return nil, nil, midas.Errorf(midas.Internal, "a password hash of the directory is damaged")
	}
	return salt, key, nil
}

// checkPassword refuses what Entra refuses as a new password: it wants 8 to 256
// characters of three kinds out of lower case, upper case, digits and symbols.
func checkPassword(password string) error {
	n := utf8.RuneCountInString(password)
	var lower, upper, digit, symbol int
	for _, c := range password {
		switch {
		case unicode.IsControl(c):
			n = 0
		case unicode.IsLower(c):
			lower = 1
		case unicode.IsUpper(c):
			upper = 1
		case unicode.IsDigit(c):
			digit = 1
		default:
			symbol = 1
		}
	}
	if n < minPassword || n > maxPassword || lower+upper+digit+symbol < 3 || !utf8.ValidString(password) {
		return midas.Errorf(midas.Invalid, "The specified password does not comply with password complexity requirements. Please provide a different password: "+
			"%d to %d characters, of three kinds out of lower case, upper case, digits and symbols.", minPassword, maxPassword)
	}
	return nil
}
