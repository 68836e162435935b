package directory

import (
	"context"
	"database/sql"
	"strings"

	"github.com/midas-mysql/midas"
)

// Span is a part of a list, which is in the order of names and, where these are the same,
// of groups. The zero Span is all of it.
type Span struct {
	After string // "name/group" of the one before the first; "" for the beginning
	Limit int    // 0 for none
}

// span is a Span of the resources of a kind, of all groups when group is "", as queries
// name it: inSpan begins one, and its rows have their ids in "span".
type span struct {
	kind  kind
	group string
	Span
}

func (s span) with(query string) string {
	group := ""
	if s.group != "" {
		group = `AND r.group_key = ?2 `
	}
	return `WITH span (id) AS MATERIALIZED (SELECT r.id FROM resource r WHERE r.kind = ?1 ` + group +
		`AND (r.key, r.group_key) > (?3, ?4) ORDER BY r.key, r.group_key LIMIT ?5) ` + query
}

func (s span) args() []any {
	name, group, _ := strings.Cut(fold(s.After), "/")
	limit := -1 // SQLite's word for none
	if s.Limit > 0 {
		limit = s.Limit
	}
	return []any{s.kind, fold(s.group), name, group, limit}
}

// listing is what a list of resources needs besides their own rows, by row: read for all
// of them at once, so that a list of a thousand costs as many queries as a list of one.
type listing struct {
	principals map[int64]midas.Identity // without the ARM id
	assigned   map[int64][]midas.Identity
}

// loadListing reads what the resources of a span have.
func (d *Directory) loadListing(ctx context.Context, tx *sql.Tx, s span) (listing, error) {
	l := listing{map[int64]midas.Identity{}, map[int64][]midas.Identity{}}
	var row int64
	var id midas.Identity
	err := each(ctx, tx, s.with(`SELECT span.id, p.client_id, p.object_id FROM span JOIN principal p ON p.resource = span.id`),
		s.args(), []any{&row, &id.ClientID, &id.PrincipalID}, func() {
			id.TenantID = d.tenantID
			l.principals[row] = id
		})
	if err != nil || s.kind == identityKind {
		return l, err
	}
	var of midas.Identity
	var at, name string
	err = each(ctx, tx, s.with(`SELECT a.host, g.name, i.name, p.client_id, p.object_id
FROM span JOIN assigned a ON a.host = span.id JOIN resource i ON i.id = a.identity JOIN resource_group g ON g.key = i.group_key JOIN principal p ON p.resource = i.id
ORDER BY a.host, i.group_key, i.key`),
		s.args(), []any{&row, &at, &name, &of.ClientID, &of.PrincipalID}, func() {
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
