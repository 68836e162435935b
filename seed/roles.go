package seed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas/directory"
)

func (m *maker) makeRoleAssignments(ctx context.Context) error {
	for i, a := range m.RoleAssignments {
		role, err := m.role(a.Role, i)
		if err != nil {
			return err
		}
		principal, err := m.principal(ctx, a.Principal, "role-assignments", i, "principal")
		if err != nil {
			return err
		}
		scope, err := m.scope(ctx, a.Scope, i)
		if err != nil {
			return err
		}
		// The name is made of what the assignment says, so that it is the same each time.
		name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.ToLower(principal+"\n"+role.ID+"\n"+scope))).String()
		_, created, err := m.Directory.PutRoleAssignment(ctx, nil, directory.RoleAssignment{Name: name, PrincipalID: principal, RoleID: role.ID, Scope: scope}, "")
		if err != nil && !errors.Is(err, directory.ErrAssignmentExists) {
			return m.at(err, "role-assignments", i)
		}
		if created && err == nil {
			m.changed("role "+role.Name+" of", a.Principal.String())
		}
	}
	return nil
}

func (m *maker) role(name string, i int) (directory.Role, error) {
	var names []string
	for _, role := range m.Directory.Roles() {
		if strings.EqualFold(role.Name, name) {
			return role, nil
		}
		names = append(names, role.Name)
	}
	return directory.Role{}, m.complain("there is no role %q", []any{name}, "role-assignments", i, "role").
		WithHint("roles: %s", strings.Join(names, ", "))
}

// scope is the ARM id of s.
func (m *maker) scope(ctx context.Context, s Scope, i int) (string, error) {
	_, subscription := m.Directory.Tenant()
	var field, id string
	var err error
	find := func(name, reference string, look func(group, name string) (string, error)) {
		if reference == "" {
			return
		}
		field = name
		var group string
		if group, reference, err = split("", reference); err == nil {
			id, err = look(group, reference)
		}
	}
	if s.ResourceGroup != "" {
		g, err := m.Directory.GetGroup(ctx, s.ResourceGroup)
		return g.ID, m.at(err, "role-assignments", i, "scope", "resource-group")
	}
	find("identity", s.Identity, func(group, name string) (string, error) {
		r, err := m.Directory.GetIdentity(ctx, group, name)
		return r.ID, err
	})
	find("vm", s.VM, func(group, name string) (string, error) {
		r, err := m.Directory.GetVM(ctx, group, name)
		return r.ID, err
	})
	find("server", s.Server, func(group, name string) (string, error) {
		r, err := m.Directory.GetServer(ctx, group, name)
		return r.ID, err
	})
	if field == "" {
		return "/subscriptions/" + subscription, nil
	}
	return id, m.at(err, "role-assignments", i, "scope", field)
}

// String is how a principal is told of.
func (p Principal) String() string {
	for field, name := range map[string]string{
		"user": p.User, "group": p.Group, "application": p.Application, "identity": p.Identity, "vm": p.VM, "id": p.ID,
	} {
		if name != "" {
			return fmt.Sprintf("%s %s", field, name)
		}
	}
	return "nobody"
}
