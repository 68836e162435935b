package directory

import (
	"context"
	"database/sql"

	"github.com/midas-mysql/midas"
)

// listing is what a list of resources needs besides their own rows, by row: read for all
// of them at once, so that a list of a thousand costs as many queries as a list of one.
type listing struct {
	principals map[int64]midas.Identity // without the ARM id
	assigned   map[int64][]midas.Identity
}

// ofKind limits a query about r to a kind and, unless it is "", a group.
const ofKind = `r.kind = ?1 AND (?2 = '' OR r.group_key = ?2)`

// loadListing reads what the resources of a kind have, those of all groups when group is
// "".
func (d *Directory) loadListing(ctx context.Context, tx *sql.Tx, k kind, group string) (listing, error) {
	l := listing{map[int64]midas.Identity{}, map[int64][]midas.Identity{}}
	var row int64
	var id midas.Identity
	err := each(ctx, tx, `SELECT r.id, p.client_id, p.object_id FROM resource r JOIN principal p ON p.resource = r.id WHERE `+ofKind,
		[]any{k, fold(group)}, []any{&row, &id.ClientID, &id.PrincipalID}, func() {
			id.TenantID = d.tenantID
			l.principals[row] = id
		})
	if err != nil || k == identityKind {
		return l, err
	}
	var of midas.Identity
	var at, name string
	err = each(ctx, tx, `SELECT r.id, g.name, i.name, p.client_id, p.object_id
FROM resource r JOIN assigned a ON a.host = r.id JOIN resource i ON i.id = a.identity JOIN resource_group g ON g.key = i.group_key JOIN principal p ON p.resource = i.id
WHERE `+ofKind+` ORDER BY r.id, i.group_key, i.key`,
		[]any{k, fold(group)}, []any{&row, &at, &name, &of.ClientID, &of.PrincipalID}, func() {
			of.TenantID, of.ResourceID = d.tenantID, d.resourceID(identityKind, at, name)
			l.assigned[row] = append(l.assigned[row], of)
		})
	return l, err
}

// principal returns the service principal of a resource, or nil.
func (l listing) principal(r Resource) *midas.Identity {
	id, has := l.principals[r.row]
	if !has {
		return nil
	}
	id.ResourceID = r.ID
	return &id
}

// each calls do for every row of a query, which it has read into.
func each(ctx context.Context, tx *sql.Tx, query string, args, into []any, do func()) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		do()
	}
	return rows.Err()
}
