package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Azure's limits for tags, in characters.
const (
	maxTags     = 50
	maxTagName  = 512
	maxTagValue = 256
)

// reservedInTags are the characters that names of tags do not have.
// Source: Microsoft, "Use tags to organize your Azure resources", limitations.
const reservedInTags = `<>%&\?/`

// Group is a resource group.
type Group struct {
	ID       string // ARM id
	Name     string
	Location string
	Tags     map[string]string // never nil when read
	Created  time.Time
	Changed  time.Time
}

// PutGroup makes the group or replaces its tags. Errors are Invalid (name, location,
// tags), or Conflict when it exists in another location.
func (d *Directory) PutGroup(ctx context.Context, by *Operation, name, where string, tags map[string]string) (g Group, created bool, err error) {
	if err := checkGroupName(name); err != nil {
		return Group{}, false, err
	}
	where, err = locationFor("resource group", where)
	if err != nil {
		return Group{}, false, err
	}
	text, err := encodeTags(tags)
	if err != nil {
		return Group{}, false, err
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		old, err := d.loadGroup(ctx, tx, name)
		switch {
		case errors.Is(err, ErrNoGroup):
			created = true
			_, err = tx.ExecContext(ctx, `INSERT INTO resource_group (key, name, location, tags, created, changed) VALUES (?, ?, ?, ?, ?, ?)`,
				fold(name), name, where, text, d.millis(), d.millis())
		case err == nil && old.Location != where:
			return midas.Errorf(midas.Conflict, "Invalid resource group location '%s'. The Resource group already exists in location '%s'.", where, old.Location).WithProperty("location")
		case err == nil:
			_, err = tx.ExecContext(ctx, `UPDATE resource_group SET tags = ?, changed = ? WHERE key = ?`, text, d.millis(), fold(name))
		}
		if err != nil {
			return err
		}
		g, err = d.loadGroup(ctx, tx, name)
		return err
	})
	return g, created, err
}

// PatchGroup replaces the tags of a group that exists, unless tags is nil. Errors are
// NotFound or Invalid.
func (d *Directory) PatchGroup(ctx context.Context, by *Operation, name string, tags map[string]string) (g Group, err error) {
	text, err := encodeTags(tags)
	if err != nil {
		return Group{}, err
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		if tags != nil {
			if _, err := tx.ExecContext(ctx, `UPDATE resource_group SET tags = ?, changed = ? WHERE key = ?`, text, d.millis(), fold(name)); err != nil {
				return err
			}
		}
		g, err = d.loadGroup(ctx, tx, name)
		return err
	})
	return g, err
}

// GetGroup returns the group, or NotFound.
func (d *Directory) GetGroup(ctx context.Context, name string) (g Group, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		g, err = d.loadGroup(ctx, tx, name)
		return err
	})
	return g, err
}

// ListGroups returns all groups, by name.
func (d *Directory) ListGroups(ctx context.Context) ([]Group, error) {
	var groups []Group
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, groupQuery+` ORDER BY key`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			g, err := d.scanGroup(rows)
			if err != nil {
				return err
			}
			groups = append(groups, g)
		}
		return rows.Err()
	})
	return groups, err
}

// DeleteGroup removes the group and everything in it; existed is false when there
// was none. Its servers are among DepartedServers from then on.
func (d *Directory) DeleteGroup(ctx context.Context, by *Operation, name string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM resource_group WHERE key = ?`, fold(name)))
		return err
	})
	return existed, err
}

const groupQuery = `SELECT name, location, tags, created, changed FROM resource_group`

func (d *Directory) loadGroup(ctx context.Context, tx *sql.Tx, name string) (Group, error) {
	g, err := d.scanGroup(tx.QueryRowContext(ctx, groupQuery+` WHERE key = ?`, fold(name)))
	if errors.Is(err, sql.ErrNoRows) {
		return Group{}, noGroup(name)
	}
	return g, err
}

func (d *Directory) scanGroup(row interface{ Scan(...any) error }) (Group, error) {
	var g Group
	var tags string
	var created, changed int64
	if err := row.Scan(&g.Name, &g.Location, &tags, &created, &changed); err != nil {
		return Group{}, err
	}
	g.ID = d.groupID(g.Name)
	g.Created, g.Changed = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return g, json.Unmarshal([]byte(tags), &g.Tags)
}

func encodeTags(tags map[string]string) (string, error) {
	if err := checkTags(tags); err != nil {
		return "", err.WithProperty("tags")
	}
	if tags == nil {
		return "{}", nil
	}
	text, err := json.Marshal(tags)
	return string(text), err
}

func checkTags(tags map[string]string) *midas.Error {
	if len(tags) > maxTags {
		return midas.Errorf(midas.Invalid, "The number of tags %d exceeds the maximum of %d.", len(tags), maxTags)
	}
	seen := map[string]string{}
	for name, value := range tags {
		key := strings.ToLower(name)
		if other, twice := seen[key]; twice {
			return midas.Errorf(midas.Invalid, "The tags '%s' and '%s' are one: names of tags have no case.", clip.Text(min(name, other)), clip.Text(max(name, other)))
		}
		seen[key] = name
		if strings.ContainsAny(name, reservedInTags) || strings.ContainsFunc(name, unicode.IsControl) {
			return midas.Errorf(midas.Invalid, "The name of the tag '%s' is invalid: it has one of the reserved characters '%s' or a control character.", clip.Text(name), reservedInTags)
		}
		if name == "" || utf8.RuneCountInString(name) > maxTagName || utf8.RuneCountInString(value) > maxTagValue {
			return midas.Errorf(midas.Invalid, "The tag '%s' is invalid. A name has 1 to %d characters and a value up to %d.", clip.Text(name), maxTagName, maxTagValue)
		}
	}
	return nil
}

// patchedTags are given, if any, or those that are there: they may be older than a rule.
func patchedTags(there, given map[string]string) (string, error) {
	if given != nil {
		return encodeTags(given)
	}
	text, err := json.Marshal(there)
	return string(text), err
}

func affected(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}
