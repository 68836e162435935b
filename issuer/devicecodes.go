package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clientkey"
	"github.com/midas-mysql/midas/internal/passwordthrottle"
)

const (
	deviceLife = 15 * time.Minute
	// devicePoll is how often the program may ask whether the person is done.
	devicePoll = 5 * time.Second
	// spared is how long a code stays, though others of its source need the room: long
	// enough to be typed in. Asking about it prolongs nothing, or one program could keep
	// everybody else on its machine out.
	spared = time.Minute
	// unasked is how long its program may be silent before a code gives way to others of its
	// source: it has given up, or never meant to wait.
	unasked = 4 * devicePoll
	// sparedTyped is that once the code was first typed in: there is a password to type,
	// and the program has to hear of it.
	sparedTyped = 3 * time.Minute

	// userCodeLetters make no word and are not mistaken for each other
	// (RFC 8628 section 6.1).
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 9
)

// deviceLimits are how many codes wait at once. A source's own limit keeps it from pushing out
// everybody else's. A provider's customer chooses among the 65,536 sources of an IPv6 network,
// which has one of its own.
type deviceLimits struct {
	all     int // when there are more, those go that were longest not asked about
	source  int
	network int
	machine int // the programs of this one
}

var usualDevices = deviceLimits{all: 40_000, source: 50, network: 1000, machine: 20_000}

// codeFailures are wrong user codes. There are many more codes than passwords that people
// choose, none lives long, and somebody who has one still needs a password: what counts is
// that nobody's guesses keep others at the same address out.
var codeFailures = passwordthrottle.SourceLimits{
	Subscriber: passwordthrottle.Allowance{Burst: 1000, Every: 170 * time.Millisecond},
	Network:    passwordthrottle.Allowance{Burst: 4000, Every: 43 * time.Millisecond},
	Local:      passwordthrottle.Allowance{Burst: 10_000, Every: 17 * time.Millisecond},
}

// device is one code on its way.
type device struct {
	userCode string
	clientID string
	resource string
	from     clientkey.Key // where the program is, as it is counted
	address  string        // and as people are told
	began    time.Time
	polled   time.Time
	typed    time.Time   // first, or decided; zero while nobody has
	digest   [32]byte    // of the device code
	user     *midas.User // who signed in; nil for nobody yet
	declined bool
}

// deviceCodes are the codes that wait. They live in memory: a restart ends them, and
// their program asks for another.
type deviceCodes struct {
	limits deviceLimits

	mu       sync.Mutex
	byDigest *lru.Cache[[32]byte, *device] // by when their program last asked
	byUser   map[string]*device
	waiting  map[clientkey.Key][]*device // of a source and of its network, the oldest first
}

func newDeviceCodes(limits deviceLimits) (*deviceCodes, error) {
	d := &deviceCodes{limits: limits, byUser: map[string]*device{}, waiting: map[clientkey.Key][]*device{}}
	var err error
	d.byDigest, err = lru.NewWithEvict(limits.all, func(_ [32]byte, gone *device) { d.forget(gone) })
	return d, err
}

// forget is called for each code that goes. The lock is held.
func (d *deviceCodes) forget(gone *device) {
	delete(d.byUser, gone.userCode)
	for _, b := range d.limits.bounds(gone.from) {
		left := slices.DeleteFunc(d.waiting[b.of], func(n *device) bool { return n == gone })
		if d.waiting[b.of] = left; len(left) == 0 {
			delete(d.waiting, b.of)
		}
	}
}

// add makes a code, or fails when its source has too many.
func (d *deviceCodes) add(n device) (deviceCode, userCode string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, old, some := d.byDigest.GetOldest(); some && n.began.Sub(old.began) >= deviceLife; _, old, some = d.byDigest.GetOldest() {
		d.byDigest.RemoveOldest()
	}
	for _, b := range d.limits.bounds(n.from) {
		if !d.room(b, n.began) {
			return "", "", false
		}
	}
	for n.userCode = newUserCode(); d.byUser[n.userCode] != nil; n.userCode = newUserCode() {
	}
	deviceCode = opaque(32)
	d.byUser[n.userCode] = &n
	n.digest = sha256.Sum256([]byte(deviceCode))
	for _, b := range d.limits.bounds(n.from) {
		d.waiting[b.of] = append(d.waiting[b.of], &n)
	}
	d.byDigest.Add(n.digest, &n)
	return deviceCode, n.userCode, true
}

// bound is how many codes may wait of those that share a key.
type bound struct {
	of   clientkey.Key
	most int
}

// bounds are those that a code from there counts against.
func (l deviceLimits) bounds(from clientkey.Key) []bound {
	switch {
	case from.Local():
		return []bound{{from, l.machine}}
	case from.Network.IsValid():
		return []bound{{from, l.source}, {clientkey.Key{Network: from.Network}, l.network}}
	}
	return []bound{{from, l.source}}
}

// room makes room for one more code: the oldest goes that its program asks about no more, or
// that nobody has typed. The lock is held.
func (d *deviceCodes) room(b bound, now time.Time) bool {
	waiting := d.waiting[b.of]
	if len(waiting) < b.most {
		return true
	}
	at := slices.IndexFunc(waiting, func(n *device) bool { return n.givesWay(now) })
	if at >= 0 {
		d.byDigest.Remove(waiting[at].digest)
	}
	return at >= 0
}

// givesWay reports whether a code may go when others of its source need the room.
func (n *device) givesWay(now time.Time) bool {
	asked := n.began
	if n.polled.After(asked) {
		asked = n.polled
	}
	switch {
	case now.Sub(asked) >= unasked:
		return true
	case n.typed.IsZero():
		return now.Sub(n.began) >= spared
	}
	return now.Sub(n.began) >= spared && now.Sub(n.typed) >= sparedTyped
}

func newUserCode() string {
	code := make([]byte, 0, userCodeLength)
	for len(code) < userCodeLength {
		var b [16]byte
		rand.Read(b[:]) // never fails
		for _, x := range b {
			// What is over the last whole multiple would favour some letters.
			if int(x) < 256-256%len(userCodeLetters) && len(code) < userCodeLength {
				code = append(code, userCodeLetters[int(x)%len(userCodeLetters)])
			}
		}
	}
	return string(code)
}

// find returns the waiting code that a person typed, in any spelling; nil for none.
func (d *deviceCodes) find(typed string, now time.Time) *device {
	code := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(typed))
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.byUser[code]
	if n == nil || now.Sub(n.began) >= deviceLife || n.user != nil || n.declined {
		return nil
	}
	if n.typed.IsZero() {
		n.typed = now
	}
	copied := *n
	return &copied
}

// decide notes who signed in, or that the person declined; false when the code is gone or
// was decided before.
func (d *deviceCodes) decide(userCode string, u *midas.User, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.byUser[userCode]
	if n == nil || now.Sub(n.began) >= deviceLife || n.user != nil || n.declined {
		return false
	}
	n.user, n.declined, n.typed = u, u == nil, now
	return true
}

// poll returns the code that a program asks about, and how that is answered. One that is
// decided goes: it is good once.
func (d *deviceCodes) poll(deviceCode, clientID string, now time.Time) (*device, *oauthError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	digest := sha256.Sum256([]byte(deviceCode))
	n, ok := d.byDigest.Peek(digest)
	if !ok || !strings.EqualFold(n.clientID, clientID) {
		return nil, &oauthError{status: http.StatusBadRequest, code: "bad_verification_code", number: 70000, text: "The provided value for the 'device_code' is not valid: it was used, is of another client, or never was."}
	}
	early := !n.polled.IsZero() && now.Sub(n.polled) < devicePoll-time.Second
	n.polled = now
	d.byDigest.Get(digest) // a code that is asked about goes last when room is needed
	switch {
	case now.Sub(n.began) >= deviceLife:
		d.byDigest.Remove(digest)
		return nil, &oauthError{status: http.StatusBadRequest, code: "expired_token", number: 70020, text: "The provided value for the 'device_code' has expired. Ask for another."}
	case n.declined:
		d.byDigest.Remove(digest)
		return nil, &oauthError{status: http.StatusBadRequest, code: "authorization_declined", number: 70018, text: "The person declined the sign-in."}
	case n.user != nil:
		d.byDigest.Remove(digest)
		return n, nil
	case early:
		return nil, &oauthError{status: http.StatusBadRequest, code: "slow_down", number: 50196, text: fmt.Sprintf("Ask every %d seconds, and not more often.", int(devicePoll.Seconds()))}
	}
	return nil, &oauthError{status: http.StatusBadRequest, code: "authorization_pending", number: 70016, text: "OAuth 2.0 device flow error. Authorization is pending. Continue polling."}
}
