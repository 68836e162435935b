package arm

import (
	"net/http"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

func showMachine(v directory.VM) any {
	out := show(v.Resource, machineType, object{"vmId": v.VMID, "provisioningState": "Succeeded"})
	if assigned := showAssigned(v.System, v.UserAssigned); assigned != nil {
		out["identity"] = assigned
	}
	return out
}

func (a *API) listMachines(c *call) (answer, error) {
	all, err := a.Directory.ListVMs(c.Context(), c.vars["group"])
	return list(visible(c, all, func(v directory.VM) string { return v.ID }), showMachine), err
}

func (a *API) getMachine(c *call) (answer, error) {
	v, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"])
	return answer{http.StatusOK, showMachine(v)}, err
}

func (a *API) putMachine(c *call) (answer, error) {
	change, err := a.change(c)
	if err != nil {
		return answer{}, err
	}
	v, created, err := a.Directory.PutVM(c.Context(), c.vars["group"], c.vars["name"], change)
	return answer{made(created), showMachine(v)}, err
}

// patchMachine answers 200 and is done. Azure answers 200 and goes on in the
// background; its clients take either.
func (a *API) patchMachine(c *call) (answer, error) {
	change, err := a.change(c)
	if err != nil {
		return answer{}, err
	}
	v, err := a.Directory.PatchVM(c.Context(), c.vars["group"], c.vars["name"], change)
	return answer{http.StatusOK, showMachine(v)}, err
}

func (a *API) deleteMachine(c *call) (answer, error) {
	return removed(a.Directory.DeleteVM(c.Context(), c.vars["group"], c.vars["name"]))
}

// listIdentityEndpoint returns what makes a program act as the machine: the values
// of IDENTITY_ENDPOINT and IDENTITY_HEADER in App Service's protocol. Azure has no
// such action; there, being on the machine is the proof.
func (a *API) listIdentityEndpoint(c *call) (answer, error) {
	v, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"])
	if err != nil {
		return answer{}, err
	}
	if a.MetadataURL == nil || a.WorkloadSecret == nil {
		return answer{}, midas.Errorf(midas.NotFound, "This control plane has no metadata endpoint.")
	}
	return answer{http.StatusOK, object{
		"identityEndpoint": a.MetadataURL() + "/msi/token", "identityHeader": a.WorkloadSecret(v.VMID),
	}}, nil
}
