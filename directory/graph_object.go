package directory

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// How objects are looked up. ?1 is a folded id or name. The kinds are those that may
// become a database user or have a role: an application object is none of them.
const (
	byObjectID = `SELECT 'User', object_id, '', upn FROM user WHERE object_id = ?1
UNION ALL SELECT 'Group', object_id, '', name FROM security_group WHERE object_id = ?1
UNION ALL SELECT 'ServicePrincipal', object_id, client_id, name FROM principal WHERE object_id = ?1`
	byAnyID = byObjectID + `
UNION ALL SELECT 'ServicePrincipal', object_id, client_id, name FROM principal WHERE client_id = ?1 AND object_id <> ?1`
	byName = `SELECT 'User', object_id, '', upn FROM user WHERE upn_key = ?1
UNION ALL SELECT 'Group', object_id, '', name FROM security_group WHERE key = ?1
UNION ALL SELECT 'ServicePrincipal', object_id, client_id, name FROM principal WHERE key = ?1
LIMIT 2`
)

// ObjectByID finds a user, group or service principal by object id, or a service
// principal by client id, in any case, or returns NotFound.
func (d *Directory) ObjectByID(ctx context.Context, id string) (midas.DirectoryObject, error) {
	found, err := d.objects(ctx, byAnyID, fold(id))
	if err == nil && len(found) == 0 {
		err = midas.Errorf(midas.NotFound, "no object with id %q in tenant %s", clip.Text(id), d.tenantID)
	}
	if err != nil {
		return midas.DirectoryObject{}, err
	}
	return found[0], nil
}

// ObjectByName finds a user by user principal name, or a group or service principal
// by display name, in any case; a system-assigned identity has the name of its
// machine. Errors are NotFound, or Conflict when several have the name.
func (d *Directory) ObjectByName(ctx context.Context, name string) (midas.DirectoryObject, error) {
	found, err := d.objects(ctx, byName, fold(name))
	switch {
	case err != nil:
		return midas.DirectoryObject{}, err
	case len(found) == 0:
		return midas.DirectoryObject{}, midas.Errorf(midas.NotFound, "no object named %q in tenant %s", clip.Text(name), d.tenantID)
	case len(found) > 1:
		return midas.DirectoryObject{}, midas.Errorf(midas.Conflict, "several objects are named %q", clip.Text(name)).
			WithHint("name the one you mean by its client id or object id")
	}
	return found[0], nil
}

// Active tells whether a user, group or service principal exists and is not disabled:
// whether a token that was made out to it may still be good for something.
func (d *Directory) Active(ctx context.Context, objectID string) (active bool, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM user WHERE object_id = ?1 AND enabled)
OR EXISTS (SELECT 1 FROM principal WHERE object_id = ?1 AND enabled) OR EXISTS (SELECT 1 FROM security_group WHERE object_id = ?1)`,
			fold(objectID)).Scan(&active)
	})
	return active && err == nil, err
}

// goneIDs is ?1, a list of ids, without those of active principals and those that no
// principal ever had.
const goneIDs = `SELECT id.value FROM json_each(?1) AS id
WHERE NOT EXISTS (SELECT 1 FROM user WHERE object_id = id.value AND enabled)
AND NOT EXISTS (SELECT 1 FROM security_group WHERE object_id = id.value)
AND NOT EXISTS (SELECT 1 FROM principal WHERE object_id = id.value AND enabled)
AND NOT EXISTS (SELECT 1 FROM principal WHERE client_id = id.value AND enabled)
AND (EXISTS (SELECT 1 FROM user WHERE object_id = id.value)
  OR EXISTS (SELECT 1 FROM principal WHERE object_id = id.value)
  OR EXISTS (SELECT 1 FROM principal WHERE client_id = id.value)
  OR EXISTS (SELECT 1 FROM departed_principal WHERE object_id = id.value)
  OR EXISTS (SELECT 1 FROM departed_principal WHERE client_id = id.value AND client_id <> ''))`

// Gone returns those of the object ids and client ids, in lower case, whose principal was
// in this directory and was deleted, or is disabled. Ids that it never had are none of them:
// they may be another issuer's. Those that were deleted by a midas that did not note it are
// unknown too.
func (d *Directory) Gone(ctx context.Context, ids []string) (gone []string, err error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		gone, err = column(ctx, tx, goneIDs, string(list))
		return err
	})
	return gone, err
}

func (d *Directory) objects(ctx context.Context, query, key string) (found []midas.DirectoryObject, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err = d.findObjects(ctx, tx, query, key)
		return err
	})
	return found, err
}

func (d *Directory) findObjects(ctx context.Context, tx *sql.Tx, query, key string) ([]midas.DirectoryObject, error) {
	rows, err := tx.QueryContext(ctx, query, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []midas.DirectoryObject
	for rows.Next() {
		var o midas.DirectoryObject
		if err := rows.Scan(&o.Kind, &o.ObjectID, &o.ClientID, &o.Name); err != nil {
			return nil, err
		}
		found = append(found, o)
	}
	return found, rows.Err()
}
