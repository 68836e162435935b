package arm

import (
	"net/http"
	"strings"
)

const (
	identityType = "Microsoft.ManagedIdentity/userAssignedIdentities"
	machineType  = "Microsoft.Compute/virtualMachines"
	serverType   = "Microsoft.DBforMySQL/flexibleServers"
	groupType    = "Microsoft.Resources/resourceGroups"
	resources    = "Microsoft.Resources/subscriptions"

	subscription = "/subscriptions/{sub}"
	group        = subscription + "/resourceGroups/{group}"
	identity     = group + "/providers/" + identityType
	machine      = group + "/providers/" + machineType
	server       = group + "/providers/" + serverType
)

// table lists every operation. Nothing else is reachable.
func (a *API) table() []route {
	type do = func(*call) (answer, error)
	var all []route
	add := func(method, pattern, action string, do do) {
		all = append(all, route{method: method, pattern: strings.Split(pattern[1:], "/"), action: action, do: do})
	}
	get, head, put, patch, del, post := http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost

	add(get, "/metadata/endpoints", "", a.endpoints)
	all[0].open = true

	add(get, "/tenants", "Microsoft.Resources/tenants/read", a.listTenants)
	add(get, "/subscriptions", resources+"/read", a.listSubscriptions)
	add(get, subscription, resources+"/read", a.getSubscription)
	add(get, subscription+"/locations", resources+"/locations/read", a.listLocations)

	add(get, subscription+"/resourceGroups", resources+"/resourceGroups/read", a.listGroups)
	add(get, group, resources+"/resourceGroups/read", a.getGroup)
	add(head, group, resources+"/resourceGroups/read", exists(a.getGroup))
	add(put, group, resources+"/resourceGroups/write", a.putGroup)
	add(patch, group, resources+"/resourceGroups/write", a.patchGroup)
	add(del, group, resources+"/resourceGroups/delete", a.deleteGroup)

	for _, r := range []struct {
		kind, path                 string
		get, put, patch, del, list do
	}{
		{identityType, identity, a.getIdentity, a.putIdentity, a.patchIdentity, a.deleteIdentity, a.listIdentities},
		{machineType, machine, a.getMachine, a.putMachine, a.patchMachine, a.deleteMachine, a.listMachines},
		{serverType, server, a.getServer, a.putServer, a.patchServer, a.deleteServer, a.listServers},
	} {
		add(get, subscription+"/providers/"+r.kind, r.kind+"/read", r.list)
		add(get, r.path, r.kind+"/read", r.list)
		add(get, r.path+"/{name}", r.kind+"/read", r.get)
		add(head, r.path+"/{name}", r.kind+"/read", exists(r.get))
		add(put, r.path+"/{name}", r.kind+"/write", r.put)
		add(patch, r.path+"/{name}", r.kind+"/write", r.patch)
		add(del, r.path+"/{name}", r.kind+"/delete", r.del)
	}
	// Not Azure's: what a program on this machine needs to act as that VM. It hands out
	// a secret, so it is an action and no read.
	add(post, machine+"/{name}/listIdentityEndpoint", machineType+"/listIdentityEndpoint/action", a.listIdentityEndpoint)

	const child = server + "/{name}"
	add(get, child+"/replicas", serverType+"/replicas/read", a.listReplicas)
	add(get, child+"/administrators", serverType+"/administrators/read", a.listAdministrators)
	add(get, child+"/administrators/ActiveDirectory", serverType+"/administrators/read", a.getAdministrator)
	add(put, child+"/administrators/ActiveDirectory", serverType+"/administrators/write", a.putAdministrator)
	add(del, child+"/administrators/ActiveDirectory", serverType+"/administrators/delete", a.deleteAdministrator)
	add(get, child+"/configurations", serverType+"/configurations/read", a.listConfigurations)
	add(get, child+"/configurations/{parameter}", serverType+"/configurations/read", a.getConfiguration)
	add(put, child+"/configurations/{parameter}", serverType+"/configurations/write", a.putConfiguration)
	add(patch, child+"/configurations/{parameter}", serverType+"/configurations/write", a.putConfiguration)
	return all
}

// exists makes ARM's HEAD of a GET: 204 and nothing else.
func exists(get func(*call) (answer, error)) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		if _, err := get(c); err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, nil
	}
}

// made is the status of a PUT.
func made(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}

// removed is the answer to a DELETE: of what is not there, it is no error.
func removed(existed bool, err error) (answer, error) {
	if existed {
		return answer{status: http.StatusOK}, err
	}
	return answer{status: http.StatusNoContent}, err
}

// list is the envelope of every list; all of it comes on one page.
func list[T any](items []T, show func(T) any) answer {
	value := make([]any, 0, len(items))
	for _, item := range items {
		value = append(value, show(item))
	}
	return answer{http.StatusOK, object{"value": value}}
}
