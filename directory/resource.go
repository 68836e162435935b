package directory

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/midas-mysql/midas"
)

// ErrTooLarge: a resource would have more than is kept of one.
var ErrTooLarge = errors.New("resource too large")

// maxKept is how many bytes of JSON are kept of one resource: changes that each are small
// would add up.
const maxKept = 256 << 10

// Resource is what identities, machines and servers have in common.
type Resource struct {
	ID       string // ARM id
	Name     string
	Group    string
	Location string
	Tags     map[string]string // never nil when read
	Body     json.RawMessage   // a JSON object: what its client sent and midas has no word for
	Created  time.Time
	Changed  time.Time
	ETag     string // another one after each change

	row int64
}

// Change is what a client asks of a machine or server. A Put sets the resource to
// it; a Patch leaves alone what is zero here.
type Change struct {
	Location string // needed to make a resource; never changes afterwards
	Tags     map[string]string
	// Body is a JSON object. A Patch merges it as RFC 7396 says. The caller has taken
	// out what is secret: a directory keeps no password.
	Body     json.RawMessage
	Identity *IdentityPatch
}

const resourceQuery = `SELECT r.id, r.name, g.name, r.location, r.tags, r.body, r.created, r.changed, r.etag
FROM resource r JOIN resource_group g ON g.key = r.group_key `

// loadResource returns a resource by name, or NotFound that says whether it is the
// group that is missing.
func (d *Directory) loadResource(ctx context.Context, tx *sql.Tx, k kind, group, name string) (Resource, error) {
	r, err := d.scanResource(k, tx.QueryRowContext(ctx,
		resourceQuery+`WHERE r.kind = ? AND r.group_key = ? AND r.key = ?`, k, fold(group), fold(name)))
	if !errors.Is(err, sql.ErrNoRows) {
		return r, err
	}
	if _, err := d.loadGroup(ctx, tx, group); err != nil {
		return Resource{}, err
	}
	return Resource{}, noResource(k, group, name)
}

// loadResources returns the resources of a span, in its order. A group that does not
// exist is NotFound.
func (d *Directory) loadResources(ctx context.Context, tx *sql.Tx, s span) ([]Resource, error) {
	if s.group != "" {
		if _, err := d.loadGroup(ctx, tx, s.group); err != nil {
			return nil, err
		}
	}
	rows, err := tx.QueryContext(ctx, s.with(resourceQuery+`JOIN span ON span.id = r.id ORDER BY r.key, r.group_key`), s.args()...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Resource
	for rows.Next() {
		r, err := d.scanResource(s.kind, rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

func (d *Directory) scanResource(k kind, row interface{ Scan(...any) error }) (Resource, error) {
	var r Resource
	var tags, body string
	var created, changed int64
	if err := row.Scan(&r.row, &r.Name, &r.Group, &r.Location, &tags, &body, &created, &changed, &r.ETag); err != nil {
		return Resource{}, err
	}
	r.ID = d.resourceID(k, r.Group, r.Name)
	r.Body = json.RawMessage(body)
	r.Created, r.Changed = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return r, json.Unmarshal([]byte(tags), &r.Tags)
}

// putResource makes a resource or replaces its tags and body.
func (d *Directory) putResource(ctx context.Context, tx *sql.Tx, k kind, group, name string, c Change) (r Resource, created bool, err error) {
	if err := checkName(k, name); err != nil {
		return r, false, err
	}
	tags, err := encodeTags(c.Tags)
	if err != nil {
		return r, false, err
	}
	body, err := mergeBody(nil, c.Body)
	if err != nil {
		return r, false, err
	}
	old, err := d.loadResource(ctx, tx, k, group, name)
	switch {
	case errors.Is(err, ErrNoGroup):
		return r, false, err
	case midas.CodeOf(err) == midas.NotFound:
		where, err := locationFor(k.named(), c.Location)
		if err != nil {
			return r, false, err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO resource (kind, group_key, key, name, location, tags, body, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			k, fold(group), fold(name), name, where, tags, string(body), d.millis(), d.millis())
		if err != nil {
			return r, false, err
		}
		created = true
	case err != nil:
		return r, false, err
	default:
		if err := sameLocation(old, c.Location); err != nil {
			return r, false, err
		}
		if err := d.storeResource(ctx, tx, old.row, tags, body); err != nil {
			return r, false, err
		}
	}
	r, err = d.loadResource(ctx, tx, k, group, name)
	return r, created, err
}

// patchResource changes what c names of a resource that exists.
func (d *Directory) patchResource(ctx context.Context, tx *sql.Tx, k kind, group, name string, c Change) (Resource, error) {
	r, err := d.loadResource(ctx, tx, k, group, name)
	if err != nil {
		return Resource{}, err
	}
	if err := sameLocation(r, c.Location); err != nil {
		return Resource{}, err
	}
	tags, err := patchedTags(r.Tags, c.Tags)
	if err != nil {
		return Resource{}, err
	}
	body, err := mergeBody(r.Body, c.Body)
	if err != nil {
		return Resource{}, err
	}
	if err := d.storeResource(ctx, tx, r.row, tags, body); err != nil {
		return Resource{}, err
	}
	return d.loadResource(ctx, tx, k, group, name)
}

func (d *Directory) storeResource(ctx context.Context, tx *sql.Tx, row int64, tags string, body []byte) error {
	_, err := tx.ExecContext(ctx, `UPDATE resource SET tags = ?, body = ?, changed = ? WHERE id = ?`, tags, string(body), d.millis(), row)
	return err
}

// deleteResource removes a resource with all that hangs on it; existed is false when
// there was none.
func (d *Directory) deleteResource(ctx context.Context, by *Operation, k kind, group, name string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM resource WHERE kind = ? AND group_key = ? AND key = ?`, k, fold(group), fold(name)))
		return err
	})
	return existed, err
}

func sameLocation(r Resource, where string) error {
	if where == "" {
		return nil
	}
	where, err := locationFor("resource '"+r.Name+"'", where)
	if err != nil {
		return err
	}
	if where != r.Location {
		return midas.Errorf(midas.Conflict, "The resource '%s' already exists in location '%s' in resource group '%s'. "+
			"A resource with the same name cannot be created in location '%s'. Please select a new resource name.", r.Name, r.Location, r.Group, where).WithProperty("location")
	}
	return nil
}

// mergeBody applies patch to old as RFC 7396 says, but that names have no case, as in
// Resource Manager; either may be empty.
func mergeBody(old, patch json.RawMessage) (json.RawMessage, error) {
	into, changes := map[string]any{}, map[string]any{}
	for _, part := range []struct {
		text json.RawMessage
		into *map[string]any
	}{{old, &into}, {patch, &changes}} {
		if len(part.text) == 0 {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(part.text))
		decoder.UseNumber() // a float64 would change large integers
		if err := decoder.Decode(part.into); err != nil {
			return nil, midas.Errorf(midas.Invalid, "The request content was invalid and could not be deserialized: '%s'.", err)
		}
	}
	text, err := json.Marshal(merge(into, changes))
	if len(text) > maxKept {
		return nil, &midas.Error{Code: midas.Invalid, Err: ErrTooLarge, Message: fmt.Sprintf(
			"The resource would have %d bytes. What is kept of one has up to %d.", len(text), maxKept)}
	}
	return text, err
}

func merge(into, changes map[string]any) map[string]any {
	if into == nil {
		into = map[string]any{}
	}
	there := make(map[string]string, len(into))
	for name := range into {
		there[fold(name)] = name
	}
	for name, value := range changes {
		if known, ok := there[fold(name)]; ok {
			name = known
		}
		switch value := value.(type) {
		case nil:
			delete(into, name)
		case map[string]any:
			inner, _ := into[name].(map[string]any)
			into[name] = merge(inner, value)
		default:
			into[name] = value
		}
	}
	return into
}
