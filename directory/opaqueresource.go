package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Opaque resources are kept without a meaning of their own: a network, say,
// that tools make before they make a machine. Their type is ARM's, as in
// "Microsoft.Network/virtualNetworks"; the caller knows which there are.

const opaqueQuery = `SELECT r.id, r.name, g.name, r.location, r.tags, r.body, r.created, r.changed
FROM plain_resource r JOIN resource_group g ON g.key = r.group_key `

// PutOpaque creates an opaque resource or sets it to c, which names no identity; a new one is
// where its group is unless c says otherwise. Errors are NotFound (the group), Invalid, or Conflict (another
// location).
func (d *Directory) PutOpaque(ctx context.Context, by *Operation, kind, group, name string, c Change) (r Resource, created bool, err error) {
	if !within(name, 1, 80, "-._") || !alphanumeric(name[0]) || strings.ContainsRune("-.", rune(name[len(name)-1])) {
		return r, false, midas.Errorf(midas.Invalid, "Resource name '%s' is invalid. The name must be 1 to 80 characters of letters, digits, '-', '.' or '_', "+
			"begin with a letter or digit, and end with a letter, digit or '_'.", clip.Text(name))
	}
	if c.Identity != nil {
		return r, false, midas.Errorf(midas.Invalid, "Resource type '%s' does not support an identity.", kind)
	}
	tags, err := encodeTags(c.Tags)
	if err != nil {
		return r, false, err
	}
	body, err := mergeBody(nil, c.Body)
	if err != nil {
		return r, false, err
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		g, err := d.loadGroup(ctx, tx, group)
		if err != nil {
			return err
		}
		old, err := d.loadOpaque(ctx, tx, kind, group, name)
		switch {
		case midas.CodeOf(err) == midas.NotFound:
			created = true
			if c.Location == "" {
				c.Location = g.Location
			}
			where, err := locationFor("resource type '"+kind+"'", c.Location)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO plain_resource (type, group_key, key, name, location, tags, body, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				fold(kind), fold(group), fold(name), name, where, tags, string(body), d.millis(), d.millis())
			if err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if err := sameLocation(old, c.Location); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE plain_resource SET tags = ?, body = ?, changed = ? WHERE id = ?`, tags, string(body), d.millis(), old.row); err != nil {
				return err
			}
		}
		r, err = d.loadOpaque(ctx, tx, kind, group, name)
		return err
	})
	return r, created, err
}

// GetOpaque returns an opaque resource, or NotFound.
func (d *Directory) GetOpaque(ctx context.Context, kind, group, name string) (r Resource, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err = d.loadOpaque(ctx, tx, kind, group, name)
		return err
	})
	return r, err
}

// ListOpaque returns the opaque resources of a type by name, those of all groups when group
// is "". A group that does not exist is NotFound.
func (d *Directory) ListOpaque(ctx context.Context, kind, group string) ([]Resource, error) {
	var all []Resource
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if group != "" {
			if _, err := d.loadGroup(ctx, tx, group); err != nil {
				return err
			}
		}
		rows, err := tx.QueryContext(ctx, opaqueQuery+
			`WHERE r.type = ? AND (? = '' OR r.group_key = ?) ORDER BY r.key, r.group_key`, fold(kind), fold(group), fold(group))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := d.scanOpaque(kind, rows)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		return rows.Err()
	})
	return all, err
}

// DeleteOpaque removes an opaque resource; existed is false when there was none.
func (d *Directory) DeleteOpaque(ctx context.Context, by *Operation, kind, group, name string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM plain_resource WHERE type = ? AND group_key = ? AND key = ?`, fold(kind), fold(group), fold(name)))
		return err
	})
	return existed, err
}

func (d *Directory) loadOpaque(ctx context.Context, tx *sql.Tx, kind, group, name string) (Resource, error) {
	r, err := d.scanOpaque(kind, tx.QueryRowContext(ctx,
		opaqueQuery+`WHERE r.type = ? AND r.group_key = ? AND r.key = ?`, fold(kind), fold(group), fold(name)))
	if !errors.Is(err, sql.ErrNoRows) {
		return r, err
	}
	if _, err := d.loadGroup(ctx, tx, group); err != nil {
		return Resource{}, err
	}
	return Resource{}, midas.Errorf(midas.NotFound,
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix", kind, clip.Text(name), clip.Text(group))
}

func (d *Directory) scanOpaque(kind string, row interface{ Scan(...any) error }) (Resource, error) {
	var r Resource
	var tags, body string
	var created, changed int64
	if err := row.Scan(&r.row, &r.Name, &r.Group, &r.Location, &tags, &body, &created, &changed); err != nil {
		return Resource{}, err
	}
	r.ID = d.groupID(r.Group) + "/providers/" + kind + "/" + r.Name
	r.Body = json.RawMessage(body)
	r.Created, r.Changed = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return r, json.Unmarshal([]byte(tags), &r.Tags)
}
