package graph

import (
	"net/http"
	"strings"

	"github.com/midas-mysql/midas/directory"
)

// routes collects the operations of the API.
type routes []route

func (t *routes) add(method, pattern string, need access, do func(*call) (answer, error)) {
	*t = append(*t, route{method: method, pattern: strings.Split(pattern[1:], "/"), access: need, do: do})
}

// table lists every operation, area by area. Nothing else is reachable. Literals come
// before the variables that would take them.
func (a *API) table() []route {
	var t routes
	for _, area := range []func(*routes){
		a.routeUsers, a.routeGroups, a.routeApplications, a.routeFederated, a.routeServicePrincipals, a.routeObjects,
	} {
		area(&t)
	}
	return t
}

// routeSet adds what each of the four collections has.
func (t *routes) routeSet(set string, list, create, get, update, del func(*call) (answer, error)) {
	t.add(http.MethodGet, set, reads, list)
	t.add(http.MethodGet, set+"/$count", reads, counted(list))
	t.add(http.MethodPost, set, writes, create)
	t.add(http.MethodGet, set+"/{id}", readsSelf, get)
	t.add(http.MethodPatch, set+"/{id}", writes, update)
	t.add(http.MethodDelete, set+"/{id}", writes, del)
}

// routeMemberships adds what users, groups and service principals have in common.
func (a *API) routeMemberships(t *routes, set string, id func(*call) (string, error)) {
	item := set + "/{id}"
	for _, r := range []directory.Relation{directory.MemberOf, directory.TransitiveMemberOf} {
		related := a.related(id, r)
		t.add(http.MethodGet, item+"/"+string(r), readsSelf, related)
		t.add(http.MethodGet, item+"/"+string(r)+"/$count", readsSelf, counted(related))
	}
	// POST, and yet they only read.
	t.add(http.MethodPost, item+"/getMemberGroups", readsSelf, a.getMembers(id))
	t.add(http.MethodPost, item+"/getMemberObjects", readsSelf, a.getMembers(id))
	t.add(http.MethodPost, item+"/checkMemberGroups", readsSelf, a.checkMembers(id, "groupIds"))
	t.add(http.MethodPost, item+"/checkMemberObjects", readsSelf, a.checkMembers(id, "ids"))
}

// routeOwners adds the owners of a kind of object.
func (a *API) routeOwners(t *routes, set string, id func(*call) (string, error)) {
	item := set + "/{id}"
	t.add(http.MethodGet, item+"/owners", reads, a.related(id, directory.Owners))
	t.add(http.MethodPost, item+"/owners/$ref", writes, a.addReference(id, a.Directory.AddOwner))
	t.add(http.MethodDelete, item+"/owners/{other}/$ref", writes, a.removeReference(id, a.Directory.RemoveOwner))
}

func (a *API) routeUsers(t *routes) {
	const set = "/users"
	t.routeSet(set, a.listUsers, a.createUser, a.getUser, a.updateUser, a.deleteUser)
	a.routeMemberships(t, set, a.userID)
	t.add(http.MethodGet, set+"/{id}/ownedObjects", readsSelf, a.related(a.userID, directory.OwnedObjects))
}

func (a *API) routeGroups(t *routes) {
	const set = "/groups"
	t.routeSet(set, a.listGroups, a.createGroup, a.getGroup, a.updateGroup, a.deleteGroup)
	a.routeMemberships(t, set, a.groupID)
	a.routeOwners(t, set, a.groupID)
	for _, r := range []directory.Relation{directory.Members, directory.TransitiveMembers} {
		related := a.related(a.groupID, r)
		t.add(http.MethodGet, set+"/{id}/"+string(r), reads, related)
		t.add(http.MethodGet, set+"/{id}/"+string(r)+"/$count", reads, counted(related))
	}
	t.add(http.MethodGet, set+"/{id}/members/$ref", reads, a.references(a.groupID, directory.Members))
	t.add(http.MethodPost, set+"/{id}/members/$ref", writes, a.addReference(a.groupID, a.Directory.AddMember))
	t.add(http.MethodDelete, set+"/{id}/members/{other}/$ref", writes, a.removeReference(a.groupID, a.Directory.RemoveMember))
}

func (a *API) routeApplications(t *routes) {
	const set = "/applications"
	t.routeSet(set, a.listApplications, a.createApplication, a.getApplication, a.updateApplication, a.deleteApplication)
	a.routeOwners(t, set, a.applicationID)
	a.routeSecrets(t, set, a.applicationID)
}

func (a *API) routeServicePrincipals(t *routes) {
	const set = "/servicePrincipals"
	t.routeSet(set, a.listServicePrincipals, a.createServicePrincipal, a.getServicePrincipal, a.updateServicePrincipal, a.deleteServicePrincipal)
	a.routeMemberships(t, set, a.servicePrincipalID)
	a.routeOwners(t, set, a.servicePrincipalID)
	a.routeSecrets(t, set, a.servicePrincipalID)
	t.add(http.MethodGet, set+"/{id}/ownedObjects", readsSelf, a.related(a.servicePrincipalID, directory.OwnedObjects))
}

func (a *API) routeSecrets(t *routes, set string, id func(*call) (string, error)) {
	t.add(http.MethodPost, set+"/{id}/addPassword", writes, a.addPassword(id))
	t.add(http.MethodPost, set+"/{id}/removePassword", writes, a.removePassword(id))
}

func (a *API) routeObjects(t *routes) {
	const set = "/directoryObjects"
	t.add(http.MethodPost, set+"/getByIds", reads, a.getByIDs)
	t.add(http.MethodGet, set+"/{id}", readsSelf, a.getObject)
	a.routeMemberships(t, set, a.objectID)
	t.add(http.MethodGet, "/organization", anyone, a.listOrganization)
	t.add(http.MethodGet, "/organization/{id}", anyone, a.getOrganization)
}
