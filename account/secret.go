package account

import (
	"crypto/sha1" //nolint:gosec // mysql_native_password is defined with it
	"encoding/hex"
	"strings"
)

// secretSuffix satisfies servers that demand a digit, both cases and another character
// of each password (validate_password, simple_password_check), whatever was derived.
const secretSuffix = "-aA1"

// nativeHash is what mysql_native_password stores for a password.
// Source: MySQL internals, "Secure Password Authentication".
func nativeHash(secret string) string {
	once := sha1.Sum([]byte(secret))
	twice := sha1.Sum(once[:])
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}
