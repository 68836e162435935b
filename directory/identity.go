package directory

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// ManagedIdentity is a user-assigned managed identity.
type ManagedIdentity struct {
	Resource
	midas.Identity
}

// PutIdentity makes the identity, with a new client id and object id, or replaces
// its tags. Errors are NotFound (the group), Invalid, or Conflict (another location).
func (d *Directory) PutIdentity(ctx context.Context, by *Operation, group, name, location string, tags map[string]string) (m ManagedIdentity, created bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		m.Resource, created, err = d.putResource(ctx, tx, identityKind, group, name, Change{Location: location, Tags: tags})
		if err != nil {
			return err
		}
		if created {
			if err := d.newPrincipal(ctx, tx, m.row, name); err != nil {
				return err
			}
		}
		m, err = d.withPrincipal(ctx, tx, m.Resource)
		return err
	})
	return m, created, err
}

// PatchIdentity replaces the identity's tags unless tags is nil. Errors are NotFound
// or Invalid.
func (d *Directory) PatchIdentity(ctx context.Context, by *Operation, group, name string, tags map[string]string) (m ManagedIdentity, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.patchResource(ctx, tx, identityKind, group, name, Change{Tags: tags})
		if err != nil {
			return err
		}
		m, err = d.withPrincipal(ctx, tx, r)
		return err
	})
	return m, err
}

// GetIdentity returns the identity, or NotFound.
func (d *Directory) GetIdentity(ctx context.Context, group, name string) (m ManagedIdentity, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, identityKind, group, name)
		if err != nil {
			return err
		}
		m, err = d.withPrincipal(ctx, tx, r)
		return err
	})
	return m, err
}

// ListIdentities returns the identities of a group by name, of all groups when group
// is "". A group that does not exist is NotFound.
func (d *Directory) ListIdentities(ctx context.Context, group string) ([]ManagedIdentity, error) {
	return d.PageIdentities(ctx, group, Span{})
}

// PageIdentities returns a part of ListIdentities.
func (d *Directory) PageIdentities(ctx context.Context, group string, part Span) ([]ManagedIdentity, error) {
	s := span{identityKind, group, part}
	var all []ManagedIdentity
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		list, err := d.loadResources(ctx, tx, s)
		if err != nil {
			return err
		}
		more, err := d.loadListing(ctx, tx, s)
		if err != nil {
			return err
		}
		for _, r := range list {
			if id := more.principal(r); id != nil {
				all = append(all, ManagedIdentity{Resource: r, Identity: *id})
			}
		}
		return nil
	})
	return all, err
}

// DeleteIdentity removes the identity, its service principal with its roles, and its
// place on every machine and server, all at once. existed is false when there was
// none. An identity made later under the name is another one.
func (d *Directory) DeleteIdentity(ctx context.Context, by *Operation, group, name string) (existed bool, err error) {
	return d.deleteResource(ctx, by, identityKind, group, name)
}

// newPrincipal makes the service principal of a managed identity. Its ids are never
// used again, so what was granted to them cannot be inherited through a name.
func (d *Directory) newPrincipal(ctx context.Context, tx *sql.Tx, row int64, name string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO principal (object_id, client_id, key, name, resource, created) VALUES (?, ?, ?, ?, ?, ?)`,
		uuid.NewString(), uuid.NewString(), fold(name), name, row, d.millis())
	return err
}

// withPrincipal completes a resource of the identity kind.
func (d *Directory) withPrincipal(ctx context.Context, tx *sql.Tx, r Resource) (ManagedIdentity, error) {
	id, err := d.principalOf(ctx, tx, r)
	return ManagedIdentity{Resource: r, Identity: id}, err
}

// principalOf returns the service principal of a resource, or sql.ErrNoRows.
func (d *Directory) principalOf(ctx context.Context, tx *sql.Tx, r Resource) (midas.Identity, error) {
	id := midas.Identity{ResourceID: r.ID, TenantID: d.tenantID}
	err := tx.QueryRowContext(ctx, `SELECT client_id, object_id FROM principal WHERE resource = ?`, r.row).Scan(&id.ClientID, &id.PrincipalID)
	return id, err
}
