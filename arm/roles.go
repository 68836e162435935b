package arm

import (
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/guid"
)

const (
	authorization      = "Microsoft.Authorization"
	roleDefinitionType = authorization + "/roleDefinitions"
	roleAssignmentType = authorization + "/roleAssignments"
)

// scopes are the patterns of what roles, locks and tags can be hung on.
var scopes = []string{subscription, group, group + "/providers/{namespace}/{type}/{resource}"}

func (a *API) routeRoles(t *routes) {
	for _, at := range append([]string{""}, scopes...) {
		t.add(http.MethodGet, at+"/providers/"+roleDefinitionType, roleDefinitionType+"/read", a.listRoles).audience = anyRole
		t.add(http.MethodGet, at+"/providers/"+roleDefinitionType+"/{role}", roleDefinitionType+"/read", a.getRole).audience = anyRole
	}
	for _, at := range scopes {
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			t.add(method, at+"/providers/"+roleDefinitionType+"/{role}", roleDefinitionType+"/write", refuseCustomRole)
		}
		all := at + "/providers/" + roleAssignmentType
		one := all + "/{assignment}"
		t.list(all, roleAssignmentType+"/read", a.listAssignments)
		t.add(http.MethodGet, one, roleAssignmentType+"/read", a.getAssignment)
		t.add(http.MethodPut, one, roleAssignmentType+"/write", a.putAssignment)
		t.add(http.MethodDelete, one, roleAssignmentType+"/delete", a.deleteAssignment)
		t.add(http.MethodGet, at+"/providers/"+authorization+"/permissions", authorization+"/permissions/read", a.listPermissions).audience = someBelow
	}
}

// hangsOn is the scope on which an extension resource of a path hangs.
func (c *call) hangsOn() string {
	length := 2
	switch {
	case c.vars["resource"] != "":
		length = 8
	case c.vars["group"] != "":
		length = 4
	}
	segments := strings.Split(c.scope, "/")
	return strings.Join(segments[:min(length+1, len(segments))], "/")
}

func (a *API) roleID(id string) string {
	_, sub := a.Directory.Tenant()
	return "/subscriptions/" + sub + "/providers/" + roleDefinitionType + "/" + id
}

func (a *API) showRole(r directory.Role) any {
	return object{
		"id": a.roleID(r.ID), "name": r.ID, "type": roleDefinitionType,
		"properties": object{
			"roleName": r.Name, "type": "BuiltInRole", "description": r.Description, "assignableScopes": []string{"/"},
			"permissions": []object{showPermission(r)},
			"createdOn":   azureTime(r.Created), "updatedOn": azureTime(r.Updated), "createdBy": nil, "updatedBy": nil,
		},
	}
}

func showPermission(r directory.Role) object {
	return object{"actions": texts(r.Actions), "notActions": texts(r.NotActions), "dataActions": texts(r.DataActions), "notDataActions": []string{}}
}

// listRoles shows the definitions, which are the same at every scope.
func (a *API) listRoles(c *call) (answer, error) {
	conditions, err := c.filter("roleName", "type", "atScopeAndBelow()", "atScope()")
	if err == nil {
		err = once(conditions)
	}
	if err != nil {
		return answer{}, err
	}
	var all []directory.Role
	for _, r := range a.Directory.Roles() {
		fits := true
		for _, f := range conditions {
			switch f.name {
			case "rolename":
				fits = fits && strings.EqualFold(r.Name, f.value)
			case "type":
				fits = fits && strings.EqualFold("BuiltInRole", f.value)
			}
		}
		if fits {
			all = append(all, r)
		}
	}
	return list(all, a.showRole), nil
}

func (a *API) getRole(c *call) (answer, error) {
	if uuid.Validate(c.vars["role"]) != nil {
		return answer{}, &armError{status: http.StatusBadRequest, code: "InvalidRoleDefinitionId", message: "The role definition ID '" + clip.To(c.vars["role"], 128) + "' is not valid. The role definition ID must be a GUID."}
	}
	r, err := a.Directory.Role(c.vars["role"])
	return answer{status: http.StatusOK, body: a.showRole(r)}, err
}

// refuseCustomRole refuses role definitions of one's own and names the built-in ones.
func refuseCustomRole(*call) (answer, error) {
	return answer{}, &armError{status: http.StatusBadRequest, code: "CustomRolesNotSupported", message: "Custom roles are not supported here: " +
		"the role definitions are Azure's built-in ones. Assign one of them, at a scope that is narrow enough."}
}

// listPermissions tells the caller what they may do at a scope.
func (a *API) listPermissions(c *call) (answer, error) {
	return list(c.access.RolesAt(c.hangsOn()), func(r directory.Role) any { return showPermission(r) }), nil
}

func (a *API) showAssignment(r directory.RoleAssignment) any {
	return object{
		"id": r.Scope + "/providers/" + roleAssignmentType + "/" + r.Name, "name": r.Name, "type": roleAssignmentType,
		"properties": object{
			"roleDefinitionId": a.roleID(r.RoleID), "principalId": r.PrincipalID, "principalType": r.PrincipalType, "scope": r.Scope,
			"description": orNull(r.Description), "condition": nil, "conditionVersion": nil, "delegatedManagedIdentityResourceId": nil,
			"createdOn": azureTime(r.Created), "updatedOn": azureTime(r.Changed), "createdBy": orNull(r.CreatedBy), "updatedBy": orNull(r.ChangedBy),
		},
	}
}

// listAssignments shows those at, above and below the scope, or, with atScope(), those at
// and above it. A caller who may read the scope is shown those above it, too.
func (a *API) listAssignments(c *call) (answer, error) {
	conditions, err := c.filter("principalId", "assignedTo()", "atScope()")
	if err == nil {
		err = once(conditions)
	}
	if err != nil {
		return answer{}, err
	}
	f := directory.AssignmentFilter{Scope: c.hangsOn(), Below: true}
	for _, one := range conditions {
		if f.PrincipalID != "" && one.name != "atscope" {
			return answer{}, errFilter("principalId and assignedTo() are not used together")
		}
		switch one.name {
		case "atscope":
			f.Below = false
		case "assignedto":
			f.PrincipalID, f.Groups = one.value, true
		case "principalid":
			f.PrincipalID = one.value
		}
		if one.name != "atscope" && uuid.Validate(one.value) != nil {
			return answer{}, errFilter("'" + clip.To(one.value, 128) + "' is not the object id of a principal")
		}
	}
	all, err := a.Directory.RoleAssignments(c.Context(), f)
	if err != nil {
		return answer{}, err
	}
	return page(c, visible(c, all, func(r directory.RoleAssignment) string { return r.Scope }), func(r directory.RoleAssignment) string { return r.Name }, a.showAssignment)
}

func (a *API) getAssignment(c *call) (answer, error) {
	r, err := a.Directory.GetRoleAssignment(c.Context(), c.hangsOn(), c.vars["assignment"])
	return answer{status: http.StatusOK, body: a.showAssignment(r)}, err
}

// assignmentBody is a role assignment on the wire. Before 2018 all of Azure's API
// versions had these members in "properties", too.
type assignmentBody struct {
	Properties struct {
		RoleDefinitionID string `json:"roleDefinitionId"`
		PrincipalID      string `json:"principalId"`
		PrincipalType    string `json:"principalType"`
		Description      string `json:"description"`
		Condition        string `json:"condition"`
		Delegated        string `json:"delegatedManagedIdentityResourceId"`
	} `json:"properties"`
}

func (a *API) putAssignment(c *call) (answer, error) {
	var body assignmentBody
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	p := body.Properties
	p.PrincipalID = guid.Tidy(p.PrincipalID)
	role, err := a.roleIn(p.RoleDefinitionID)
	switch {
	case err != nil:
		return answer{}, err
	case uuid.Validate(c.vars["assignment"]) != nil:
		return answer{}, &armError{status: http.StatusBadRequest, code: "InvalidRoleAssignmentId", message: "The role assignment ID '" + clip.To(c.vars["assignment"], 128) + "' is not valid. The role assignment ID must be a GUID."}
	case !guid.Valid(p.PrincipalID):
		return answer{}, &armError{status: http.StatusBadRequest, code: "InvalidPrincipalId", message: "A valid principal ID must be provided for role assignment."}
	case p.Condition != "":
		// A condition that is stored and not asked would give more than was meant.
		return answer{}, &armError{status: http.StatusBadRequest, code: "ConditionNotSupported", message: "Conditions of role assignments are not supported here. Assign the role at a narrower scope."}
	case p.Delegated != "":
		return answer{}, &armError{status: http.StatusBadRequest, code: "BadRequestFormat", message: "delegatedManagedIdentityResourceId is not supported: there is one tenant here."}
	}
	r, created, err := a.Directory.PutRoleAssignment(c.Context(), c.op, directory.RoleAssignment{
		Name: c.vars["assignment"], PrincipalID: p.PrincipalID, PrincipalType: midas.PrincipalKind(p.PrincipalType),
		RoleID: role, Scope: c.hangsOn(), Description: p.Description,
	}, c.who.ObjectID)
	if errors.Is(err, directory.ErrNoRole) { // here it is the request that is wrong
		err = &armError{status: http.StatusBadRequest, code: "RoleDefinitionDoesNotExist", message: err.Error()}
	}
	return answer{status: made(created), body: a.showAssignment(r)}, err
}

// roleIn takes the GUID out of the id of a role definition.
func (a *API) roleIn(id string) (string, error) {
	lower := strings.ToLower(id)
	i := strings.LastIndex(lower, strings.ToLower("/providers/"+roleDefinitionType+"/"))
	name := id[strings.LastIndexByte(id, '/')+1:]
	if i < 0 || uuid.Validate(name) != nil || i+len("/providers/"+roleDefinitionType+"/") != len(id)-len(name) {
		return "", &armError{status: http.StatusBadRequest, code: "InvalidRoleDefinitionId", message: "The role definition ID '" + clip.To(id, 128) + "' is not valid."}
	}
	return name, nil
}

// deleteAssignment answers with what was deleted, or with nothing when nothing was there.
func (a *API) deleteAssignment(c *call) (answer, error) {
	r, existed, err := a.Directory.DeleteRoleAssignment(c.Context(), c.op, c.hangsOn(), c.vars["assignment"])
	if err != nil || !existed {
		return answer{status: http.StatusNoContent}, err
	}
	return answer{status: http.StatusOK, body: a.showAssignment(r)}, nil
}
