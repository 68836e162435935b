package arm

import (
	"maps"
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

const tagsType = "Microsoft.Resources/tags"

type tagsBody struct {
	Operation  string `json:"operation"`
	Properties struct {
		Tags map[string]string `json:"tags"`
	} `json:"properties"`
}

func showTags(scope string, tags map[string]string) object {
	return object{"id": scope + "/providers/" + tagsType + "/default", "name": "default", "type": tagsType, "properties": object{"tags": tags}}
}

func (a *API) getTags(c *call) (answer, error) {
	tags, err := a.Directory.Tags(c.Context(), c.scope)
	return answer{status: http.StatusOK, body: showTags(c.scope, tags)}, err
}

func (a *API) putTags(c *call) (answer, error) {
	var body tagsBody
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return a.setTags(c, func(map[string]string) map[string]string { return body.Properties.Tags })
}

// patchTags merges, replaces or deletes. A deletion takes away a tag whose name and value
// are both given, as Azure's does.
func (a *API) patchTags(c *call) (answer, error) {
	var body tagsBody
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	given := body.Properties.Tags
	switch strings.ToLower(body.Operation) {
	case "replace":
		return a.setTags(c, func(map[string]string) map[string]string { return given })
	case "merge":
		return a.setTags(c, func(tags map[string]string) map[string]string {
			dropNames(tags, given)
			maps.Copy(tags, given)
			return tags
		})
	case "delete":
		return a.setTags(c, func(tags map[string]string) map[string]string {
			maps.DeleteFunc(tags, func(name, value string) bool {
				for other, wanted := range given {
					if strings.EqualFold(name, other) && value == wanted {
						return true
					}
				}
				return false
			})
			return tags
		})
	}
	return answer{}, midas.Errorf(midas.Invalid, "The operation '%s' is invalid. It must be 'Merge', 'Replace' or 'Delete'.", clip.To(body.Operation, 64))
}

// dropNames takes away the tags that given has in another case: names of tags have none.
func dropNames(tags, given map[string]string) {
	for name := range given {
		maps.DeleteFunc(tags, func(other, _ string) bool { return strings.EqualFold(name, other) })
	}
}

func (a *API) deleteTags(c *call) (answer, error) {
	ans, err := a.setTags(c, func(map[string]string) map[string]string { return nil })
	ans.body = nil
	return ans, err
}

func (a *API) setTags(c *call, change func(map[string]string) map[string]string) (answer, error) {
	tags, err := a.Directory.SetTags(c.Context(), c.op, c.scope, change)
	if tags == nil {
		tags = map[string]string{}
	}
	return answer{status: http.StatusOK, body: showTags(c.scope, tags)}, err
}
