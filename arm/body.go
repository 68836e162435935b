package arm

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/directory"
)

// object is a JSON object.
type object = map[string]any

// decode reads the request's content, which must be one JSON object, into v.
func (c *call) decode(v any) error {
	if trimmed := bytes.TrimSpace(c.body); len(trimmed) == 0 || trimmed[0] != '{' {
		return errContent("it is not a JSON object")
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return errContent(err.Error())
	}
	return nil
}

// resourceBody is what the resources have in common on the wire.
type resourceBody struct {
	Location string            `json:"location"`
	Tags     map[string]string `json:"tags"`
	Identity *identityBody     `json:"identity"`
}

type identityBody struct {
	Type                   string         `json:"type"`
	UserAssignedIdentities map[string]any `json:"userAssignedIdentities"`
}

// change reads the request's content as a change of a machine or server.
func (a *API) change(c *call) (directory.Change, error) {
	var known resourceBody
	if err := c.decode(&known); err != nil {
		return directory.Change{}, err
	}
	rest, err := unknown(c.body)
	if err != nil {
		return directory.Change{}, err
	}
	change := directory.Change{Location: known.Location, Tags: known.Tags, Body: rest}
	if known.Identity != nil {
		change.Identity = &directory.IdentityPatch{Type: known.Identity.Type, UserAssigned: map[string]bool{}}
		for id, value := range known.Identity.UserAssignedIdentities {
			change.Identity.UserAssigned[id] = value != nil
		}
		if change.Identity.UserAssigned, err = a.mayAssign(c, change.Identity.UserAssigned); err != nil {
			return directory.Change{}, err
		}
	}
	return change, nil
}

// ours are the members that midas has words for, or makes itself.
var ours = []string{"id", "name", "type", "location", "tags", "identity", "systemdata", "etag"}

// secret are the members that Resource Manager takes and never gives back, at any
// depth. midas has no use for them, so it does not even keep them.
var secret = []string{"adminpassword", "administratorloginpassword", "password", "customdata", "protectedsettings", "additionalunattendcontent"}

// unknown returns what the client sent and midas has no word for, to be kept and
// shown as it was.
func unknown(body []byte) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // a float64 would change large integers
	var all object
	if err := decoder.Decode(&all); err != nil {
		return nil, errContent(err.Error())
	}
	for name := range all {
		if slices.Contains(ours, strings.ToLower(name)) {
			delete(all, name)
		}
	}
	dropSecrets(all)
	return json.Marshal(all)
}

func dropSecrets(value any) {
	switch value := value.(type) {
	case object:
		for name, inner := range value {
			if slices.Contains(secret, strings.ToLower(name)) {
				delete(value, name)
				continue
			}
			dropSecrets(inner)
		}
	case []any:
		for _, inner := range value {
			dropSecrets(inner)
		}
	}
}

// show lays what midas knows of a resource over what its client sent.
func show(r directory.Resource, kind string, properties object) object {
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	decoder.UseNumber()
	out := object{}
	_ = decoder.Decode(&out) // the directory holds well-formed objects only
	theirs, ok := out["properties"].(object)
	if !ok {
		theirs = object{}
	}
	for name, value := range properties {
		theirs[name] = value
	}
	out["id"], out["name"], out["type"], out["location"] = r.ID, r.Name, kind, r.Location
	out["properties"] = theirs
	if len(r.Tags) > 0 {
		out["tags"] = r.Tags
	}
	return out
}
