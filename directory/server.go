package directory

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

const (
	// domain is where Azure puts the names of MySQL servers.
	domain = ".mysql.database.azure.com"
	// defaultVersion is how Azure names MySQL 8.0.
	defaultVersion = "8.0.21"
)

// Server is a MySQL flexible server with all that the control plane knows of it.
type Server struct {
	Resource
	UniqueID     string // new for each creation, kept by every change
	FQDN         string
	Version      string         // "8.0.21"
	Admin        *Administrator // nil when there is none
	AADOnly      bool
	UserAssigned []midas.Identity
}

// Server returns what the gateway knows of s.
func (s Server) Server() midas.Server {
	out := midas.Server{ResourceID: s.ID, UniqueID: s.UniqueID, Name: s.Name, FQDN: s.FQDN, Created: s.Created, AADOnly: s.AADOnly}
	if s.Admin != nil {
		admin := s.Admin.Administrator
		out.Admin = &admin
	}
	return out
}

// ServerChange is what a client asks of a server.
type ServerChange struct {
	Change
	Version string // "" for what it is, or the default
	// Admin is set, in the same transaction, on a server that is made; it is ignored on
	// one that exists. Where another server's has its login, it gets one of its own.
	Admin *Administrator
}

// PutServer makes the server or sets it to c; administrator and parameters of a server
// that exists stay, and so do its identities when c has none. Its name is unique across groups. Errors
// are NotFound (the group, or ErrNoIdentity), Invalid, or Conflict (the name or
// another location).
func (d *Directory) PutServer(ctx context.Context, by *Operation, group, name string, c ServerChange) (s Server, created bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, isNew, err := d.putResource(ctx, tx, serverKind, group, name, c.Change)
		if err != nil {
			return err
		}
		if created = isNew; created {
			if err := d.newServer(ctx, tx, r, c); err != nil {
				return err
			}
		}
		before, err := d.loadServer(ctx, tx, r)
		if err != nil {
			return err
		}
		if c.Identity != nil {
			if err := d.clearIdentity(ctx, tx, r); err != nil {
				return err
			}
			whole := c.Identity.orNone()
			c.Identity = &whole
		}
		if err := d.changeServer(ctx, tx, r, c); err != nil {
			return err
		}
		if s, err = d.loadServer(ctx, tx, r); err != nil {
			return err
		}
		return keepsServing(before, s)
	})
	return s, created, err
}

// PatchServer changes what c names of the server. Errors are NotFound (the server,
// or ErrNoIdentity), Invalid, or Conflict (another location).
func (d *Directory) PatchServer(ctx context.Context, by *Operation, group, name string, c ServerChange) (s Server, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.patchResource(ctx, tx, serverKind, group, name, c.Change)
		if err != nil {
			return err
		}
		before, err := d.loadServer(ctx, tx, r)
		if err != nil {
			return err
		}
		if err := d.changeServer(ctx, tx, r, c); err != nil {
			return err
		}
		if s, err = d.loadServer(ctx, tx, r); err != nil {
			return err
		}
		return keepsServing(before, s)
	})
	return s, err
}

// GetServer returns the server, or NotFound.
func (d *Directory) GetServer(ctx context.Context, group, name string) (s Server, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, serverKind, group, name)
		if err != nil {
			return err
		}
		s, err = d.loadServer(ctx, tx, r)
		return err
	})
	return s, err
}

// ListServers returns the servers of a group by name, of all groups when group is
// "". A group that does not exist is NotFound.
func (d *Directory) ListServers(ctx context.Context, group string) ([]Server, error) {
	return d.PageServers(ctx, group, Span{})
}

// PageServers returns a part of ListServers.
func (d *Directory) PageServers(ctx context.Context, group string, part Span) ([]Server, error) {
	s := span{serverKind, group, part}
	var all []Server
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		list, err := d.loadResources(ctx, tx, s)
		if err != nil {
			return err
		}
		more, err := d.loadListing(ctx, tx, s)
		if err != nil {
			return err
		}
		at := make(map[int64]Resource, len(list))
		for _, r := range list {
			at[r.row] = r
		}
		var row serverRow
		err = each(ctx, tx, s.with(serverQuery+`JOIN span ON span.id = s.resource ORDER BY s.key`), s.args(), row.into(), func() {
			one := row.server(at[row.resource])
			one.UserAssigned = more.assigned[one.row]
			all = append(all, one)
		})
		return err
	})
	return all, err
}

// DeleteServer removes the server; existed is false when there was none. It is among
// DepartedServers from then on.
func (d *Directory) DeleteServer(ctx context.Context, by *Operation, group, name string) (existed bool, err error) {
	return d.deleteResource(ctx, by, serverKind, group, name)
}

// UndoServer removes a server that cannot be had after all, and no other one that has its name by
// now.
func (d *Directory) UndoServer(ctx context.Context, s Server) error {
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM resource WHERE id = (SELECT resource FROM server WHERE unique_id = ?)`, s.UniqueID)
		return err
	})
}

// Servers returns every server as the gateway knows it, by name.
func (d *Directory) Servers(ctx context.Context) ([]midas.Server, error) {
	list, err := d.ListServers(ctx, "")
	all := make([]midas.Server, 0, len(list))
	for _, s := range list {
		all = append(all, s.Server())
	}
	return all, err
}

// Server finds a server by its name or full DNS name, in any case, or returns
// NotFound.
func (d *Directory) Server(ctx context.Context, nameOrFQDN string) (out midas.Server, err error) {
	key := strings.TrimSuffix(strings.TrimSuffix(fold(nameOrFQDN), "."), domain)
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.scanResource(serverKind, tx.QueryRowContext(ctx, resourceQuery+`JOIN server s ON s.resource = r.id WHERE s.key = ?`, key))
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "server %q does not exist", clip.Text(nameOrFQDN))
		}
		if err != nil {
			return err
		}
		s, err := d.loadServer(ctx, tx, r)
		out = s.Server()
		return err
	})
	return out, err
}

func (d *Directory) newServer(ctx context.Context, tx *sql.Tx, r Resource, c ServerChange) error {
	made, err := affected(tx.ExecContext(ctx, `INSERT OR IGNORE INTO server (resource, unique_id, key, version) VALUES (?, ?, ?, ?)`,
		r.row, uuid.NewString(), fold(r.Name), defaultVersion))
	if err != nil {
		return err
	}
	if !made {
		return midas.Errorf(midas.Conflict, "Specified server name '%s' is already used.", r.Name)
	}
	if c.Admin == nil {
		return nil
	}
	return d.storeAdministrator(ctx, tx, r, *c.Admin)
}

func (d *Directory) changeServer(ctx context.Context, tx *sql.Tx, r Resource, c ServerChange) error {
	if c.Version != "" {
		if !within(c.Version, 1, 32, ".") {
			return midas.Errorf(midas.Invalid, "The value '%s' of the property 'version' is invalid.", clip.Text(c.Version)).WithProperty("version")
		}
		if _, err := tx.ExecContext(ctx, `UPDATE server SET version = ? WHERE resource = ?`, c.Version, r.row); err != nil {
			return err
		}
	}
	if c.Identity == nil {
		return nil
	}
	if system, _, _, err := c.Identity.kindsOf(); err == nil && system {
		return midas.Errorf(midas.Invalid, "The identity type '%s' is not supported by MySQL flexible servers; use 'UserAssigned'.", c.Identity.Type)
	}
	return d.assign(ctx, tx, r, *c.Identity)
}

// loadServer completes a resource of the server kind.
func (d *Directory) loadServer(ctx context.Context, tx *sql.Tx, r Resource) (Server, error) {
	var row serverRow
	if err := tx.QueryRowContext(ctx, serverQuery+`WHERE s.resource = ?`, r.row).Scan(row.into()...); err != nil {
		return Server{}, err
	}
	s := row.server(r)
	var err error
	s.UserAssigned, err = d.assignedTo(ctx, tx, r)
	return s, err
}

const serverQuery = `SELECT s.resource, s.unique_id, s.version, s.admin_login, s.admin_object_id, s.admin_tenant_id, s.admin_identity,
  EXISTS (SELECT 1 FROM parameter p WHERE p.server = s.resource AND p.name = 'aad_auth_only' AND p.value = 'ON')
FROM server s `

// serverRow is a row of serverQuery.
type serverRow struct {
	resource                            int64
	uniqueID, version                   string
	login, objectID, tenantID, identity sql.NullString
	aadOnly                             bool
}

func (row *serverRow) into() []any {
	return []any{&row.resource, &row.uniqueID, &row.version, &row.login, &row.objectID, &row.tenantID, &row.identity, &row.aadOnly}
}

// server is the server that the row is of, but for its identities.
func (row *serverRow) server(r Resource) Server {
	s := Server{Resource: r, FQDN: fold(r.Name) + domain, UniqueID: row.uniqueID, Version: row.version, AADOnly: row.aadOnly}
	if row.objectID.Valid {
		s.Admin = &Administrator{
			Administrator: midas.Administrator{Login: row.login.String, ObjectID: row.objectID.String, TenantID: row.tenantID.String},
			IdentityID:    row.identity.String,
		}
	}
	return s
}
