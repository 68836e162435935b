package arm

import (
	"net/http"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/injection"
)

// Faults is what the metadata endpoint can be told to do wrong.
type Faults interface {
	// InjectFault orders a fault, or is Invalid or Conflict.
	InjectFault(f injection.Fault) error
	// Faults returns those that stand for a machine and those for all.
	Faults(vmID string) []injection.Fault
	// ClearFaults ends those of one machine alone, or those for all ("").
	ClearFaults(vmID string) int
}

// Unless told otherwise a fault affects one request, within a minute.
const (
	faultCount    = 1
	faultDuration = time.Minute
)

// routeFaults adds the switch for faults, which Azure does not have. It has permissions
// of its own: of one machine at the machine, of all at the subscription.
func (a *API) routeFaults(t *routes) {
	const compute = "Microsoft.Compute"
	t.add(http.MethodPost, machine+"/{name}/injectFault", machineType+"/injectFault/action", a.injectFault)
	t.add(http.MethodGet, machine+"/{name}/faults", machineType+"/faults/read", a.listFaults)
	t.add(http.MethodDelete, machine+"/{name}/faults", machineType+"/faults/delete", a.clearFaults).admit = true
	const all = subscription + "/providers/" + compute
	t.add(http.MethodPost, all+"/injectFault", compute+"/injectFault/action", a.injectFault)
	t.add(http.MethodGet, all+"/faults", compute+"/faults/read", a.listFaults)
	t.add(http.MethodDelete, all+"/faults", compute+"/faults/delete", a.clearFaults).admit = true
}

// faultMachine returns the VM id that a call about faults is about, "" for all.
func (a *API) faultMachine(c *call) (string, error) {
	if a.Faults == nil {
		return "", midas.Errorf(midas.NotFound, "This control plane has no metadata endpoint.")
	}
	if c.vars["name"] == "" {
		return "", nil
	}
	v, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"])
	return v.VMID, err
}

func (a *API) injectFault(c *call) (answer, error) {
	vmID, err := a.faultMachine(c)
	if err != nil {
		return answer{}, err
	}
	var body struct {
		Kind     string   `json:"kind"`
		Count    *int     `json:"count"`
		Duration *float64 `json:"durationSeconds"`
		Delay    float64  `json:"delaySeconds"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	f := injection.Fault{VMID: vmID, Kind: injection.Kind(body.Kind), Count: faultCount, Delay: seconds(body.Delay)}
	if body.Count != nil {
		f.Count = *body.Count
	}
	lasts := faultDuration
	if body.Duration != nil {
		lasts = seconds(*body.Duration)
	}
	f.Until = a.Now().Add(lasts)
	if err := a.Faults.InjectFault(f); err != nil {
		return answer{}, err
	}
	a.Log.WarnContext(c.Context(), "fault ordered", "fault", f.Kind, "machine", c.vars["name"], "count", f.Count, "until", f.Until, "object", c.who.ObjectID)
	return answer{status: http.StatusOK, body: showFault(f), deed: changedElsewhere}, nil
}

// seconds is a number of seconds as a duration; one that is out of all bounds is longer
// than anything that is allowed.
func seconds(n float64) time.Duration {
	const most = 1 << 30
	return time.Duration(min(max(n, -most), most) * float64(time.Second))
}

func (a *API) listFaults(c *call) (answer, error) {
	vmID, err := a.faultMachine(c)
	if err != nil {
		return answer{}, err
	}
	return list(a.Faults.Faults(vmID), showFault), nil
}

func (a *API) clearFaults(c *call) (answer, error) {
	vmID, err := a.faultMachine(c)
	if err != nil {
		return answer{}, err
	}
	n := a.Faults.ClearFaults(vmID)
	if n > 0 {
		a.Log.WarnContext(c.Context(), "faults cleared", "machine", c.vars["name"], "count", n, "object", c.who.ObjectID)
	}
	ans, err := removed(n > 0, nil)
	if n > 0 {
		ans.deed = changedElsewhere
	}
	return ans, err
}

func showFault(f injection.Fault) any {
	out := object{"kind": f.Kind, "count": f.Count, "until": f.Until.UTC().Format(time.RFC3339), "allMachines": f.VMID == ""}
	if f.Delay > 0 {
		out["delaySeconds"] = f.Delay.Seconds()
	}
	return out
}
