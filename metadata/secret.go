package metadata

import "crypto/subtle"

// identityHeader carries the secret of a workload.
// Source: Azure App Service, "REST endpoint reference" of managed identities.
const identityHeader = "X-IDENTITY-HEADER"

// maxSecret bounds what is compared: a GUID, a full stop and 43 characters.
const maxSecret = 256

// sameSecret compares in constant time, and nothing with nothing is not the same.
func sameSecret(given, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
