package metadata

import (
	"crypto/subtle"
	"strconv"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
)

// Headers that carry the secret of a workload: of App Service, and of its older
// version, Azure Machine Learning and Service Fabric.
// Source: Azure App Service, "REST endpoint reference" of managed identities.
const (
	identityHeader = "X-IDENTITY-HEADER"
	oldHeader      = "Secret"
)

const (
	// maxSecret bounds what is compared: a GUID, a time of ten digits and 43 characters,
	// with full stops between them.
	maxSecret = 256
	// skew is by how much the clock may have been set back since a secret was made.
	skew = 5 * time.Minute
)

// secrets tells machines by what their programs prove themselves with.
type secrets struct {
	of   func(vmID string, until time.Time) string
	most time.Duration // how far their end may be away, 0 for any
	now  func() time.Time
}

// machine returns the id of the machine that a secret is of. header is where it stood, and
// spelling how much of it the client has kept. Nothing but that it is wrong is told of one
// that was not made here.
func (s secrets) machine(given, header string, spelling func(string) string) (vmID string, err error) {
	parts := strings.Split(given, ".")
	if len(given) <= maxSecret && len(parts) == 2 && len(parts[0]) == 36 && len(parts[1]) == 43 {
		return "", midas.Errorf(midas.Unauthenticated, "the %s has no expiry, as those of earlier versions had none: midas env prints a new one", header)
	}
	if len(given) > maxSecret || len(parts) != 3 {
		return "", midas.Errorf(midas.Unauthenticated, "the %s is of no machine here", header)
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	until := time.Unix(seconds, 0)
	if err != nil || !sameSecret(given, spelling(s.of(parts[0], until))) {
		return "", midas.Errorf(midas.Unauthenticated, "the %s is of no machine here", header)
	}
	switch now := s.now(); {
	case !now.Before(until):
		return "", midas.Errorf(midas.Unauthenticated, "the %s ended at %s: midas env prints a new one", header, until.UTC().Format(time.RFC3339))
	case s.most > 0 && until.Sub(now) > s.most+skew:
		return "", midas.Errorf(midas.Unauthenticated, "the %s was made for longer than the %s that are allowed now: midas env prints a new one", header, s.most)
	}
	return parts[0], nil
}

// sameSecret compares in constant time, and nothing with nothing is not the same.
func sameSecret(given, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
