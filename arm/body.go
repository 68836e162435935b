package arm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
)

// object is a JSON object.
type object = map[string]any

// resourceBody is what the resources have in common on the wire. What midas has no word for
// is here for its kind alone: a value of another kind would take the place of what is kept.
type resourceBody struct {
	Location string            `json:"location"`
	Tags     map[string]string `json:"tags"`
	Identity *identityBody     `json:"identity"`

	Properties       map[string]json.RawMessage `json:"properties"`
	SKU              map[string]json.RawMessage `json:"sku"`
	Plan             map[string]json.RawMessage `json:"plan"`
	ExtendedLocation map[string]json.RawMessage `json:"extendedLocation"`
	Placement        map[string]json.RawMessage `json:"placement"`
	Zones            []string                   `json:"zones"`
	Kind             string                     `json:"kind"`
	ManagedBy        string                     `json:"managedBy"`
}

type identityBody struct {
	Type                   string               `json:"type"`
	UserAssignedIdentities map[string]*struct{} `json:"userAssignedIdentities"`
}

// resource reads the request's content as a resource into known, which is a resourceBody or
// embeds one, and returns its members by Resource Manager's names for them.
func (c *call) resource(known any) (object, error) {
	w, err := c.parse(known)
	if err != nil {
		return nil, err
	}
	return w.definition()
}

// change reads the request's content as a change of a machine, or of a resource that has no
// meaning here.
func (a *API) change(c *call) (directory.Change, error) {
	var known resourceBody
	all, err := c.resource(&known)
	if err != nil {
		return directory.Change{}, err
	}
	return a.changeTo(c, known, all)
}

// changeTo makes a change of what a request's content says.
func (a *API) changeTo(c *call, known resourceBody, all object) (directory.Change, error) {
	_, given := all["identity"]
	rest, err := unknown(all)
	if err != nil {
		return directory.Change{}, err
	}
	change := directory.Change{Location: known.Location, Tags: known.Tags, Body: rest}
	if given && known.Identity == nil && c.Method == http.MethodPut {
		change.Identity = &directory.IdentityPatch{Type: "None"} // a PUT that leaves it out changes none
	}
	if known.Identity != nil {
		change.Identity = &directory.IdentityPatch{Type: known.Identity.Type, UserAssigned: map[string]bool{}}
		for id, value := range known.Identity.UserAssignedIdentities {
			change.Identity.UserAssigned[id] = value != nil
		}
		change.Identity.UserAssigned = a.mayAssign(c, change.Identity.UserAssigned)
	}
	return change, nil
}

// definition are the members of Resource Manager's ResourceDefinition, as it spells them.
var definition = []string{
	"id", "name", "type", "apiVersion", "location", "tags", "properties", "identity", "sku", "plan", "zones", "kind",
	"managedBy", "managedByExtended", "extendedLocation", "placement", "scale", "resources", "etag", "systemData",
}

// definition returns the members of a resource by Resource Manager's names for them, and
// refuses others: kept, they would look as if they meant something.
func (w *walker) definition() (object, error) {
	all, unknown, at := object{}, "", int64(-1)
	for given, value := range w.root {
		i := slices.IndexFunc(definition, func(known string) bool { return strings.EqualFold(known, given) })
		switch {
		case i >= 0:
			all[definition[i]] = value
		case at < 0 || w.members[given] < at: // the first of them is told
			unknown, at = given, w.members[given]
		}
	}
	if at >= 0 {
		return nil, errContent(fmt.Sprintf("Could not find member '%s' on object of type 'ResourceDefinition'.", clip.To(unknown, 128)) + place(w.body, unknown, at))
	}
	return all, nil
}

// ours are the members that midas has words for, makes itself, or has no use for.
var ours = []string{"id", "name", "type", "apiVersion", "location", "tags", "identity", "resources", "systemData", "etag"}

// secret are the members that Resource Manager takes and never gives back, at any
// depth. midas has no use for them, so it does not even keep them.
var secret = []string{"adminpassword", "administratorloginpassword", "password", "customdata", "protectedsettings", "additionalunattendcontent"}

// unknown returns what the client sent and midas has no word for, to be kept and
// shown as it was.
func unknown(all object) (json.RawMessage, error) {
	for _, name := range ours {
		delete(all, name)
	}
	if all["properties"] == nil {
		delete(all, "properties") // null is as good as absent: it must not erase them
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
	for name := range theirs {
		for ours := range properties {
			if strings.EqualFold(name, ours) { // in another case they would be there twice
				delete(theirs, name)
			}
		}
	}
	maps.Copy(theirs, properties)
	out["id"], out["name"], out["type"], out["location"] = r.ID, r.Name, kind, r.Location
	out["properties"] = theirs
	if len(r.Tags) > 0 {
		out["tags"] = r.Tags
	}
	return out
}
