package seed

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

func (m *maker) makeServers(ctx context.Context) error {
	for i, s := range m.Servers {
		if err := m.makeServer(ctx, i, s); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
			if err := m.setParameter(ctx, i, s, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *maker) makeServer(ctx context.Context, i int, s Server) error {
	path := []any{"servers", i, "name"}
	before, err := m.Directory.GetServer(ctx, s.Group, s.Name)
	missing, err := m.missing(err, path)
	if err != nil {
		return err
	}
	change := directory.ServerChange{Change: directory.Change{Tags: s.Tags}, Version: s.Version}
	if change.Identity, err = m.identities(ctx, s.Group, s.Identities, holdings{assigned: before.UserAssigned}, "servers", i); err != nil {
		return err
	}
	if missing {
		change.Location = m.location(s.Location)
		if s.Administrator == nil && m.DefaultAdmin != nil {
			change.Admin = &directory.Administrator{Administrator: *m.DefaultAdmin}
		}
		if _, _, err := m.Directory.PutServer(ctx, nil, s.Group, s.Name, change); err != nil {
			return m.at(err, path...)
		}
		m.changed("server", s.Name)
		return m.setAdministrator(ctx, i, s, nil)
	}
	if err := m.checkUnmoved(before.Resource, s.Resource); err != nil {
		return m.at(err, path...)
	}
	// First the administrator: one that leaves may be served by an identity that leaves, too.
	if err := m.setAdministrator(ctx, i, s, before.Admin); err != nil {
		return err
	}
	if change.Identity != nil || differ(s.Tags, before.Tags) || s.Version != "" && s.Version != before.Version {
		if _, err := m.Directory.PatchServer(ctx, nil, s.Group, s.Name, change); err != nil {
			return m.at(err, path...)
		}
		m.changed("server", s.Name)
	}
	return nil
}

func (m *maker) setAdministrator(ctx context.Context, i int, s Server, before *directory.Administrator) error {
	if s.Administrator == nil {
		return nil
	}
	id, err := m.principal(ctx, s.Administrator.Principal, "servers", i, "administrator", "principal")
	if err != nil {
		return err
	}
	if before != nil && before.Login == s.Administrator.Login && before.ObjectID == id {
		return nil
	}
	_, _, err = m.Directory.SetAdministrator(ctx, nil, s.Group, s.Name, directory.Administrator{
		Administrator: midas.Administrator{Login: s.Administrator.Login, ObjectID: id},
	})
	if err != nil {
		return m.at(err, "servers", i, "administrator")
	}
	m.changed("administrator of server", s.Name)
	return nil
}

func (m *maker) setParameter(ctx context.Context, i int, s Server, name string) error {
	before, err := m.Directory.Parameter(ctx, s.Group, s.Name, name)
	if err != nil {
		return m.at(err, "servers", i, "parameters", name)
	}
	if strings.EqualFold(before.Value, s.Parameters[name]) {
		return nil
	}
	after, err := m.Directory.SetParameter(ctx, nil, s.Group, s.Name, name, s.Parameters[name])
	if err != nil {
		return m.at(err, "servers", i, "parameters", name)
	}
	m.changed("parameter "+after.Name+" of server", s.Name)
	return nil
}
