package arm

import (
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/injection"
)

// faultOrders remembers what was ordered.
type faultOrders []injection.Fault

func (o *faultOrders) InjectFault(f injection.Fault) error {
	if f.Count < 1 {
		return midas.Errorf(midas.Invalid, "a fault affects 1 request or more")
	}
	*o = append(*o, f)
	return nil
}

func (o *faultOrders) Faults(vmID string) []injection.Fault {
	var out []injection.Fault
	for _, f := range *o {
		if f.VMID == vmID || f.VMID == "" {
			out = append(out, f)
		}
	}
	return out
}

func (o *faultOrders) ClearFaults(vmID string) int {
	var left faultOrders
	for _, f := range *o {
		if f.VMID != vmID {
			left = append(left, f)
		}
	}
	n := len(*o) - len(left)
	*o = left
	return n
}

// The switch for faults: of one machine and of all, with what was not said filled in.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	var faults faultOrders
	w.api.Faults = &faults
	begin := time.Now()
	w.do(t, "owner", "PUT", "/subscriptions/{sub}/resourcegroups/rg?api-version=2022-11-01", `{"location":"eastus"}`)
	w.do(t, "owner", "PUT", "/subscriptions/{sub}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm?api-version=2022-11-01", `{"location":"eastus"}`)
	vm, err := w.dir.GetVM(t.Context(), "rg", "vm")
	if err != nil {
		t.Fatal(err)
	}
	const machine, all = "/subscriptions/{sub}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm/", "/subscriptions/{sub}/providers/Microsoft.Compute/"
	post := func(path, body string, status int) string {
		t.Helper()
		resp, text := w.do(t, "owner", "POST", path+"injectFault?api-version=2022-11-01", body)
		if resp.StatusCode != status {
			t.Errorf("%s: status %d, %s", body, resp.StatusCode, text)
		}
		return text
	}
	post(machine, `{"kind":"gone"}`, 200)
	post(all, `{"kind":"slow","count":7,"durationSeconds":3600,"delaySeconds":1.5}`, 200)
	post(machine, `{"kind":"gone","count":0}`, 400)
	post(machine, `{"kind":7}`, 400)
	post(strings.Replace(machine, "/vm/", "/none/", 1), `{"kind":"gone"}`, 404)
	if len(faults) != 2 {
		t.Fatalf("ordered: %+v", faults)
	}
	if f := faults[0]; f.VMID != vm.VMID || f.Kind != injection.Gone || f.Count != 1 || f.Until.Before(begin.Add(time.Minute)) || f.Until.After(time.Now().Add(time.Minute)) {
		t.Errorf("of the machine: %+v", f)
	}
	if f := faults[1]; f.VMID != "" || f.Count != 7 || f.Delay != 1500*time.Millisecond || f.Until.Before(begin.Add(time.Hour)) {
		t.Errorf("of all: %+v", f)
	}
	if _, text := w.do(t, "owner", "GET", machine+"faults?api-version=2022-11-01", ""); strings.Count(text, `"kind"`) != 2 {
		t.Errorf("of the machine: %s", text)
	}
	if _, text := w.do(t, "owner", "GET", all+"faults?api-version=2022-11-01", ""); strings.Count(text, `"kind"`) != 1 {
		t.Errorf("of all: %s", text)
	}
	// A lock on one machine holds the switch of that one, not of all.
	w.want(t, 201, "owner", "PUT", strings.TrimSuffix(machine, "/")+locks+"l"+api, `{"properties":{"level":"CanNotDelete"}}`)
	w.want(t, 409, "owner", "DELETE", machine+"faults"+api, "")
	w.want(t, 200, "owner", "DELETE", all+"faults"+api, "")
	post(all, `{"kind":"slow"}`, 200)
	w.want(t, 200, "owner", "DELETE", strings.TrimSuffix(machine, "/")+locks+"l"+api, "")
	for _, status := range []int{200, 204} {
		if resp, text := w.do(t, "owner", "DELETE", machine+"faults?api-version=2022-11-01", ""); resp.StatusCode != status || len(faults) != 1 {
			t.Errorf("cleared: status %d, %s, %d left", resp.StatusCode, text, len(faults))
		}
	}
	// A caller without a role at the subscription is refused, and without an endpoint there are no faults.
	resp, text := w.do(t, "stranger", "POST", all+"injectFault?api-version=2022-11-01", `{"kind":"gone"}`)
	wantFault(t, resp, text, 403, "AuthorizationFailed")
	w.api.Faults = nil
	resp, text = w.do(t, "owner", "POST", all+"injectFault?api-version=2022-11-01", `{"kind":"gone"}`)
	wantFault(t, resp, text, 404, "ResourceNotFound")
}
