package metadata

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/token"
)

// Bounds of what can be ordered: a fault that is forgotten ends by itself.
const (
	maxFaults     = 1000
	maxFaultCount = 1_000_000
	maxFaultLife  = 24 * time.Hour
	maxFaultDelay = 2 * time.Minute
)

// faults are the orders that stand. They are kept in memory only: a restart ends them.
type faults struct {
	now func() time.Time

	mu       sync.Mutex
	standing []midas.Fault

	rogue func() (token.SigningKey, error)
}

// InjectFault orders a fault. It is Invalid when the kind is unknown or a bound is
// passed. Who may order is the caller's to check.
func (e *Endpoint) InjectFault(f midas.Fault) error { return e.faults.add(f) }

// Faults returns those that stand for the machine, and those for every machine.
func (e *Endpoint) Faults(vmID string) []midas.Fault { return e.faults.list(vmID) }

// ClearFaults ends the faults of the machine alone, or those for every machine when
// vmID is "", and returns how many there were.
func (e *Endpoint) ClearFaults(vmID string) int { return e.faults.clear(vmID) }

func (fs *faults) add(f midas.Fault) error {
	now := fs.now()
	switch {
	case !slices.Contains(midas.FaultKinds, f.Kind):
		return midas.Errorf(midas.Invalid, "there is no fault %q", clip.Text(string(f.Kind)))
	case f.Count < 1 || f.Count > maxFaultCount:
		return midas.Errorf(midas.Invalid, "a fault strikes 1 to %d requests, not %d", maxFaultCount, f.Count)
	case !f.Until.After(now) || f.Until.After(now.Add(maxFaultLife)):
		return midas.Errorf(midas.Invalid, "a fault lasts up to %s", maxFaultLife)
	case f.Kind == midas.FaultSlow && (f.Delay <= 0 || f.Delay > maxFaultDelay):
		return midas.Errorf(midas.Invalid, "a slow answer takes up to %s longer, not %s", maxFaultDelay, f.Delay)
	case f.Kind != midas.FaultSlow && f.Delay != 0:
		return midas.Errorf(midas.Invalid, "only the fault %s has a delay", midas.FaultSlow)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.sweep(now)
	if len(fs.standing) >= maxFaults {
		return midas.Errorf(midas.Conflict, "%d faults stand already", maxFaults)
	}
	fs.standing = append(fs.standing, f)
	return nil
}

func (fs *faults) list(vmID string) []midas.Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.sweep(fs.now())
	var out []midas.Fault
	for _, f := range fs.standing {
		if f.VMID == "" || f.VMID == vmID {
			out = append(out, f)
		}
	}
	return out
}

func (fs *faults) clear(vmID string) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	before := len(fs.standing)
	fs.standing = slices.DeleteFunc(fs.standing, func(f midas.Fault) bool { return f.VMID == vmID })
	return before - len(fs.standing)
}

func (fs *faults) sweep(now time.Time) {
	fs.standing = slices.DeleteFunc(fs.standing, func(f midas.Fault) bool { return f.Count < 1 || !now.Before(f.Until) })
}

// take returns the fault that strikes a request of the machine: the first ordered of
// its own, else of everybody's.
func (fs *faults) take(vmID string) (midas.Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.standing) == 0 {
		return midas.Fault{}, false
	}
	fs.sweep(fs.now())
	for _, whose := range []string{vmID, ""} {
		for i := range fs.standing {
			if fs.standing[i].VMID == whose {
				fs.standing[i].Count--
				return fs.standing[i], true
			}
		}
	}
	return midas.Fault{}, false
}

// strike returns the answer of a fault that has one in place of a token, waiting where
// the fault is to wait.
func (fs *faults) strike(w http.ResponseWriter, r *http.Request, f midas.Fault) *failure {
	switch f.Kind {
	case midas.FaultThrottled:
		return throttled()
	case midas.FaultNotFound:
		return &failure{status: http.StatusNotFound, reason: reasonNotFound, text: "The service is being updated."}
	case midas.FaultGone:
		return &failure{status: http.StatusGone, reason: reasonNotFound, text: "The service is being updated and is back within 70 seconds."}
	case midas.FaultServerError:
		return &failure{status: http.StatusInternalServerError, reason: reasonInternal}
	case midas.FaultEmpty:
		return &failure{status: http.StatusOK, silent: true}
	case midas.FaultNotJSON:
		return &failure{status: http.StatusOK, raw: &rawBody{"text/html", "<!DOCTYPE html><html><body>Sign in to the network</body></html>\n"}}
	case midas.FaultSlow:
		// The server's own patience must not end first.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(f.Delay + time.Minute))
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	return nil
}

// elsewhere is an audience that no server here has.
const elsewhere = "https://wrong-audience.invalid"

// token mints the token that a fault hands out. None of them is remembered, and none
// opens anything: it has expired, is for nobody, or is signed with a key that is thrown
// away.
func (fs *faults) token(ctx context.Context, minter midas.Minter, f midas.Fault, r midas.TokenRequest) (midas.Token, error) {
	switch f.Kind {
	case midas.FaultExpired:
		r.Expired = true
	case midas.FaultWrongAudience:
		r.Resource = elsewhere
	}
	t, err := minter.Mint(ctx, r)
	if err != nil || f.Kind != midas.FaultUnknownKey {
		return t, err
	}
	return fs.resign(t)
}

// resign gives t the signature of a key that nobody has published.
func (fs *faults) resign(t midas.Token) (midas.Token, error) {
	_, claims, err := token.DecodeUnverified(t.Raw)
	if err != nil {
		return midas.Token{}, err
	}
	fs.mu.Lock()
	if fs.rogue == nil {
		fs.rogue = sync.OnceValues(func() (token.SigningKey, error) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			return token.SigningKey{KeyID: "rotated-" + strings.ToLower(rand.Text()), Private: key}, err
		})
	}
	rogue := fs.rogue
	fs.mu.Unlock()
	key, err := rogue()
	if err != nil {
		return midas.Token{}, midas.Errorf(midas.Internal, "make a key for a fault: %w", err)
	}
	t.Raw, err = token.Sign(key, claims)
	return t, err
}
