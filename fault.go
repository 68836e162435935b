package midas

import "time"

// FaultKind is what goes wrong on purpose.
type FaultKind string

// The faults that the metadata endpoint can be told to have, for those who test how a
// program bears them. Only requests for tokens are struck.
const (
	FaultThrottled     FaultKind = "throttled"      // 429
	FaultNotFound      FaultKind = "not-found"      // 404, as while IMDS is updated
	FaultGone          FaultKind = "gone"           // 410, which Azure ends within 70 s
	FaultServerError   FaultKind = "server-error"   // 500
	FaultSlow          FaultKind = "slow"           // the answer comes after Delay
	FaultExpired       FaultKind = "expired"        // a token that has expired
	FaultWrongAudience FaultKind = "wrong-audience" // a token for somebody else
	FaultUnknownKey    FaultKind = "unknown-key"    // a token of a key that is not published
	FaultEmpty         FaultKind = "empty"          // 200 without a body
	FaultNotJSON       FaultKind = "not-json"       // 200 with a web page
)

// FaultKinds are all of them.
var FaultKinds = []FaultKind{
	FaultThrottled, FaultNotFound, FaultGone, FaultServerError, FaultSlow,
	FaultExpired, FaultWrongAudience, FaultUnknownKey, FaultEmpty, FaultNotJSON,
}

// Fault is one order to go wrong. It ends by itself, by its number or its time.
type Fault struct {
	VMID  string // "" for every machine
	Kind  FaultKind
	Count int           // how many requests it strikes
	Until time.Time     // and how long
	Delay time.Duration // of FaultSlow
}
