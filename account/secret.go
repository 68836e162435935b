package account

import (
	"crypto/hkdf"
	"crypto/sha1" //nolint:gosec // mysql_native_password is defined with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// minMaster is the least length of a master key, in bytes: with less, whoever sees one
// derived password hash could search for the key and so for all the others.
const minMaster = 32

// secretSuffix satisfies servers that demand a digit, both cases and another character
// of each password (validate_password, simple_password_check), whatever was derived.
const secretSuffix = "-aA1"

// Deriver derives the passwords of backend accounts, so that none is ever stored.
type Deriver struct {
	// Master is the root of all secrets: at least 32 random bytes. It is not logged,
	// printed or kept anywhere else.
	Master []byte
}

// Secret returns the password of one account: 43 printable ASCII characters without
// quotes or backslashes, 232 bits of which are derived (HKDF with SHA-256, RFC 5869).
// Any difference in server, user, host or generation gives another one; the case of
// server and host makes none. It panics when Master is shorter than 32 bytes: any answer
// would be a password that can be guessed.
func (d Deriver) Secret(serverID, user, host string, generation int) string {
	if len(d.Master) < minMaster {
		panic("account: the master key has fewer than 32 bytes")
	}
	info := []byte("midas backend account v1")
	for _, field := range []string{strings.ToLower(serverID), user, strings.ToLower(host)} {
		// Lengths keep ("ab", "c") and ("a", "bc") apart.
		info = binary.BigEndian.AppendUint32(info, uint32(len(field)))
		info = append(info, field...)
	}
	info = binary.BigEndian.AppendUint64(info, uint64(generation))
	key, err := hkdf.Key(sha256.New, d.Master, nil, string(info), 29)
	if err != nil {
		panic("account: derive a secret: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(key) + secretSuffix
}

// key derives a key for a purpose of its own: one that leaks tells nothing of the others.
func (d Deriver) key(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, d.Master, nil, "midas account "+purpose+" v1", sha256.Size)
	if err != nil {
		panic("account: derive a key: " + err.Error())
	}
	return key
}

// String keeps the key out of logs.
func (d Deriver) String() string { return "account.Deriver{…}" }

// GoString keeps the key out of %#v.
func (d Deriver) GoString() string { return d.String() }

// nativeHash is what mysql_native_password stores for a password.
// Source: MySQL internals, "Secure Password Authentication".
func nativeHash(secret string) string {
	once := sha1.Sum([]byte(secret))
	twice := sha1.Sum(once[:])
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}
