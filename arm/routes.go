package arm

import (
	"net/http"
	"slices"
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

// routes collects the operations of the API.
type routes []route

// add adds an operation and returns it, to be given another audience, or to be asked of
// the locks where it is no POST and changes what the directory does not keep. Its scope
// ends with the last variable of its pattern: an operation on a thing needs a permission
// at the thing, and a list one at what it is a list of.
func (t *routes) add(method, pattern, action string, do func(*call) (answer, error)) *route {
	segments := strings.Split(pattern[1:], "/")
	scope := len(segments)
	for scope > 0 && !variable(segments[scope-1]) {
		scope--
	}
	*t = append(*t, route{method: method, pattern: segments, scope: scope, action: action, admit: method == http.MethodPost, do: do})
	return &(*t)[len(*t)-1]
}

// list adds a list, which shows everyone what they may see of it.
func (t *routes) list(pattern, action string, do func(*call) (answer, error)) {
	t.add(http.MethodGet, pattern, action, do).audience = someBelow
}

// table lists every operation, area by area. Nothing else is reachable.
func (a *API) table() []route {
	var t routes
	for _, area := range []func(*routes){
		a.routeSubscription, a.routeGroups, a.routeResources, a.routeMachines, a.routeServers, a.routeRoles, a.routeFederated,
		a.routeKeys, a.routeResourceLists, a.routeProviders, a.routeLocks, a.routeActivity, a.routeOperations,
		a.routeNetworks, a.routeDeployments, a.routeCatalog, a.routeDatabases, a.routePower,
		a.routeFaults, a.routeWorkloadMatches, a.routeAccounts,
	} {
		area(&t)
	}
	return t
}

func (a *API) routeSubscription(t *routes) {
	t.add(http.MethodGet, "/metadata/endpoints", "", a.endpoints).audience = open
	t.add(http.MethodGet, "/tenants", "Microsoft.Resources/tenants/read", a.listTenants).audience = everyone
	t.add(http.MethodGet, "/subscriptions", resources+"/read", a.listSubscriptions).audience = everyone
	t.add(http.MethodGet, subscription, resources+"/read", a.getSubscription).audience = anyRole
	t.add(http.MethodGet, subscription+"/locations", resources+"/locations/read", a.listLocations).audience = anyRole
}

func (a *API) routeGroups(t *routes) {
	t.list(subscription+"/resourceGroups", resources+"/resourceGroups/read", a.listGroups)
	t.add(http.MethodGet, group, resources+"/resourceGroups/read", a.getGroup)
	t.add(http.MethodHead, group, resources+"/resourceGroups/read", exists(a.getGroup))
	t.add(http.MethodPut, group, resources+"/resourceGroups/write", a.putGroup)
	t.add(http.MethodPatch, group, resources+"/resourceGroups/write", a.patchGroup)
	t.add(http.MethodDelete, group, resources+"/resourceGroups/delete", a.deleteGroup)
}

// routeResources adds what the three kinds of resource have in common.
func (a *API) routeResources(t *routes) {
	for _, r := range []struct {
		kind, path                 string
		get, put, patch, del, list func(*call) (answer, error)
	}{
		{identityType, identity, a.getIdentity, a.putIdentity, a.patchIdentity, a.deleteIdentity, a.listIdentities},
		{machineType, machine, a.getMachine, a.putMachine, a.patchMachine, a.deleteMachine, a.listMachines},
		{serverType, server, a.getServer, a.putServer, a.patchServer, a.deleteServer, a.listServers},
	} {
		t.list(subscription+"/providers/"+r.kind, r.kind+"/read", r.list)
		t.list(r.path, r.kind+"/read", r.list)
		t.add(http.MethodGet, r.path+"/{name}", r.kind+"/read", r.get)
		t.add(http.MethodHead, r.path+"/{name}", r.kind+"/read", exists(r.get))
		t.add(http.MethodPut, r.path+"/{name}", r.kind+"/write", r.put).conditional = true
		t.add(http.MethodPatch, r.path+"/{name}", r.kind+"/write", r.patch).conditional = true
		t.add(http.MethodDelete, r.path+"/{name}", r.kind+"/delete", r.del).conditional = true
	}
}

func (a *API) routeMachines(t *routes) {
	t.add(http.MethodGet, machine+"/{name}/instanceView", machineType+"/instanceView/read", a.getInstanceView)
	// Not Azure's: what a program on this machine needs to act as that VM. It hands out
	// a secret, so it is an action and no read.
	t.add(http.MethodPost, machine+"/{name}/listIdentityEndpoint", machineType+"/listIdentityEndpoint/action", a.listIdentityEndpoint)
}

func (a *API) routeServers(t *routes) {
	const child = server + "/{name}"
	t.add(http.MethodGet, child+"/replicas", serverType+"/replicas/read", a.listReplicas)
	t.add(http.MethodGet, child+"/administrators", serverType+"/administrators/read", a.listAdministrators)
	t.add(http.MethodGet, child+"/administrators/ActiveDirectory", serverType+"/administrators/read", a.getAdministrator)
	t.add(http.MethodPut, child+"/administrators/ActiveDirectory", serverType+"/administrators/write", a.putAdministrator)
	t.add(http.MethodDelete, child+"/administrators/ActiveDirectory", serverType+"/administrators/delete", a.deleteAdministrator)
	t.add(http.MethodGet, child+"/configurations", serverType+"/configurations/read", a.listConfigurations)
	t.add(http.MethodGet, child+"/configurations/{parameter}", serverType+"/configurations/read", a.getConfiguration)
	t.add(http.MethodPut, child+"/configurations/{parameter}", serverType+"/configurations/write", a.putConfiguration).admit = true
	t.add(http.MethodPatch, child+"/configurations/{parameter}", serverType+"/configurations/write", a.putConfiguration).admit = true
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

// list is the envelope of a list that is short by its nature, and comes on one page.
func list[T any](items []T, show func(T) any) answer {
	value := make([]any, 0, len(items))
	for _, item := range items {
		value = append(value, show(item))
	}
	return answer{status: http.StatusOK, body: object{"value": value}}
}

// visible leaves of a list what its caller may see.
func visible[T any](c *call, items []T, id func(T) string) []T {
	if c.access.Allowed(c.route.action, c.scope) {
		return items
	}
	return slices.DeleteFunc(items, func(item T) bool { return !c.sees(id(item)) })
}
