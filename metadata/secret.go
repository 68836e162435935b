package metadata

import "crypto/subtle"

// Headers that carry the secret of a workload: of App Service, and of its older
// version, Azure Machine Learning and Service Fabric.
// Source: Azure App Service, "REST endpoint reference" of managed identities.
const (
	identityHeader = "X-IDENTITY-HEADER"
	oldHeader      = "Secret"
)

// maxSecret bounds what is compared: a GUID, a full stop and 43 characters.
const maxSecret = 256

// sameSecret compares in constant time, and nothing with nothing is not the same.
func sameSecret(given, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
