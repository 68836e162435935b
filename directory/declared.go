package directory

import (
	"context"
	"database/sql"
	"slices"

	"github.com/midas-mysql/midas"
)

// Named returns the objects of one kind that have the name: a user's principal name, or
// the display name of a group or service principal, in any case. Of service principals
// only those of applications are meant: a managed identity is known by its resource.
func (d *Directory) Named(ctx context.Context, kind midas.PrincipalKind, name string) ([]midas.DirectoryObject, error) {
	query := map[midas.PrincipalKind]string{
		midas.KindUser:    `SELECT 'User', object_id, '', upn FROM user WHERE upn_key = ?1`,
		midas.KindGroup:   `SELECT 'Group', object_id, '', name FROM security_group WHERE key = ?1`,
		midas.KindService: `SELECT 'ServicePrincipal', object_id, client_id, name FROM principal WHERE key = ?1 AND resource IS NULL`,
	}[kind]
	return d.objects(ctx, query, fold(name))
}

// SetMembers gives a group exactly these members, by object id; changed is false when it
// had them. Errors are those of AddMember.
func (d *Directory) SetMembers(ctx context.Context, groupID string, ids []string) (changed bool, err error) {
	wanted := make([]string, 0, len(ids))
	for _, id := range ids {
		wanted = append(wanted, fold(id))
	}
	err = d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		changed = false
		g, err := d.loadSecurityGroup(ctx, tx, groupID)
		if err != nil {
			return err
		}
		has, err := column(ctx, tx, `SELECT member FROM membership WHERE security_group = ?`, g.ObjectID)
		if err != nil {
			return err
		}
		for _, id := range has {
			if !slices.Contains(wanted, id) {
				changed = true
				if _, err := tx.ExecContext(ctx, `DELETE FROM membership WHERE security_group = ? AND member = ?`, g.ObjectID, id); err != nil {
					return err
				}
			}
		}
		for i, id := range wanted {
			if !slices.Contains(has, id) && !slices.Contains(wanted[:i], id) {
				changed = true
				if err := d.addReference(ctx, tx, members, g.ObjectID, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return changed, err
}
