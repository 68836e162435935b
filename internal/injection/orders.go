package injection

import (
	"slices"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Bounds of what can be ordered: a fault that is forgotten ends by itself.
const (
	maxFaults = 1000
	maxCount  = 1_000_000
	maxLife   = 24 * time.Hour
	maxDelay  = 2 * time.Minute
)

// Orders are the faults that hold. They are kept in memory only: a restart ends them. Orders
// are safe for concurrent use.
type Orders struct {
	now func() time.Time

	mu   sync.Mutex
	hold []Fault
}

// New returns Orders of no fault.
func New(now func() time.Time) *Orders { return &Orders{now: now} }

// InjectFault orders a fault. It is Invalid when the kind is unknown or a bound is passed,
// Conflict when there are too many. The caller checks who may order one.
func (o *Orders) InjectFault(f Fault) error {
	now := o.now()
	switch {
	case !slices.Contains(Kinds, f.Kind):
		return midas.Errorf(midas.Invalid, "there is no fault %q", clip.Text(string(f.Kind)))
	case f.Count < 1 || f.Count > maxCount:
		return midas.Errorf(midas.Invalid, "a fault affects 1 to %d requests, not %d", maxCount, f.Count)
	case !f.Until.After(now) || f.Until.After(now.Add(maxLife)):
		return midas.Errorf(midas.Invalid, "a fault lasts up to %s", maxLife)
	case f.Kind == Slow && (f.Delay <= 0 || f.Delay > maxDelay):
		return midas.Errorf(midas.Invalid, "a slow answer takes up to %s longer, not %s", maxDelay, f.Delay)
	case f.Kind != Slow && f.Delay != 0:
		return midas.Errorf(midas.Invalid, "only the fault %s has a delay", Slow)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep(now)
	if len(o.hold) >= maxFaults {
		return midas.Errorf(midas.Conflict, "%d faults are ordered already", maxFaults)
	}
	o.hold = append(o.hold, f)
	return nil
}

// Faults returns the faults of the machine, and those of every machine.
func (o *Orders) Faults(vmID string) []Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep(o.now())
	var out []Fault
	for _, f := range o.hold {
		if f.VMID == "" || f.VMID == vmID {
			out = append(out, f)
		}
	}
	return out
}

// ClearFaults ends the faults of the machine alone, or those of every machine when vmID is
// "", and returns how many there were.
func (o *Orders) ClearFaults(vmID string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.hold)
	o.hold = slices.DeleteFunc(o.hold, func(f Fault) bool { return f.VMID == vmID })
	return before - len(o.hold)
}

// Take returns the fault that affects a request of the machine, and counts that request: the
// first one ordered for the machine, else the first for every machine.
func (o *Orders) Take(vmID string) (Fault, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.hold) == 0 {
		return Fault{}, false
	}
	o.sweep(o.now())
	for _, of := range []string{vmID, ""} {
		for i := range o.hold {
			if o.hold[i].VMID == of {
				o.hold[i].Count--
				return o.hold[i], true
			}
		}
	}
	return Fault{}, false
}

func (o *Orders) sweep(now time.Time) {
	o.hold = slices.DeleteFunc(o.hold, func(f Fault) bool { return f.Count < 1 || !now.Before(f.Until) })
}
