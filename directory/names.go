package directory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Causes that an edge may need to tell apart; find them with errors.Is.
var (
	// ErrNoGroup: the resource group does not exist.
	ErrNoGroup = errors.New("resource group not found")
	// ErrNoIdentityIDs: a request says that there are user-assigned identities, and names none.
	ErrNoIdentityIDs = errors.New("no user-assigned identities are named")
	// ErrNoIdentity: a user-assigned identity that a request names does not exist.
	ErrNoIdentity = errors.New("user-assigned identity not found")
	// ErrNoObject: a user, group, application or service principal does not exist.
	ErrNoObject = errors.New("directory object not found")
)

// A kind is a type of resource. Its text is in the schema.
type kind string

const (
	identityKind kind = "identity"
	vmKind       kind = "vm"
	serverKind   kind = "server"
)

// Azure writes the group segment of an identity's id in lower case and that of
// other resources in camel case; readers must accept both.
var kinds = map[kind]struct{ groups, provider string }{
	identityKind: {"resourcegroups", "Microsoft.ManagedIdentity/userAssignedIdentities"},
	vmKind:       {"resourceGroups", "Microsoft.Compute/virtualMachines"},
	serverKind:   {"resourceGroups", "Microsoft.DBforMySQL/flexibleServers"},
}

// fold makes the key under which a name or GUID is looked up.
func fold(name string) string { return strings.ToLower(name) }

func (d *Directory) groupID(group string) string {
	return "/subscriptions/" + d.subscriptionID + "/resourceGroups/" + group
}

func (d *Directory) resourceID(k kind, group, name string) string {
	return "/subscriptions/" + d.subscriptionID + "/" + kinds[k].groups + "/" + group + "/providers/" + kinds[k].provider + "/" + name
}

// parseID takes the ARM id of a resource of kind k in this subscription apart,
// without regard to case.
func (d *Directory) parseID(k kind, id string) (group, name string, ok bool) {
	part := strings.Split(strings.TrimSuffix(id, "/"), "/")
	if len(part) != 9 || part[0] != "" || part[4] == "" || part[8] == "" {
		return "", "", false
	}
	// By fold, as scopes compare: what strings.EqualFold takes for an s is none there.
	ok = fold(part[1]) == "subscriptions" && fold(part[2]) == fold(d.subscriptionID) &&
		fold(part[3]) == "resourcegroups" && fold(part[5]) == "providers" &&
		fold(part[6]+"/"+part[7]) == fold(kinds[k].provider)
	return part[4], part[8], ok
}

// CanonicalIdentityID writes the ARM id of a user-assigned identity in this subscription
// as Azure does, whether or not there is one; ok is false for anything else. What was
// authorized is then what is looked up.
func (d *Directory) CanonicalIdentityID(id string) (canonical string, ok bool) {
	group, name, ok := d.parseID(identityKind, id)
	if !ok {
		return "", false
	}
	return d.resourceID(identityKind, group, name), true
}

func noGroup(group string) error {
	return &midas.Error{Code: midas.NotFound, Message: fmt.Sprintf("Resource group '%s' could not be found.", group), Err: ErrNoGroup}
}

func noResource(k kind, group, name string) error {
	return midas.Errorf(midas.NotFound,
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		kinds[k].provider, name, group)
}

// noIdentity is Azure's FailedIdentityOperation: on is the id of the resource that was to
// have the identity id. That is given whole, up to what a URL may have: its end is what
// tells it apart.
func noIdentity(on, id string) error {
	id = clip.To(id, 2048)
	return &midas.Error{
		Code: midas.NotFound,
		Message: fmt.Sprintf("Identity operation for resource '%s' failed with error 'Failed to perform resource identity operation. "+
			"Status: 'BadRequest'. Response: '{\"error\":{\"code\":\"BadRequest\",\"message\":\"Resource '%s' was not found.\"}}'.'.", on, id),
		Hint: "create it first: midas identity create --resource-group GROUP --name NAME",
		Err:  ErrNoIdentity,
	}
}

// named is how errors call what has no name yet.
func (k kind) named() string { return "resource type '" + kinds[k].provider + "'" }

// The rules for names are those of Azure's "Naming rules and restrictions for Azure
// resources". Group names there may hold letters of any script; here of ASCII alone.
func checkGroupName(name string) error {
	if !within(name, 1, 90, "-._()") || strings.HasSuffix(name, ".") {
		return midas.Errorf(midas.Invalid, "The provided resource group name '%s' is invalid. The name can be up to 90 characters and only be "+
			"a letter, digit, '-', '.', '(', ')' or '_', and it cannot end with a period.", clip.Text(name))
	}
	return nil
}

func checkName(k kind, name string) error {
	var ok bool
	var rule string
	switch k {
	case identityKind:
		ok = within(name, 3, 128, "-_") && alphanumeric(name[0])
		rule = "The name must be 3 to 128 characters of letters, digits, '-' or '_', and begin with a letter or digit."
	case vmKind:
		ok = within(name, 1, 64, "-._") && alphanumeric(name[0]) && !strings.ContainsRune("-.", rune(name[len(name)-1]))
		rule = "The name must be 1 to 64 characters of letters, digits, '-', '.' or '_', begin with a letter or digit, and not end with '-' or '.'."
	case serverKind:
		ok = within(name, 3, 63, "-") && fold(name) == name && alphanumeric(name[0]) && alphanumeric(name[len(name)-1])
		rule = "The name must be 3 to 63 characters of lower-case letters, digits or '-', and not begin or end with '-'."
	}
	if !ok {
		return midas.Errorf(midas.Invalid, "The resource name '%s' of type '%s' is invalid. %s", clip.Text(name), kinds[k].provider, rule)
	}
	return nil
}

// within reports whether name is low to high ASCII letters, digits and bytes of more.
func within(name string, low, high int, more string) bool {
	if len(name) < low || len(name) > high {
		return false
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && strings.IndexByte(more, name[i]) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// locationFor returns the location of what is made as Azure stores it: "East US" is eastus.
func locationFor(what, name string) (string, error) {
	short := strings.ReplaceAll(fold(name), " ", "")
	if short == "" {
		return "", midas.Errorf(midas.Invalid, "The location property is required for this definition.").WithProperty("location")
	}
	if !within(short, 1, 64, "-") {
		return "", midas.Errorf(midas.Invalid, "The provided location '%s' is not available for %s.", clip.Text(name), what).WithProperty("location")
	}
	return short, nil
}
