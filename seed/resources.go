package seed

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

func (m *maker) makeResourceGroups(ctx context.Context) error {
	for i, g := range m.ResourceGroups {
		before, err := m.Directory.GetGroup(ctx, g.Name)
		if err != nil && !errors.Is(err, directory.ErrNoGroup) {
			return m.at(err, "resource-groups", i, "name")
		}
		where, tags := g.Location, g.Tags
		if where == "" && err == nil {
			where = before.Location
		}
		if tags == nil {
			tags = before.Tags
		}
		if err == nil && before.Location == short(where) && maps.Equal(before.Tags, tags) {
			continue
		}
		if _, _, err := m.Directory.PutGroup(ctx, nil, g.Name, m.location(where), tags); err != nil {
			return m.at(err, "resource-groups", i, "name")
		}
		m.changed("resource group", g.Name)
	}
	return nil
}

func (m *maker) makeIdentities(ctx context.Context) error {
	for i, id := range m.Identities {
		path := []any{"identities", i, "name"}
		before, err := m.Directory.GetIdentity(ctx, id.Group, id.Name)
		if missing, err := m.missing(err, path); err != nil {
			return err
		} else if missing {
			_, _, err = m.Directory.PutIdentity(ctx, nil, id.Group, id.Name, m.location(id.Location), id.Tags)
			if err != nil {
				return m.at(err, path...)
			}
			m.changed("identity", id.Name)
			continue
		}
		if err := m.checkUnmoved(before.Resource, id.Resource); err != nil {
			return m.at(err, path...)
		}
		if !differ(id.Tags, before.Tags) {
			continue
		}
		if _, err := m.Directory.PatchIdentity(ctx, nil, id.Group, id.Name, id.Tags); err != nil {
			return m.at(err, path...)
		}
		m.changed("identity", id.Name)
	}
	return nil
}

func (m *maker) makeVMs(ctx context.Context) error {
	for i, vm := range m.VMs {
		path := []any{"vms", i, "name"}
		before, err := m.Directory.GetVM(ctx, vm.Group, vm.Name)
		missing, err := m.missing(err, path)
		if err != nil {
			return err
		}
		change := directory.Change{Tags: vm.Tags}
		if change.Identity, err = m.identities(ctx, vm.Group, vm.Identities, holdings{before.System != nil, before.UserAssigned}, "vms", i); err != nil {
			return err
		}
		if missing {
			change.Location = m.location(vm.Location)
			if _, _, err := m.Directory.PutVM(ctx, nil, vm.Group, vm.Name, change); err != nil {
				return m.at(err, path...)
			}
			m.changed("vm", vm.Name)
			continue
		}
		if err := m.checkUnmoved(before.Resource, vm.Resource); err != nil {
			return m.at(err, path...)
		}
		if change.Identity == nil && !differ(vm.Tags, before.Tags) {
			continue
		}
		if _, err := m.Directory.PatchVM(ctx, nil, vm.Group, vm.Name, change); err != nil {
			return m.at(err, path...)
		}
		m.changed("vm", vm.Name)
	}
	return nil
}

// missing tells a resource that is to be made from one that cannot be.
func (m *maker) missing(err error, path []any) (bool, error) {
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, directory.ErrNoGroup):
		return false, m.at(err, append(path[:len(path)-1:len(path)-1], "resource-group")...)
	case midas.CodeOf(err) == midas.NotFound:
		return true, nil
	}
	return false, err
}

// checkUnmoved refuses to move what is somewhere already.
func (m *maker) checkUnmoved(is directory.Resource, want Resource) error {
	if want.Location == "" || short(want.Location) == is.Location {
		return nil
	}
	return midas.Errorf(midas.Conflict, "%s is in location %s and cannot move to %s", is.Name, is.Location, short(want.Location)).WithProperty("location")
}

// short is a location as a directory keeps it.
func short(location string) string {
	return strings.ReplaceAll(strings.ToLower(location), " ", "")
}

// differ reports whether the file says something about tags, and something else than is.
func differ(want, is map[string]string) bool { return want != nil && !maps.Equal(want, is) }

// system is az's word for the identity that belongs to the machine itself.
const system = "[system]"

// holdings are the identities that a machine or server has.
type holdings struct {
	system   bool
	assigned []midas.Identity
}

// identities is the change by which a machine or server in group has exactly the
// identities of that name; nil when it has, and when there is no list.
func (m *maker) identities(ctx context.Context, group string, names []string, has holdings, list string, i int) (*directory.IdentityPatch, error) {
	if names == nil {
		return nil, nil
	}
	patch := &directory.IdentityPatch{UserAssigned: map[string]bool{}}
	for _, id := range has.assigned {
		patch.UserAssigned[strings.ToLower(id.ResourceID)] = false
	}
	var own, others bool
	for n, name := range names {
		if strings.EqualFold(name, system) {
			if list == "servers" {
				return nil, m.complain("%s is for VMs: a server has user-assigned identities alone", []any{system}, list, i, "identities", n)
			}
			own = true
			continue
		}
		id, err := m.identity(ctx, group, name)
		if err != nil {
			return nil, m.at(err, list, i, "identities", n)
		}
		others = true
		patch.UserAssigned[strings.ToLower(id.ID)] = true
	}
	same := own == has.system && len(patch.UserAssigned) == len(has.assigned)
	for _, wanted := range patch.UserAssigned {
		same = same && wanted
	}
	switch {
	case same:
		return nil, nil
	case own && others:
		patch.Type = "SystemAssigned, UserAssigned"
	case own:
		patch.Type = "SystemAssigned"
	case others:
		patch.Type = "UserAssigned"
	default:
		patch.Type = "None"
	}
	return patch, nil
}

// identity finds a user-assigned identity by NAME in group or by GROUP/NAME.
func (m *maker) identity(ctx context.Context, group, reference string) (directory.ManagedIdentity, error) {
	group, name, err := split(group, reference)
	if err != nil {
		return directory.ManagedIdentity{}, err
	}
	return m.Directory.GetIdentity(ctx, group, name)
}

// split takes a reference apart; group is where a bare name is.
func split(group, reference string) (string, string, error) {
	before, after, qualified := strings.Cut(reference, "/")
	switch {
	case qualified:
		return before, after, nil
	case group == "":
		return "", "", midas.Errorf(midas.Invalid, "%q does not say in which resource group: write GROUP/NAME", reference)
	}
	return group, reference, nil
}
