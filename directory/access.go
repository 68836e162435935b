package directory

import (
	"context"
	"database/sql"
	"slices"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Access is what one principal may do, as of the moment when it was asked for. The zero
// Access may do nothing.
type Access struct {
	grants []grant
}

type grant struct {
	scope string // folded
	role  *Role
}

// Access returns what the principal with that object id may do, by its own role
// assignments and those of the groups that it is in. One that is disabled may do nothing:
// its tokens live on.
func (d *Directory) Access(ctx context.Context, principalID string) (a Access, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err = d.access(ctx, tx, principalID)
		return err
	})
	if err != nil {
		return Access{}, err
	}
	return a, nil
}

func (d *Directory) access(ctx context.Context, tx *sql.Tx, principalID string) (a Access, err error) {
	var disabled bool
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM user WHERE object_id = ?1 AND NOT enabled)
OR EXISTS (SELECT 1 FROM principal WHERE object_id = ?1 AND NOT enabled)`, fold(principalID)).Scan(&disabled)
	if err != nil || disabled {
		return Access{}, err
	}
	ids, err := d.identitiesOf(ctx, tx, principalID)
	if err != nil {
		return Access{}, err
	}
	for _, id := range ids {
		if err := d.grantsOf(ctx, tx, id, &a); err != nil {
			return Access{}, err
		}
	}
	return a, nil
}

// identitiesOf returns the object ids under which a principal holds roles.
func (d *Directory) identitiesOf(ctx context.Context, tx *sql.Tx, principalID string) ([]string, error) {
	groups, err := column(ctx, tx, groupsOf+`SELECT id FROM up`, fold(principalID))
	return append(groups, fold(principalID)), err
}

func (d *Directory) grantsOf(ctx context.Context, tx *sql.Tx, id string, into *Access) error {
	rows, err := tx.QueryContext(ctx, `SELECT role, scope FROM role_assignment WHERE principal = ?`, id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var role, scope string
		if err := rows.Scan(&role, &scope); err != nil {
			return err
		}
		into.Hold(role, scope)
	}
	return rows.Err()
}

// Hold adds the role with that GUID at a scope. A role that is unknown here allows nothing.
func (a *Access) Hold(roleID, scope string) {
	if r := roleOf(roleID); r != nil {
		a.grants = append(a.grants, grant{scopeKey(scope), r})
	}
}

// Allowed reports whether the principal may take the action at the scope, an ARM id,
// or at one of those above it. Neither minds case.
func (a Access) Allowed(action, scope string) bool {
	key := scopeKey(scope)
	return slices.ContainsFunc(a.grants, func(g grant) bool { return covers(g.scope, key) && g.role.allows(action) })
}

// AllowedWithin reports whether the principal may take the action at the scope or
// somewhere below it: whether a list of what is there may be asked for at all.
func (a Access) AllowedWithin(action, scope string) bool {
	key := scopeKey(scope)
	return slices.ContainsFunc(a.grants, func(g grant) bool {
		return (covers(g.scope, key) || covers(key, g.scope)) && g.role.allows(action)
	})
}

// Any reports whether the principal has any role at all.
func (a Access) Any() bool { return len(a.grants) > 0 }

// RolesAt returns the roles that hold at a scope, each once.
func (a Access) RolesAt(scope string) []Role {
	key := scopeKey(scope)
	var all []Role
	for _, g := range a.grants {
		if covers(g.scope, key) && !slices.ContainsFunc(all, func(r Role) bool { return r.ID == g.role.ID }) {
			all = append(all, *g.role)
		}
	}
	return all
}

// Allowed reports whether the principal with that object id may take the action at the
// scope. On any doubt or error it is false.
func (d *Directory) Allowed(ctx context.Context, principalID, action, scope string) (bool, error) {
	a, err := d.Access(ctx, principalID)
	return err == nil && a.Allowed(action, scope), err
}

// AssignOwner gives the principal with that object id the role Owner over the
// subscription. Doing so again changes nothing.
func (d *Directory) AssignOwner(ctx context.Context, principalID string) error {
	if uuid.Validate(principalID) != nil {
		return midas.Errorf(midas.Invalid, "principal id %q is not a GUID", clip.Text(principalID))
	}
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		kind, err := d.kindOf(ctx, tx, principalID)
		if err != nil {
			return err
		}
		if kind == "" {
			kind = midas.KindService
		}
		_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO role_assignment (name, principal, principal_type, role, scope, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			uuid.NewString(), fold(principalID), kind, ownerRole, d.subscriptionScope(), d.millis(), d.millis())
		return err
	})
}

// IsOwner reports whether the principal, or a group that it is in, has the role Owner over
// the subscription. On any doubt or error it is false.
func (d *Directory) IsOwner(ctx context.Context, principalID string) (bool, error) {
	a, err := d.Access(ctx, principalID)
	scope := d.subscriptionScope()
	return err == nil && slices.ContainsFunc(a.grants, func(g grant) bool { return g.scope == scope && g.role.ID == ownerRole }), err
}

// kindOf returns what kind of object has that object id, or "".
func (d *Directory) kindOf(ctx context.Context, tx *sql.Tx, objectID string) (midas.PrincipalKind, error) {
	found, err := d.findObjects(ctx, tx, byObjectID, fold(objectID))
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].Kind, nil
}
