package arm

import (
	"net/http"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// provider is a namespace with its types, of which a child has its parent's before it.
type provider struct {
	namespace string
	types     []string
	versions  []string // that clients may choose from, the last first; any is taken
}

var providers = []provider{
	{authorization, []string{"roleAssignments", "roleDefinitions", "locks", "permissions"}, []string{"2022-04-01", "2020-04-01-preview", "2016-09-01"}},
	{"Microsoft.Compute", []string{"virtualMachines"}, []string{"2024-11-01", "2022-08-01", "2020-06-01"}},
	{"Microsoft.DBforMySQL", []string{"flexibleServers", "flexibleServers/administrators", "flexibleServers/configurations"}, []string{"2023-12-30", "2021-12-01-preview"}},
	{"Microsoft.Insights", []string{"eventtypes"}, []string{"2015-04-01"}},
	{"Microsoft.ManagedIdentity", []string{"userAssignedIdentities", "userAssignedIdentities/federatedIdentityCredentials", "identities"}, []string{"2024-11-30", "2023-01-31", "2018-11-30"}},
	{"Microsoft.Resources", []string{"resourceGroups", "subscriptions", "resources", "tags", "tenants"}, []string{"2021-04-01", "2019-10-01"}},
}

func (a *API) routeProviders(t *routes) {
	const read = "Microsoft.Resources/providers/read"
	for _, at := range []string{"", subscription} {
		t.add(http.MethodGet, at+"/providers", read, a.listProviders).audience = anyRole
		t.add(http.MethodGet, at+"/providers/{namespace}", read, a.getProvider).audience = anyRole
	}
	t.add(http.MethodPost, subscription+"/providers/{namespace}/register", "Microsoft.Resources/providers/register/action", a.getProvider).audience = anyRole
}

func (a *API) showProvider(p provider) any {
	_, sub := a.Directory.Tenant()
	where := []string{}
	for _, l := range locations {
		where = append(where, l[1])
	}
	types := []object{}
	for _, t := range p.types {
		types = append(types, object{"resourceType": t, "locations": where, "apiVersions": p.versions, "defaultApiVersion": p.versions[0], "capabilities": "None"})
	}
	return object{
		"id": "/subscriptions/" + sub + "/providers/" + p.namespace, "namespace": p.namespace, "registrationPolicy": "RegistrationFree",
		"registrationState": "Registered", "resourceTypes": types,
	}
}

func (a *API) listProviders(*call) (answer, error) {
	return list(providers, a.showProvider), nil
}

// getProvider shows a provider, of which each is always registered: to register one
// changes nothing.
func (a *API) getProvider(c *call) (answer, error) {
	for _, p := range providers {
		if strings.EqualFold(p.namespace, c.vars["namespace"]) {
			return answer{status: http.StatusOK, body: a.showProvider(p)}, nil
		}
	}
	return answer{}, &armError{status: http.StatusNotFound, code: "InvalidResourceNamespace", message: "The resource namespace '" + clip.To(c.vars["namespace"], 128) + "' is invalid."}
}
