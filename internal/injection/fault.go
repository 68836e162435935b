// Package injection owns the faults that the metadata endpoint is told to have, for those who
// test how a program bears them: which kinds there are, and which orders hold now.
//
// It never answers a request: package metadata does what a Fault says, and package arm lets
// operators give the orders.
package injection

import "time"

// Kind is what goes wrong.
type Kind string

// The kinds of fault. They affect requests for tokens only.
const (
	Throttled     Kind = "throttled"      // 429
	NotFound      Kind = "not-found"      // 404, as while IMDS is updated
	Gone          Kind = "gone"           // 410, which Azure ends within 70 s
	ServerError   Kind = "server-error"   // 500
	Slow          Kind = "slow"           // the answer comes after Delay
	Expired       Kind = "expired"        // a token that has expired
	WrongAudience Kind = "wrong-audience" // a token for another audience
	UnknownKey    Kind = "unknown-key"    // a token of a key that is not published
	Empty         Kind = "empty"          // 200 without a body
	NotJSON       Kind = "not-json"       // 200 with a web page
)

// Kinds are all of them.
var Kinds = []Kind{Throttled, NotFound, Gone, ServerError, Slow, Expired, WrongAudience, UnknownKey, Empty, NotJSON}

// Fault is one order to go wrong. It ends by itself, after Count requests or at Until.
type Fault struct {
	VMID  string // "" for every machine
	Kind  Kind
	Count int // how many requests it affects
	Until time.Time
	Delay time.Duration // of Slow
}
