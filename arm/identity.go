package arm

import (
	"net/http"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

func showIdentity(m directory.ManagedIdentity) any {
	return object{
		"id": m.ID, "name": m.Name, "type": identityType, "location": m.Location, "tags": m.Tags,
		"properties": object{"tenantId": m.TenantID, "principalId": m.PrincipalID, "clientId": m.ClientID},
	}
}

func (a *API) listIdentities(c *call) (answer, error) {
	return listed(c, a.Directory.PageIdentities, func(r directory.ManagedIdentity) directory.Resource { return r.Resource }, showIdentity)
}

func (a *API) getIdentity(c *call) (answer, error) {
	m, err := a.Directory.GetIdentity(c.Context(), c.vars["group"], c.vars["name"])
	return answer{status: http.StatusOK, body: showIdentity(m), etag: m.ETag}, err
}

func (a *API) putIdentity(c *call) (answer, error) {
	var body resourceBody
	if _, err := c.resource(&body); err != nil {
		return answer{}, err
	}
	m, created, err := a.Directory.PutIdentity(c.Context(), c.op, c.vars["group"], c.vars["name"], body.Location, body.Tags)
	ans := answer{status: made(created), body: showIdentity(m), etag: m.ETag}
	if err == nil && created {
		ans.made = m.ID // as Azure: the id as it is, without host and api-version
	}
	return ans, err
}

func (a *API) patchIdentity(c *call) (answer, error) {
	var body resourceBody
	if _, err := c.resource(&body); err != nil {
		return answer{}, err
	}
	m, err := a.Directory.PatchIdentity(c.Context(), c.op, c.vars["group"], c.vars["name"], body.Tags)
	return answer{status: http.StatusOK, body: showIdentity(m), etag: m.ETag}, err
}

func (a *API) deleteIdentity(c *call) (answer, error) {
	return removed(a.Directory.DeleteIdentity(c.Context(), c.op, c.vars["group"], c.vars["name"]))
}

// showAssigned is the identity member of a machine or server, or nil when there is
// none: then the member is absent. Both kinds are one text with comma and blank.
func showAssigned(system *midas.Identity, users []midas.Identity) object {
	out := object{}
	if system != nil {
		out["type"], out["principalId"], out["tenantId"] = "SystemAssigned", system.PrincipalID, system.TenantID
	}
	if len(users) > 0 {
		if out["type"] = "UserAssigned"; system != nil {
			out["type"] = "SystemAssigned, UserAssigned"
		}
		byID := object{}
		for _, id := range users {
			byID[id.ResourceID] = object{"principalId": id.PrincipalID, "clientId": id.ClientID}
		}
		out["userAssignedIdentities"] = byID
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
