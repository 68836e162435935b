package metadata

import (
	"time"

	"github.com/midas-mysql/midas"
)

// visit is one recognised request, from its admission to its end.
type visit struct {
	state    feedState
	machine  *machine
	workload midas.Workload
	counted  bool // among the concurrent ones
}

// admitToken lets a request for a token in, or refuses it for the number of those
// before it.
func (v *visit) admitToken(l Limits, now time.Time) *failure {
	m := v.machine
	if m.identity != nil && !m.identity.AllowN(now, 1) {
		return throttled()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.ConcurrentTokens > 0 && m.active >= l.ConcurrentTokens {
		return throttled()
	}
	m.active++
	v.counted = true
	return nil
}

// admitOther is admitToken for everything else.
func (v *visit) admitOther(now time.Time) *failure {
	if l := v.machine.general; l != nil && !l.AllowN(now, 1) {
		return throttled()
	}
	return nil
}

// leave ends the visit.
func (v *visit) leave() {
	if !v.counted {
		return
	}
	v.machine.mu.Lock()
	v.machine.active--
	v.machine.mu.Unlock()
}
