package directory

import (
	"context"
	"database/sql"
	"strings"

	"github.com/midas-mysql/midas"
)

// Object is a directory object of any kind with all that is known of it: the one
// pointer that is not nil says which.
type Object struct {
	User        *User
	Group       *SecurityGroup
	Principal   *ServicePrincipal
	Application *Application
}

// Relation is a way from one directory object to others.
type Relation string

// The relations. Transitive ones go through groups; groups that contain each other
// are met once.
const (
	Members            Relation = "members"            // of a group
	TransitiveMembers  Relation = "transitiveMembers"  // of a group
	MemberOf           Relation = "memberOf"           // groups
	TransitiveMemberOf Relation = "transitiveMemberOf" // groups
	Owners             Relation = "owners"             // of a group, application or service principal
	OwnedObjects       Relation = "ownedObjects"       // of a user or service principal
)

// relations are queries that name a table "related" of object ids; ?1 is where the way
// begins.
var relations = map[Relation]string{
	Members: `WITH related (id) AS (SELECT member FROM membership WHERE security_group = ?1) `,
	TransitiveMembers: `WITH RECURSIVE related (id) AS (SELECT member FROM membership WHERE security_group = ?1
  UNION SELECT m.member FROM membership m JOIN related ON m.security_group = related.id) `,
	MemberOf: `WITH related (id) AS (SELECT security_group FROM membership WHERE member = ?1) `,
	TransitiveMemberOf: `WITH RECURSIVE related (id) AS (SELECT security_group FROM membership WHERE member = ?1
  UNION SELECT m.security_group FROM membership m JOIN related ON m.member = related.id) `,
	Owners:       `WITH related (id) AS (SELECT owner FROM ownership WHERE owned = ?1) `,
	OwnedObjects: `WITH related (id) AS (SELECT owned FROM ownership WHERE owner = ?1) `,
}

// Related returns a page of the objects to which a relation leads from the object with
// that id; of q, Where must be zero. They come in the order of their ids. An object
// that does not exist leads nowhere.
func (d *Directory) Related(ctx context.Context, from string, r Relation, q Query) (page Page[Object], err error) {
	with, ok := relations[r]
	if !ok || q.Where.Op != "" || q.Limit < 1 {
		return page, midas.Errorf(midas.Invalid, "Unsupported query on '%s'.", r)
	}
	var after cursor
	if q.After != "" {
		if after, err = parseCursor(q.After); err != nil {
			return page, err
		}
	}
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if q.Count {
			if err := tx.QueryRowContext(ctx, with+`SELECT count(*) FROM related`, fold(from)).Scan(&page.Total); err != nil {
				return err
			}
		}
		ids, err := column(ctx, tx, with+`SELECT id FROM related WHERE id > ?2 ORDER BY id LIMIT ?3`, fold(from), after.ID, q.Limit+1)
		if err != nil {
			return err
		}
		if len(ids) > q.Limit {
			ids = ids[:q.Limit]
			page.Next = cursor{ID: ids[q.Limit-1]}.String()
		}
		page.Items, err = d.loadObjects(ctx, tx, ids)
		return err
	})
	return page, err
}

// Objects returns those of the objects that exist, in the order of ids.
func (d *Directory) Objects(ctx context.Context, ids []string) (all []Object, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err = d.loadObjects(ctx, tx, ids)
		return err
	})
	return all, err
}

func (d *Directory) loadObjects(ctx context.Context, tx *sql.Tx, ids []string) ([]Object, error) {
	var all []Object
	for _, id := range ids {
		if strings.Contains(id, "@") { // a user principal name is no id
			continue
		}
		o, err := d.loadObject(ctx, tx, id)
		if midas.CodeOf(err) == midas.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

func (d *Directory) loadObject(ctx context.Context, tx *sql.Tx, id string) (Object, error) {
	u, err := d.loadUser(ctx, tx, id)
	if err == nil {
		return Object{User: &u}, nil
	}
	if midas.CodeOf(err) != midas.NotFound {
		return Object{}, err
	}
	g, err := d.loadSecurityGroup(ctx, tx, id)
	if err == nil {
		return Object{Group: &g}, nil
	}
	if midas.CodeOf(err) != midas.NotFound {
		return Object{}, err
	}
	p, err := d.loadServicePrincipal(ctx, tx, id)
	if err == nil {
		return Object{Principal: &p}, nil
	}
	if midas.CodeOf(err) != midas.NotFound {
		return Object{}, err
	}
	a, err := d.loadApplication(ctx, tx, id)
	return Object{Application: &a}, err
}
