package arm

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/midas-mysql/midas/directory"
)

const workloadMatchType = machineType + "/workloadMatches"

// routeWorkloadMatches adds the workload matches: what a machine is recognised by that shows no
// secret. Azure has none: there, being on the machine is the proof. The right to write them
// is the right to act as the machine, as in Azure the right to run commands on it. A match
// names something of the host, by which any machine could be recognised: writing one takes the
// permission at the subscription too, so that the right to write one machine does not suffice to
// take the callers of another.
func (a *API) routeWorkloadMatches(t *routes) {
	const all = machine + "/{name}/workloadMatches"
	t.add(http.MethodGet, all, workloadMatchType+"/read", a.listWorkloadMatches)
	t.add(http.MethodGet, all+"/{match}", workloadMatchType+"/read", a.getWorkloadMatch)
	t.add(http.MethodPut, all+"/{match}", workloadMatchType+"/write", a.putWorkloadMatch)
	t.add(http.MethodDelete, all+"/{match}", workloadMatchType+"/delete", a.deleteWorkloadMatch)
}

func (a *API) showWorkloadMatch(c *call, r directory.WorkloadMatch) any {
	properties := object{}
	switch {
	case r.Network.IsValid():
		properties["cidr"] = r.Network.String()
		if r.InsecureOwn {
			properties["insecureOwnAddresses"] = true
		}
	case r.UserID != nil:
		properties["uid"] = strconv.FormatUint(uint64(*r.UserID), 10)
	default:
		properties["cgroup"] = r.Cgroup
	}
	_, sub := a.Directory.Tenant()
	return object{
		"id": "/subscriptions/" + sub + "/resourceGroups/" + c.vars["group"] + "/providers/" + machineType + "/" + c.vars["name"] +
			"/workloadMatches/" + r.Name,
		"name": r.Name, "type": workloadMatchType, "properties": properties,
	}
}

func (a *API) listWorkloadMatches(c *call) (answer, error) {
	all, err := a.Directory.ListWorkloadMatches(c.Context(), c.vars["group"], c.vars["name"])
	return list(all, func(r directory.WorkloadMatch) any { return a.showWorkloadMatch(c, r) }), err
}

func (a *API) getWorkloadMatch(c *call) (answer, error) {
	r, err := a.Directory.GetWorkloadMatch(c.Context(), c.vars["group"], c.vars["name"], c.vars["match"])
	return answer{status: http.StatusOK, body: a.showWorkloadMatch(c, r)}, err
}

func (a *API) putWorkloadMatch(c *call) (answer, error) {
	var body struct {
		Properties struct {
			CIDR   string      `json:"cidr"`
			UserID json.Number `json:"uid"` // a number, or text that holds one
			Cgroup string      `json:"cgroup"`
			// InsecureOwn makes the cidr count for this machine's own addresses.
			InsecureOwn bool `json:"insecureOwnAddresses"`
		} `json:"properties"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	_, sub := a.Directory.Tenant()
	c.op.Linked = append(c.op.Linked, directory.Permission{Action: c.route.action, Scope: "/subscriptions/" + sub})
	r, created, err := a.Directory.PutWorkloadMatch(c.Context(), c.op, c.vars["group"], c.vars["name"], c.vars["match"], directory.WorkloadMatchInput{
		CIDR: body.Properties.CIDR, UserID: body.Properties.UserID.String(), Cgroup: body.Properties.Cgroup,
		InsecureOwn: body.Properties.InsecureOwn,
	})
	return answer{status: made(created), body: a.showWorkloadMatch(c, r)}, err
}

func (a *API) deleteWorkloadMatch(c *call) (answer, error) {
	if _, err := a.Directory.GetVM(c.Context(), c.vars["group"], c.vars["name"]); err != nil {
		return answer{}, err
	}
	return removed(a.Directory.DeleteWorkloadMatch(c.Context(), c.op, c.vars["group"], c.vars["name"], c.vars["match"]))
}
