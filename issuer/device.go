package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
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

// The device code grant: a program without a browser shows a short code, and a person
// types it where there is one (RFC 8628).
const (
	devicePath = "/devicelogin"
	deviceLife = 15 * time.Minute
	// devicePoll is how often the program may ask whether the person is done.
	devicePoll = 5 * time.Second
	// maxDevices is how many codes wait at once; when there are more, those go that were
	// longest not asked about.
	maxDevices = 10_000
	// How many of one source's wait keeps it from pushing out everybody else's.
	devicesPerSource = 50
	devicesLoopback  = 1000
	// spared is how long a code stays, though others of its source need the room: long
	// enough to be typed in. Asking about it prolongs nothing, or one program could keep
	// everybody else on its machine out.
	spared = time.Minute
	// sparedTyped is that once the code was first typed in: there is a password to type,
	// and the program has to hear of it.
	sparedTyped = 3 * time.Minute

	// userCodeLetters make no word and are not mistaken for each other
	// (RFC 8628 section 6.1).
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 9
)

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
	mu       sync.Mutex
	byDigest *lru.Cache[[32]byte, *device] // by when their program last asked
	byUser   map[string]*device
	waiting  map[clientkey.Key][]*device // the oldest first
}

func newDeviceCodes() (*deviceCodes, error) {
	d := &deviceCodes{byUser: map[string]*device{}, waiting: map[clientkey.Key][]*device{}}
	var err error
	d.byDigest, err = lru.NewWithEvict(maxDevices, func(_ [32]byte, gone *device) { d.forget(gone) })
	return d, err
}

// forget is called for each code that goes. The lock is held.
func (d *deviceCodes) forget(gone *device) {
	delete(d.byUser, gone.userCode)
	left := slices.DeleteFunc(d.waiting[gone.from], func(n *device) bool { return n == gone })
	if d.waiting[gone.from] = left; len(left) == 0 {
		delete(d.waiting, gone.from)
	}
}

// add makes a code, or fails when its source has too many.
func (d *deviceCodes) add(n device) (deviceCode, userCode string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, old, some := d.byDigest.GetOldest(); some && n.began.Sub(old.began) >= deviceLife; _, old, some = d.byDigest.GetOldest() {
		d.byDigest.RemoveOldest()
	}
	if !d.room(n.from, n.began) {
		return "", "", false
	}
	for n.userCode = newUserCode(); d.byUser[n.userCode] != nil; n.userCode = newUserCode() {
	}
	deviceCode = opaque(32)
	d.byUser[n.userCode] = &n
	n.digest = sha256.Sum256([]byte(deviceCode))
	d.waiting[n.from] = append(d.waiting[n.from], &n)
	d.byDigest.Add(n.digest, &n)
	return deviceCode, n.userCode, true
}

// room makes room for one more code of a source: the oldest that nobody has typed goes. The
// lock is held.
func (d *deviceCodes) room(from clientkey.Key, now time.Time) bool {
	waiting, most := d.waiting[from], devicesPerSource
	if from.Local() {
		most = devicesLoopback
	}
	if len(waiting) < most {
		return true
	}
	at := slices.IndexFunc(waiting, func(n *device) bool {
		return now.Sub(n.began) >= spared && (n.typed.IsZero() || now.Sub(n.typed) >= sparedTyped)
	})
	if at >= 0 {
		d.byDigest.Remove(waiting[at].digest)
	}
	return at >= 0
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

// serveDeviceCode gives a program the two codes.
func (i *Issuer) serveDeviceCode(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, failed := readForm(w, r)
		a := &ask{Request: r, form: form, v2: v2}
		if failed == nil {
			a.client, failed = i.authenticate(r, form)
		}
		if failed == nil {
			failed = i.mayActFor(a)
		}
		var resource string
		if failed == nil {
			resource, failed = i.userResource(form, v2)
		}
		if failed != nil {
			i.refuse(w, r, *failed)
			return
		}
		deviceCode, userCode, ok := i.devices.add(device{clientID: a.client.id, resource: resource, from: senderOf(r), address: addressOf(r), began: i.now()})
		if !ok {
			i.refuse(w, r, oauthError{
				status: http.StatusTooManyRequests, code: "temporarily_unavailable", number: 50196,
				text: "Too many sign-ins wait from this address. Finish some of them.",
			})
			return
		}
		page := i.origin(r) + devicePath
		doc := map[string]any{
			"user_code": userCode, "device_code": deviceCode, "verification_uri": page,
			"expires_in": int(deviceLife.Seconds()), "interval": int(devicePoll.Seconds()),
			"message": fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, userCode),
		}
		if !v2 {
			doc["verification_url"] = page
			doc["expires_in"], doc["interval"] = fmt.Sprint(doc["expires_in"]), fmt.Sprint(doc["interval"])
		}
		noStore(w)
		answer(w, http.StatusOK, doc)
	}
}

// grantByDevice trades a device code for tokens once the person has signed in.
func (i *Issuer) grantByDevice(a *ask) (*issued, *oauthError) {
	if failed := i.mayActFor(a); failed != nil {
		return nil, failed
	}
	code := a.form.Get("device_code")
	if code == "" {
		code = a.form.Get("code") // version 1
	}
	if code == "" {
		return nil, missing("device_code")
	}
	n, failed := i.devices.poll(code, a.client.id, i.now())
	if failed != nil {
		return nil, failed
	}
	// The person signed in a while ago, and may have been disabled since, or changed the
	// password that they had lost.
	u, err := i.People.UserByID(a.Context(), n.user.ObjectID)
	switch {
	case mayNotSignIn(err), err == nil && u.Stamp != n.user.Stamp:
		i.refusals.Known(slog.LevelWarn, n.user.ObjectID, "device sign-in refused", "user", n.user.ObjectID, "client", a.client.id, "why", "the account has changed since")
		return nil, noGrant("device_code")
	case err != nil:
		return nil, i.notIssued(a, n.resource, err)
	}
	return i.issueUser(a, u, n.resource, nil)
}
