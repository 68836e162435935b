package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

// subscriptionTags is the setting that holds the tags of the subscription.
const subscriptionTags = "tags"

// Tags returns the tags of the subscription, a group or a resource, never nil. Errors are
// NotFound or Invalid.
func (d *Directory) Tags(ctx context.Context, scope string) (tags map[string]string, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		at, err := d.findScope(ctx, tx, scope)
		if err == nil {
			tags, err = d.loadTags(ctx, tx, at)
		}
		return err
	})
	return tags, err
}

// SetTags replaces the tags of the subscription, a group or a resource by what change
// makes of them. Errors are NotFound or Invalid.
func (d *Directory) SetTags(ctx context.Context, by *Operation, scope string, change func(map[string]string) map[string]string) (tags map[string]string, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		at, err := d.findScope(ctx, tx, scope)
		if err != nil {
			return err
		}
		if tags, err = d.loadTags(ctx, tx, at); err != nil {
			return err
		}
		tags = change(tags)
		text, err := encodeTags(tags)
		if err != nil {
			return err
		}
		switch {
		case at.resource.Valid:
			_, err = tx.ExecContext(ctx, `UPDATE resource SET tags = ?, changed = ? WHERE id = ?`, text, d.millis(), at.resource)
		case at.group.Valid:
			_, err = tx.ExecContext(ctx, `UPDATE resource_group SET tags = ?, changed = ? WHERE key = ?`, text, d.millis(), at.group)
		default:
			_, err = tx.ExecContext(ctx, `INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, subscriptionTags, text)
		}
		return err
	})
	return tags, err
}

func (d *Directory) loadTags(ctx context.Context, tx *sql.Tx, at scope) (map[string]string, error) {
	query, key := `SELECT value FROM setting WHERE name = ?`, any(subscriptionTags)
	switch {
	case at.resource.Valid:
		query, key = `SELECT tags FROM resource WHERE id = ?`, at.resource
	case at.group.Valid:
		query, key = `SELECT tags FROM resource_group WHERE key = ?`, at.group
	}
	tags := map[string]string{}
	var text string
	err := tx.QueryRowContext(ctx, query, key).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return tags, nil
	}
	if err != nil {
		return nil, err
	}
	return tags, json.Unmarshal([]byte(text), &tags)
}

// AssignedResource is a machine or server that has an identity.
type AssignedResource struct {
	ID, Name, Type, Group string
}

// AssignedResources returns what has the user-assigned identity, by id, or NotFound.
func (d *Directory) AssignedResources(ctx context.Context, group, name string) ([]AssignedResource, error) {
	all := []AssignedResource{}
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, identityKind, group, name)
		if err != nil {
			return err
		}
		var k kind
		var one AssignedResource
		return each(ctx, tx, `SELECT r.kind, g.name, r.name FROM assigned a JOIN resource r ON r.id = a.host JOIN resource_group g ON g.key = r.group_key
WHERE a.identity = ? ORDER BY r.group_key, r.kind, r.key`, []any{r.row}, []any{&k, &one.Group, &one.Name}, func() {
			one.ID, one.Type = d.resourceID(k, one.Group, one.Name), kinds[k].provider
			all = append(all, one)
		})
	})
	return all, err
}
