package directory

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"

	"github.com/midas-mysql/midas"
)

// Query chooses a page of a collection of directory objects. They come in the order
// of their display names.
type Query struct {
	Where Condition
	After string // Next of the page before; "" for the first
	Limit int    // how many at most, at least 1
	Count bool   // count all that Where holds for
}

// Page is part of a collection.
type Page[T any] struct {
	Items []T
	Next  string // "" on the last page
	Total int    // when Query.Count asked for it
}

// collection is where objects of a kind are found.
type collection struct {
	from    string // table and alias
	id, key string // columns
	columns map[string]property
}

var (
	userCollection = collection{"user", "object_id", "key", map[string]property{
		"id":                {expr: "object_id", prefix: true},
		"displayname":       {expr: "key", prefix: true},
		"userprincipalname": {expr: "upn_key", prefix: true},
		"mail":              {expr: "mail" + noCase},
		"mailnickname":      {expr: "mail_nickname" + noCase},
		"givenname":         {expr: "given_name" + noCase},
		"surname":           {expr: "surname" + noCase},
		"accountenabled":    {expr: "enabled", truth: true},
		"usertype":          {expr: "CASE guest WHEN 1 THEN 'guest' ELSE 'member' END"},
	}}
	groupCollection = collection{"security_group", "object_id", "key", map[string]property{
		"id":              {expr: "object_id", prefix: true},
		"displayname":     {expr: "key", prefix: true},
		"mailnickname":    {expr: "mail_nickname" + noCase},
		"description":     {expr: "description" + noCase},
		"securityenabled": {expr: "1", truth: true},
		"mailenabled":     {expr: "0", truth: true},
		"grouptypes":      {any: "? IS NULL"}, // security groups have none
	}}
	applicationCollection = collection{"application", "object_id", "key", map[string]property{
		"id":             {expr: "object_id", prefix: true},
		"appid":          {expr: "client_id", prefix: true},
		"displayname":    {expr: "key", prefix: true},
		"identifieruris": {any: "object_id IN (SELECT application FROM identifier_uri WHERE key = ?)"},
	}}
	principalCollection = collection{"principal", "object_id", "key", map[string]property{
		"id":                    {expr: "object_id", prefix: true},
		"appid":                 {expr: "client_id", prefix: true},
		"displayname":           {expr: "key", prefix: true},
		"appdisplayname":        {expr: "key", prefix: true},
		"accountenabled":        {expr: "enabled", truth: true},
		"serviceprincipaltype":  {expr: "CASE WHEN resource IS NULL THEN 'application' ELSE 'managedidentity' END"},
		"serviceprincipalnames": {any: "client_id = ? OR client_id IN (SELECT a.client_id FROM identifier_uri u JOIN application a ON a.object_id = u.application WHERE u.key = ?)"},
	}}
)

// Users returns a page of the users. Errors are Invalid, for a condition or After.
func (d *Directory) Users(ctx context.Context, q Query) (Page[User], error) {
	return list(ctx, d, userCollection, q, d.loadUser)
}

// SecurityGroups returns a page of the security groups. Errors are as of Users.
func (d *Directory) SecurityGroups(ctx context.Context, q Query) (Page[SecurityGroup], error) {
	return list(ctx, d, groupCollection, q, d.loadSecurityGroup)
}

// Applications returns a page of the application objects. Errors are as of Users.
func (d *Directory) Applications(ctx context.Context, q Query) (Page[Application], error) {
	return list(ctx, d, applicationCollection, q, d.loadApplication)
}

// ServicePrincipals returns a page of the service principals, those of managed
// identities too. Errors are as of Users.
func (d *Directory) ServicePrincipals(ctx context.Context, q Query) (Page[ServicePrincipal], error) {
	return list(ctx, d, principalCollection, q, d.loadServicePrincipal)
}

// cursor says where a page ended.
type cursor struct{ Key, ID string }

func (c cursor) String() string {
	text, _ := json.Marshal([]string{c.Key, c.ID}) // strings always marshal
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseCursor(text string) (cursor, error) {
	var parts []string
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &parts)
	}
	if err != nil || len(parts) != 2 {
		return cursor{}, midas.Errorf(midas.Invalid, "Invalid value specified for the skip token.")
	}
	return cursor{parts[0], parts[1]}, nil
}

// list reads a page: first where it lies, then each object, all in one transaction.
func list[T any](ctx context.Context, d *Directory, c collection, q Query, load func(context.Context, *sql.Tx, string) (T, error)) (page Page[T], err error) {
	where, args, err := q.Where.where(c.columns)
	if err != nil {
		return page, err
	}
	if q.Limit < 1 {
		return page, midas.Errorf(midas.Invalid, "Invalid page size specified: '%d'. Must be at least 1.", q.Limit)
	}
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if q.Count {
			if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM `+c.from+` WHERE `+where, args...).Scan(&page.Total); err != nil {
				return err
			}
		}
		if q.After != "" {
			after, err := parseCursor(q.After)
			if err != nil {
				return err
			}
			where, args = `(`+where+`) AND (`+c.key+`, `+c.id+`) > (?, ?)`, append(args, after.Key, after.ID)
		}
		found, err := cursors(ctx, tx, `SELECT `+c.key+`, `+c.id+` FROM `+c.from+` WHERE `+where+` ORDER BY `+c.key+`, `+c.id+` LIMIT ?`, append(args, q.Limit+1)...)
		if err != nil {
			return err
		}
		if len(found) > q.Limit {
			found = found[:q.Limit]
			page.Next = found[q.Limit-1].String()
		}
		for _, at := range found {
			item, err := load(ctx, tx, at.ID)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, item)
		}
		return nil
	})
	return page, err
}

func cursors(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]cursor, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []cursor
	for rows.Next() {
		var c cursor
		if err := rows.Scan(&c.Key, &c.ID); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}
