package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/guid"
)

// maxCheck is how many ids one question of checkMemberGroups may name.
// Source: Graph reference, directoryObject: checkMemberGroups.
const maxCheck = 20

// related answers with the objects to which a relation leads from {id}.
func (a *API) related(id func(*call) (string, error), r directory.Relation) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		page, err := a.relatedPage(c, id, r)
		if err != nil {
			return answer{}, err
		}
		return many(c, "directoryObjects", page, func(o directory.Object) (object, error) { return a.showObject(c, o) })
	}
}

func (a *API) relatedPage(c *call, id func(*call) (string, error), r directory.Relation) (page directory.Page[directory.Object], err error) {
	if c.query.given["$filter"] {
		return page, errQuery("The query option '$filter' is not supported on '%s'.", r)
	}
	from, err := id(c)
	if err != nil {
		return page, err
	}
	return a.Directory.Related(c.Context(), from, r, c.query.page())
}

// references answers with links to the related objects in place of them.
func (a *API) references(id func(*call) (string, error), r directory.Relation) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		if err := c.query.only("$top", "$skiptoken", "$count"); err != nil {
			return answer{}, err
		}
		page, err := a.relatedPage(c, id, r)
		if err != nil {
			return answer{}, err
		}
		return many(c, "Collection($ref)", page, func(o directory.Object) (object, error) {
			return object{"@odata.id": c.root + "/directoryObjects/" + objectID(o)}, nil
		})
	}
}

// addReference adds the object that the request names to a relation of {id}.
func (a *API) addReference(id func(*call) (string, error), add func(context.Context, *directory.Operation, string, string) error) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		from, err := id(c)
		if err != nil {
			return answer{}, err
		}
		var body struct {
			ID string `json:"@odata.id"`
		}
		if err := c.decodeInto(&body); err != nil {
			return answer{}, err
		}
		to, err := referenceID(body.ID)
		if err != nil {
			return answer{}, err
		}
		return done(add(c.Context(), c.op, from, to))
	}
}

func (a *API) removeReference(id func(*call) (string, error), remove func(context.Context, *directory.Operation, string, string) error) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		from, err := id(c)
		if err != nil {
			return answer{}, err
		}
		return done(remove(c.Context(), c.op, from, c.vars["other"]))
	}
}

// referenceID reads the object id off a reference: the URL of an object, be it under
// directoryObjects or under its own collection. Which host it names does not matter:
// there is one directory.
func referenceID(reference string) (string, error) {
	u, err := url.Parse(reference)
	if err != nil {
		return "", errBad("Invalid URL format specified in payload.")
	}
	last := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if _, key, _, err := splitKey(last); err == nil && key != "" {
		last = key
	}
	if !guid.Valid(last) {
		return "", errBad("Invalid URL format specified in payload.")
	}
	return last, nil
}

// getMembers answers with the ids of all groups that {id} is in. There are no directory
// roles or administrative units, so that getMemberObjects is the same as
// getMemberGroups, and every group is security-enabled.
func (a *API) getMembers(id func(*call) (string, error)) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		var body struct {
			SecurityEnabledOnly *bool `json:"securityEnabledOnly"`
		}
		if len(c.body) > 0 && json.Unmarshal(c.body, &body) != nil {
			return answer{}, errContent
		}
		groups, err := a.groupsOf(c, id)
		if err != nil {
			return answer{}, err
		}
		return c.ids(groups), nil
	}
}

// checkMembers answers with those of the ids named that {id} is in.
func (a *API) checkMembers(id func(*call) (string, error), property string) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		sent, err := c.decode()
		if err != nil {
			return answer{}, err
		}
		var asked []string
		if raw, ok := sent[property]; !ok || json.Unmarshal(raw, &asked) != nil || len(asked) == 0 || len(asked) > maxCheck {
			return answer{}, errBad("Invalid value specified for property '%s': 1 to %d ids.", property, maxCheck)
		}
		groups, err := a.groupsOf(c, id)
		if err != nil {
			return answer{}, err
		}
		in := []string{}
		for _, g := range asked {
			if !guid.Valid(g) {
				return answer{}, errBad("Invalid object identifier '%s'.", clip.Text(g))
			}
			if slices.Contains(groups, strings.ToLower(g)) {
				in = append(in, strings.ToLower(g))
			}
		}
		return c.ids(in), nil
	}
}

func (a *API) groupsOf(c *call, id func(*call) (string, error)) ([]string, error) {
	from, err := id(c)
	if err != nil {
		return nil, err
	}
	return a.Directory.MemberGroups(c.Context(), from)
}

func (c *call) ids(all []string) answer {
	return answer{http.StatusOK, object{"@odata.context": c.root + "/$metadata#Collection(Edm.String)", "value": all}}
}
