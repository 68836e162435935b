package arm

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

const compute = "Microsoft.Compute"

// anywhere is the location in the path of an operation on what was not there.
const anywhere = "global"

func (c *call) showMachine(v directory.VM) any {
	out := show(v.Resource, machineType, object{"vmId": v.VMID, "provisioningState": "Succeeded"})
	if c.query["api-version"] >= "2024-11-01" { // in the body since then
		out["etag"] = `"` + v.ETag + `"`
	}
	if assigned := showAssigned(v.System, v.UserAssigned); assigned != nil {
		out["identity"] = assigned
	}
	return out
}

func (a *API) listMachines(c *call) (answer, error) {
	return listed(c, a.Directory.PageVMs, func(r directory.VM) directory.Resource { return r.Resource }, c.showMachine)
}

func (a *API) getMachine(c *call) (answer, error) {
	v, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"])
	if err != nil {
		return answer{}, err
	}
	shown := c.showMachine(v).(object)
	if strings.EqualFold(c.query["$expand"], "instanceView") {
		shown["properties"].(object)["instanceView"] = instanceView()
	}
	return answer{status: http.StatusOK, body: shown, etag: v.ETag}, nil
}

// instanceView tells that the machine is registered. It says nothing of power: midas does
// not know whether it runs.
func instanceView() object {
	return object{"statuses": []object{{
		"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded",
	}}}
}

func (a *API) getInstanceView(c *call) (answer, error) {
	_, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"])
	return answer{status: http.StatusOK, body: instanceView()}, err
}

func (a *API) putMachine(c *call) (answer, error) {
	change, err := a.change(c)
	if err != nil {
		return answer{}, err
	}
	v, created, err := a.Directory.PutVM(c.Context(), c.op, c.vars["group"], c.vars["name"], change)
	return a.goesOn(c, compute, v.Location, answer{status: made(created), body: c.showMachine(v), etag: v.ETag}, err)
}

func (a *API) patchMachine(c *call) (answer, error) {
	change, err := a.change(c)
	if err != nil {
		return answer{}, err
	}
	v, err := a.Directory.PatchVM(c.Context(), c.op, c.vars["group"], c.vars["name"], change)
	return a.goesOn(c, compute, v.Location, answer{status: http.StatusOK, body: c.showMachine(v), etag: v.ETag}, err)
}

func (a *API) deleteMachine(c *call) (answer, error) {
	where := anywhere
	if v, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"]); err == nil {
		where = v.Location // while it can be asked
	}
	ans, err := removed(a.Directory.DeleteVM(c.Context(), c.op, c.vars["group"], c.vars["name"]))
	return a.goesOn(c, compute, where, ans, err)
}

// listIdentityEndpoint returns what makes a program act as the machine: the values
// of IDENTITY_ENDPOINT and IDENTITY_HEADER in App Service's protocol. Azure has no
// such action; there, being on the machine is the proof. The secret ends: anyone who took the
// endpoint's port while midas was down may have been sent it.
func (a *API) listIdentityEndpoint(c *call) (answer, error) {
	v, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"])
	if err != nil {
		return answer{}, err
	}
	if a.MetadataURL == nil || a.WorkloadSecret == nil {
		return answer{}, midas.Errorf(midas.NotFound, "This control plane has no metadata endpoint.")
	}
	var wanted struct {
		Seconds *int64 `json:"lifetimeSeconds"`
	}
	if len(bytes.TrimSpace(c.body)) > 0 {
		if err := c.decode(&wanted); err != nil {
			return answer{}, err
		}
	}
	lifetime := a.SecretLifetime
	if s := wanted.Seconds; s != nil && *s <= 0 {
		return answer{}, errContent("'lifetimeSeconds' must be a number above 0.")
	} else if s != nil && *s < int64(lifetime/time.Second) {
		lifetime = time.Duration(*s) * time.Second
	}
	until := a.Now().Add(lifetime).Truncate(time.Second)
	return answer{status: http.StatusOK, deed: handedOut, body: object{
		"identityEndpoint": a.MetadataURL() + "/msi/token", "identityHeader": a.WorkloadSecret(v.VMID, until),
		"expiresOn": until.UTC().Format(time.RFC3339),
	}}, nil
}
