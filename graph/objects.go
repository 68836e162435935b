package graph

import (
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/guid"
)

// maxIDs is how many objects getByIds may name.
// Source: Graph reference, directoryObject: getByIds.
const maxIDs = 1000

// showObject shows an object of any kind, with its type.
func (a *API) showObject(c *call, o directory.Object) (object, error) {
	switch {
	case o.User != nil:
		return c.showUser(*o.User, true)
	case o.Group != nil:
		return c.showGroup(*o.Group, true)
	case o.Principal != nil:
		return a.showServicePrincipal(c, *o.Principal, true)
	}
	return a.showApplication(c, *o.Application, true)
}

func objectID(o directory.Object) string {
	switch {
	case o.User != nil:
		return o.User.ObjectID
	case o.Group != nil:
		return o.Group.ObjectID
	case o.Principal != nil:
		return o.Principal.ObjectID
	}
	return o.Application.ObjectID
}

func typeOf(o directory.Object) string {
	switch {
	case o.User != nil:
		return userEntity.name
	case o.Group != nil:
		return groupEntity.name
	case o.Principal != nil:
		return principalEntity.name
	}
	return applicationEntity.name
}

// object finds {id}.
func (a *API) object(c *call) (directory.Object, error) {
	found, err := a.Directory.Objects(c.Context(), []string{c.vars["id"]})
	if err == nil && len(found) == 0 {
		_, err = removed(c.vars["id"], false, nil)
	}
	if err != nil {
		return directory.Object{}, err
	}
	return found[0], nil
}

func (a *API) objectID(c *call) (string, error) {
	o, err := a.object(c)
	if err != nil {
		return "", err
	}
	return objectID(o), nil
}

func (a *API) getObject(c *call) (answer, error) {
	if err := c.query.only("$select"); err != nil {
		return answer{}, err
	}
	o, err := a.object(c)
	if err != nil {
		return answer{}, err
	}
	shown, err := a.showObject(c, o)
	return c.one(entity{set: "directoryObjects"}, http.StatusOK, shown, err)
}

// getByIDs answers with those of the objects named that exist and are of the types.
func (a *API) getByIDs(c *call) (answer, error) {
	var body struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	if err := c.decodeInto(&body); err != nil {
		return answer{}, err
	}
	if len(body.IDs) > maxIDs {
		return answer{}, errBad("The number of ids %d exceeds the maximum of %d.", len(body.IDs), maxIDs)
	}
	for _, id := range body.IDs {
		if !guid.Valid(id) {
			return answer{}, errBad("Invalid object identifier '%s'.", clip.Text(id))
		}
	}
	found, err := a.Directory.Objects(c.Context(), body.IDs)
	if err != nil {
		return answer{}, err
	}
	wanted := func(name string) bool {
		return len(body.Types) == 0 || slices.ContainsFunc(body.Types, func(t string) bool {
			return strings.EqualFold(t, name) || strings.EqualFold(t, "directoryObject")
		})
	}
	found = slices.DeleteFunc(found, func(o directory.Object) bool { return !wanted(typeOf(o)) })
	return many(c, "directoryObjects", directory.Page[directory.Object]{Items: found, Total: len(found)},
		func(o directory.Object) (object, error) { return a.showObject(c, o) })
}

// organization is the tenant as its members may see it.
func (a *API) organization() object {
	tenant, _ := a.Directory.Tenant()
	return object{
		"id": tenant, "displayName": "midas", "tenantType": "AAD", "verifiedDomains": []any{}, "assignedPlans": []any{},
		"businessPhones": []any{}, "city": nil, "country": nil, "countryLetterCode": nil, "createdDateTime": nil, "deletedDateTime": nil,
		"technicalNotificationMails": []any{}, "securityComplianceNotificationMails": []any{}, "preferredLanguage": nil,
	}
}

func (a *API) listOrganization(c *call) (answer, error) {
	if err := c.query.only(); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, object{"@odata.context": c.root + "/$metadata#organization", "value": []object{a.organization()}}}, nil
}

func (a *API) getOrganization(c *call) (answer, error) {
	if err := c.query.only(); err != nil {
		return answer{}, err
	}
	if tenant, _ := a.Directory.Tenant(); !strings.EqualFold(c.vars["id"], tenant) {
		return removed(c.vars["id"], false, nil)
	}
	return c.one(entity{set: "organization"}, http.StatusOK, a.organization(), nil)
}
