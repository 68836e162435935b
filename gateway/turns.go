package gateway

import "net/netip"

// How many sign-ins of each kind the gateway works on at once, of those that ask a backend at each
// server. They have lanes of their own: passwords of strangers, which the backend is asked about, do
// not delay tokens, nor does a backend that does not answer the sign-ins to others.
const (
	tokensAtOnce    = 64
	passwordsAtOnce = 32
	// enteringAtOnce is how many sign-ins whose token held one backend is asked to let in at once.
	// It may not answer: one who owns a database can have the server wait for a lock of it. Half
	// of them are of one account and source at most, and everybody else's sign-ins go on.
	enteringAtOnce = 64
)

// accountAt is an account of a backend that one source signs in as.
type accountAt struct {
	mapping string
	source  netip.Prefix
}
