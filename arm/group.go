package arm

import (
	"net/http"
	"slices"

	"github.com/midas-mysql/midas/directory"
)

func showGroup(g directory.Group) any {
	out := object{
		"id": g.ID, "name": g.Name, "type": groupType, "location": g.Location,
		"properties": object{"provisioningState": "Succeeded"},
	}
	if len(g.Tags) > 0 {
		out["tags"] = g.Tags
	}
	return out
}

func (a *API) listGroups(c *call) (answer, error) {
	conditions, err := c.filter("tagName", "tagValue")
	if err == nil {
		err = byTag(conditions)
	}
	if err != nil {
		return answer{}, err
	}
	groups, err := a.Directory.ListGroups(c.Context())
	if err != nil {
		return answer{}, err
	}
	groups = slices.DeleteFunc(groups, func(g directory.Group) bool {
		return slices.ContainsFunc(conditions, func(one clause) bool { return !tagged(g.Tags, tagNamed(conditions), one) })
	})
	return page(c, visible(c, groups, func(g directory.Group) string { return g.ID }), func(g directory.Group) string { return g.Name }, showGroup)
}

func (a *API) getGroup(c *call) (answer, error) {
	g, err := a.Directory.GetGroup(c.Context(), c.vars["group"])
	return answer{status: http.StatusOK, body: showGroup(g)}, err
}

func (a *API) putGroup(c *call) (answer, error) {
	var body resourceBody
	if _, err := c.resource(&body); err != nil {
		return answer{}, err
	}
	g, created, err := a.Directory.PutGroup(c.Context(), c.op, c.vars["group"], body.Location, body.Tags)
	return answer{status: made(created), body: showGroup(g)}, err
}

func (a *API) patchGroup(c *call) (answer, error) {
	var body resourceBody
	if _, err := c.resource(&body); err != nil {
		return answer{}, err
	}
	g, err := a.Directory.PatchGroup(c.Context(), c.op, c.vars["group"], body.Tags)
	return answer{status: http.StatusOK, body: showGroup(g)}, err
}

// deleteGroup, unlike the other deletions, tells of a group that is not there: so
// does ARM.
func (a *API) deleteGroup(c *call) (answer, error) {
	existed, err := a.Directory.DeleteGroup(c.Context(), c.op, c.vars["group"])
	switch {
	case err == nil && existed:
		a.ServersDeleted(c.Context()) // there may have been some in it
	case err == nil:
		_, err = a.Directory.GetGroup(c.Context(), c.vars["group"])
	}
	return a.groupGone(c, answer{status: http.StatusOK}, err)
}
