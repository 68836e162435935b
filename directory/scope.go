package directory

import (
	"context"
	"database/sql"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// scope is where a role assignment or lock holds: the subscription, a resource group or a
// resource. What hangs on it refers to its group and resource, and so goes with them.
type scope struct {
	key      string // the folded id
	id       string // the id as Azure writes it
	group    sql.NullString
	resource sql.NullInt64
}

// covers reports whether what holds at the scope outer holds at inner; both are folded.
func covers(outer, inner string) bool {
	return outer == inner || strings.HasPrefix(inner, outer) && inner[len(outer)] == '/'
}

// scopeKey folds an ARM id.
func scopeKey(id string) string { return fold("/" + strings.Trim(id, "/")) }

// findScope resolves an ARM id of the subscription, a group or a resource. Errors are
// NotFound, and Invalid for anything else.
func (d *Directory) findScope(ctx context.Context, tx *sql.Tx, id string) (scope, error) {
	s := scope{key: scopeKey(id)}
	part := strings.Split(s.key[1:], "/")
	if len(part) < 2 || part[0] != "subscriptions" || part[1] != d.subscriptionID {
		return scope{}, badScope(id)
	}
	if len(part) == 2 {
		s.id = d.subscriptionScope()
		return s, nil
	}
	if part[2] != "resourcegroups" || len(part) != 4 && len(part) != 8 {
		return scope{}, badScope(id)
	}
	if len(part) == 4 {
		g, err := d.loadGroup(ctx, tx, part[3])
		s.id, s.group = g.ID, sql.NullString{String: fold(g.Name), Valid: true}
		return s, err
	}
	for k := range kinds {
		if group, name, ok := d.parseID(k, s.key); ok {
			r, err := d.loadResource(ctx, tx, k, group, name)
			s.id, s.resource = r.ID, sql.NullInt64{Int64: r.row, Valid: true}
			s.group = sql.NullString{String: fold(r.Group), Valid: true}
			return s, err
		}
	}
	return scope{}, badScope(id)
}

func badScope(id string) error {
	return midas.Errorf(midas.Invalid, "The scope '%s' is invalid. It must be this subscription, a resource group, or a resource of a type that exists here.", clip.Text(id))
}

// shownScope writes a folded scope as Azure does, from the names of what it refers to.
func (d *Directory) shownScope(key string, group, k, name sql.NullString) string {
	switch {
	case name.Valid && group.Valid:
		return d.resourceID(kind(k.String), group.String, name.String)
	case group.Valid:
		return d.groupID(group.String)
	}
	return key
}

func (d *Directory) subscriptionScope() string { return "/subscriptions/" + d.subscriptionID }
