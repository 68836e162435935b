package seed

import (
	"context"

	"github.com/midas-mysql/midas"
)

// principal returns the object id of p, which is at path in the file.
func (m *maker) principal(ctx context.Context, p Principal, path ...any) (string, error) {
	switch {
	case p.User != "":
		return m.named(ctx, midas.KindUser, "user", p.User, path)
	case p.Group != "":
		return m.named(ctx, midas.KindGroup, "group", p.Group, path)
	case p.Application != "":
		return m.named(ctx, midas.KindService, "application", p.Application, path)
	case p.Identity != "":
		id, err := m.identity(ctx, "", p.Identity)
		if err != nil {
			return "", m.at(err, append(path, "identity")...)
		}
		return id.PrincipalID, nil
	case p.VM != "":
		return m.machine(ctx, p.VM, append(path, "vm"))
	}
	object, err := m.Directory.ObjectByID(ctx, p.ID)
	if err != nil {
		return "", m.at(err, append(path, "id")...)
	}
	return object.ObjectID, nil
}

func (m *maker) named(ctx context.Context, kind midas.PrincipalKind, field, name string, path []any) (string, error) {
	found, err := m.Directory.Named(ctx, kind, name)
	switch path = append(path, field); {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", m.complain("there is no %s %q", []any{field, name}, path...)
	case len(found) > 1:
		return "", m.complain("%d of them are named %q: write id, with the object id of the one you mean", []any{len(found), name}, path...)
	}
	return found[0].ObjectID, nil
}

// machine is the object id of a machine's own identity.
func (m *maker) machine(ctx context.Context, reference string, path []any) (string, error) {
	group, name, err := split("", reference)
	if err != nil {
		return "", m.at(err, path...)
	}
	vm, err := m.Directory.GetVM(ctx, group, name)
	if err != nil {
		return "", m.at(err, path...)
	}
	if vm.System == nil {
		return "", m.complain("VM %s has no identity of its own: give it %q among its identities", []any{vm.Name, system}, path...)
	}
	return vm.System.PrincipalID, nil
}
