package arm

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
)

func (a *API) routeResourceLists(t *routes) {
	t.add(http.MethodGet, subscription+"/resources", resources+"/resources/read", a.listResources).audience = anyRole
	t.add(http.MethodGet, group+"/resources", resources+"/resourceGroups/resources/read", a.listResources).audience = anyRole
	t.add(http.MethodPost, identity+"/{name}/listAssociatedResources", identityType+"/listAssociatedResources/action", a.listAssociated)
	t.add(http.MethodGet, scopes[2]+"/providers/Microsoft.ManagedIdentity/identities/default", "Microsoft.ManagedIdentity/identities/read", a.getSystemIdentity)
	for _, at := range scopes {
		path := at + "/providers/Microsoft.Resources/tags/default"
		t.add(http.MethodGet, path, tagsType+"/read", a.getTags)
		t.add(http.MethodPut, path, tagsType+"/write", a.putTags)
		t.add(http.MethodPatch, path, tagsType+"/write", a.patchTags)
		t.add(http.MethodDelete, path, tagsType+"/delete", a.deleteTags)
	}
}

// generic is a resource as lists of all types show it.
type generic struct {
	directory.Resource
	kind     string
	identity object
}

func (g generic) show(expand string) any {
	out := object{"id": g.ID, "name": g.Name, "type": g.kind, "location": g.Location}
	if len(g.Tags) > 0 {
		out["tags"] = g.Tags
	}
	if g.identity != nil {
		out["identity"] = g.identity
	}
	for name, value := range map[string]string{
		"createdTime": g.Created.Format(time.RFC3339Nano), "changedTime": g.Changed.Format(time.RFC3339Nano), "provisioningState": "Succeeded",
	} {
		if strings.Contains(strings.ToLower(expand), strings.ToLower(name)) {
			out[name] = value
		}
	}
	return out
}

func (a *API) allResources(c *call, group string) (all []generic, err error) {
	identities, err := a.Directory.ListIdentities(c.Context(), group)
	if err != nil {
		return nil, err
	}
	machines, err := a.Directory.ListVMs(c.Context(), group)
	if err != nil {
		return nil, err
	}
	servers, err := a.Directory.ListServers(c.Context(), group)
	for _, m := range identities {
		all = append(all, generic{m.Resource, identityType, nil})
	}
	for _, v := range machines {
		all = append(all, generic{v.Resource, machineType, showAssigned(v.System, v.UserAssigned)})
	}
	for _, s := range servers {
		all = append(all, generic{s.Resource, serverType, showAssigned(nil, s.UserAssigned)})
	}
	return all, err
}

// listResources shows the resources that the caller may read, each by its own type's
// permission.
func (a *API) listResources(c *call) (answer, error) {
	conditions, err := c.filter("resourceType", "name", "resourceGroup", "location", "tagName", "tagValue")
	if err == nil {
		err = byTag(conditions)
	}
	if err != nil {
		return answer{}, err
	}
	// To others its answer would tell whether there is a group of that name.
	if c.vars["group"] != "" && !slices.ContainsFunc([]string{c.route.action, identityType + "/read", machineType + "/read", serverType + "/read"}, func(action string) bool {
		return c.access.AllowedWithin(action, c.scope)
	}) {
		return answer{}, errForbidden(c.who, c.route.action, c.scope)
	}
	all, err := a.allResources(c, c.vars["group"])
	if err != nil {
		return answer{}, err
	}
	var some []generic
	for _, g := range all {
		if c.access.Allowed(g.kind+"/read", g.ID) && g.fits(conditions) {
			some = append(some, g)
		}
	}
	return page(c, some, func(g generic) string { return g.Name + "/" + g.Group + "/" + g.kind }, func(g generic) any { return g.show(c.query["$expand"]) })
}

// fits reports whether the resource meets each condition.
func (g generic) fits(conditions []clause) bool {
	tag := tagNamed(conditions)
	for _, one := range conditions {
		ok := true
		switch one.name {
		case "resourcetype":
			ok = strings.EqualFold(g.kind, one.value)
		case "name":
			ok = strings.EqualFold(g.Name, one.value)
		case "resourcegroup":
			ok = strings.EqualFold(g.Group, one.value)
		case "location":
			ok = strings.EqualFold(g.Location, strings.ReplaceAll(one.value, " ", ""))
		case "tagname", "tagvalue":
			ok = tagged(g.Tags, tag, one)
		}
		if !ok {
			return false
		}
	}
	return true
}

// tagNamed is the name of a tag that conditions ask for: a tagValue is that of the tagName
// beside it.
func tagNamed(conditions []clause) string {
	tag := ""
	for _, one := range conditions {
		if one.name == "tagname" {
			tag = one.value
		}
	}
	return tag
}

// tagged reports whether tags meet a condition on tagName, or on the value of the tag
// with that name. Names of tags have no case, values have.
func tagged(tags map[string]string, tag string, one clause) bool {
	for name, value := range tags {
		switch {
		case one.op == "startswith" && strings.HasPrefix(strings.ToLower(name), strings.ToLower(one.value)),
			one.op == "eq" && one.name == "tagname" && strings.EqualFold(name, one.value),
			one.op == "eq" && one.name == "tagvalue" && value == one.value && (tag == "" || strings.EqualFold(name, tag)):
			return true
		}
	}
	return false
}

// listAssociated shows which machines and servers have an identity, as far as the caller
// may read them.
func (a *API) listAssociated(c *call) (answer, error) {
	all, err := a.Directory.AssignedResources(c.Context(), c.vars["group"], c.vars["name"])
	if err != nil {
		return answer{}, err
	}
	var some []directory.AssignedResource
	for _, r := range all {
		if c.access.Allowed(r.Type+"/read", r.ID) {
			some = append(some, r)
		}
	}
	_, sub := a.Directory.Tenant()
	ans, err := page(c, some, func(r directory.AssignedResource) string { return r.ID }, func(r directory.AssignedResource) any {
		return object{"id": r.ID, "name": r.Name, "type": r.Type, "resourceGroup": r.Group, "subscriptionId": sub, "subscriptionDisplayName": "midas"}
	})
	if err == nil {
		ans.body.(object)["totalCount"] = len(some)
	}
	return ans, err
}

// getSystemIdentity shows the system-assigned identity of a machine.
func (a *API) getSystemIdentity(c *call) (answer, error) {
	w, err := a.Directory.WorkloadByID(c.Context(), c.scope)
	switch {
	case err != nil:
		return answer{}, err
	case w.System == nil:
		return answer{}, midas.Errorf(midas.NotFound, "The resource '%s' has no system-assigned identity.", clip.To(c.scope, 1024))
	}
	return answer{status: http.StatusOK, body: object{
		"id": w.ResourceID + "/providers/Microsoft.ManagedIdentity/identities/default", "name": "default", "type": "Microsoft.ManagedIdentity/identities",
		"location": w.Location, "properties": object{"tenantId": w.System.TenantID, "principalId": w.System.PrincipalID, "clientId": w.System.ClientID},
	}}, nil
}
