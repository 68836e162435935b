package armclient

import (
	"net/url"
	"strings"

	"github.com/midas-mysql/midas/internal/usage"
)

// GroupAPI is the api-version of resource groups.
const GroupAPI = "2021-04-01"

// Administrator is the path of the one administrator below a server: ARM knows no other.
var Administrator = []string{"administrators", "ActiveDirectory"}

// Kind is one type of ARM resource.
type Kind struct {
	Word       string // how people call one
	Plural     string // and several
	Provider   string // namespace and type
	APIVersion string
}

// The kinds that have commands of their own.
var (
	VMs        = Kind{Word: "VM", Plural: "VMs", Provider: "Microsoft.Compute/virtualMachines", APIVersion: "2022-11-01"}
	Servers    = Kind{Word: "server", Plural: "servers", Provider: "Microsoft.DBforMySQL/flexibleServers", APIVersion: "2021-12-01-preview"}
	Identities = Kind{Word: "identity", Plural: "identities", Provider: "Microsoft.ManagedIdentity/userAssignedIdentities", APIVersion: "2023-01-31"}
)

// Ref names one resource.
type Ref struct {
	Subscription, Group, Name string
}

// Path returns the ARM path of r, or of something below it. Each segment is escaped,
// so that a name can never reach another resource.
func (k Kind) Path(r Ref, below ...string) string {
	segments := append([]string{"resourceGroups", r.Group, "providers"}, strings.Split(k.Provider, "/")...)
	segments = append(append(segments, r.Name), below...)
	return ResourcePath(r.Subscription, k.APIVersion, segments...)
}

// Collection returns the path that lists this kind in a group, or everywhere if
// group is empty.
func (k Kind) Collection(subscription, group string) string {
	segments := append([]string{"providers"}, strings.Split(k.Provider, "/")...)
	if group != "" {
		segments = append([]string{"resourceGroups", group}, segments...)
	}
	return ResourcePath(subscription, k.APIVersion, segments...)
}

// ID returns the ARM id of a resource of this kind.
func (k Kind) ID(r Ref) string {
	return "/subscriptions/" + r.Subscription + "/resourceGroups/" + r.Group + "/providers/" + k.Provider + "/" + r.Name
}

// ResourcePath returns the path of what is below a subscription, each segment escaped.
func ResourcePath(subscription, apiVersion string, segments ...string) string {
	var b strings.Builder
	b.WriteString("/subscriptions/" + url.PathEscape(subscription))
	for _, segment := range segments {
		b.WriteString("/" + url.PathEscape(segment))
	}
	return b.String() + "?api-version=" + apiVersion
}

// ParseID reads an ARM id of this kind.
func (k Kind) ParseID(id string) (Ref, error) {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	wrong := usage.Errorf("%q is not the id of a %s", id, k.Word).
		WithHint("an id looks like %s", k.ID(Ref{"SUBSCRIPTION", "GROUP", "NAME"}))
	if len(parts) != 8 || !strings.EqualFold(parts[0], "subscriptions") || !strings.EqualFold(parts[2], "resourceGroups") ||
		!strings.EqualFold(strings.Join(parts[4:7], "/"), "providers/"+k.Provider) {
		return Ref{}, wrong
	}
	r := Ref{Subscription: parts[1], Group: parts[3], Name: parts[7]}
	if r.Subscription == "" || !Segment(r.Group) || !Segment(r.Name) {
		return Ref{}, wrong
	}
	return r, nil
}

// Segment reports whether s can stand as one segment of a path: the two dot names
// would be resolved away on the road to the server.
func Segment(s string) bool { return s != "" && s != "." && s != ".." }

// GroupOf returns the resource group in an ARM id, "" if there is none.
func GroupOf(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) > 4 && strings.EqualFold(parts[3], "resourceGroups") {
		return parts[4]
	}
	return ""
}

// Member returns body's member at a path, nil when it is not there.
func Member(body any, path ...string) any {
	for _, key := range path {
		object, _ := body.(map[string]any)
		body = object[key]
	}
	return body
}

// Text returns a text member of body, "" when it is not there.
func Text(body any, path ...string) string {
	s, _ := Member(body, path...).(string)
	return s
}
