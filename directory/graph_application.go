package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// The limits are those of the reference of Graph's resource type application.
const (
	maxApplicationName = 256
	maxIdentifierURIs  = 50
	maxIdentifierURI   = 255
)

// Application is an application object: what a developer registers. Who signs in, is a
// member of groups and has roles is its service principal.
type Application struct {
	ObjectID       string
	ClientID       string
	Name           string
	IdentifierURIs []string        // sorted, never nil when read
	Body           json.RawMessage // a JSON object: what its client sent and midas has no word for
	Created        time.Time
	Changed        time.Time
}

// ApplicationChange is what a client asks of an application: nil leaves alone.
type ApplicationChange struct {
	Name           *string
	IdentifierURIs *[]string
	Certificates   *[]Certificate  // as of SetCertificates
	Body           json.RawMessage // merged as RFC 7396 says
}

const applicationQuery = `SELECT object_id, client_id, name, body, created, changed FROM application `

// RegisterApplication makes an application object, which cannot sign in before it has
// a service principal. Errors are Invalid, or Conflict over an identifier URI.
func (d *Directory) RegisterApplication(ctx context.Context, by *Operation, c ApplicationChange) (a Application, err error) {
	if c.Name == nil {
		return a, midas.Errorf(midas.Invalid, "A value is required for property 'displayName' of resource 'Application'.")
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		a, err = d.registerApplication(ctx, tx, c)
		return err
	})
	return a, err
}

func (d *Directory) registerApplication(ctx context.Context, tx *sql.Tx, c ApplicationChange) (Application, error) {
	a := Application{ObjectID: uuid.NewString(), ClientID: uuid.NewString()}
	if _, err := tx.ExecContext(ctx, `INSERT INTO application (object_id, client_id, key, name, body, created, changed) VALUES (?, ?, '', '', '{}', ?3, ?3)`,
		a.ObjectID, a.ClientID, d.millis()); err != nil {
		return a, err
	}
	return d.changeApplication(ctx, tx, a, c)
}

// UpdateApplication changes an application, and its service principal's name with its
// own. Errors are NotFound, Invalid or Conflict.
func (d *Directory) UpdateApplication(ctx context.Context, by *Operation, objectID string, c ApplicationChange) (a Application, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		if a, err = d.loadApplication(ctx, tx, objectID); err != nil {
			return err
		}
		a, err = d.changeApplication(ctx, tx, a, c)
		return err
	})
	return a, err
}

func (d *Directory) changeApplication(ctx context.Context, tx *sql.Tx, a Application, c ApplicationChange) (Application, error) {
	set(&a.Name, c.Name)
	if err := checkText("Application", "displayName", a.Name, true, maxApplicationName); err != nil {
		return a, err
	}
	body, err := mergeBody(a.Body, c.Body)
	if err != nil {
		return a, err
	}
	if c.Body != nil {
		if err := checkTokenVersion(body); err != nil {
			return a, err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE application SET key = ?, name = ?, body = ?, changed = ? WHERE object_id = ?`,
		fold(a.Name), a.Name, string(body), d.millis(), a.ObjectID); err != nil {
		return a, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE principal SET key = ?, name = ? WHERE client_id = ?`, fold(a.Name), a.Name, a.ClientID); err != nil {
		return a, err
	}
	if c.IdentifierURIs != nil {
		if err := d.setIdentifierURIs(ctx, tx, a, *c.IdentifierURIs); err != nil {
			return a, err
		}
	}
	if c.Certificates != nil {
		if err := setCertificates(ctx, tx, a.ObjectID, *c.Certificates); err != nil {
			return a, err
		}
	}
	return d.loadApplication(ctx, tx, a.ObjectID)
}

// GetApplication finds an application by object id, or returns NotFound.
func (d *Directory) GetApplication(ctx context.Context, objectID string) (a Application, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err = d.loadApplication(ctx, tx, objectID)
		return err
	})
	return a, err
}

// ApplicationByClientID finds an application by client id, or returns NotFound.
func (d *Directory) ApplicationByClientID(ctx context.Context, clientID string) (a Application, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err = d.scanApplication(ctx, tx, tx.QueryRowContext(ctx, applicationQuery+`WHERE client_id = ?`, fold(clientID)))
		if errors.Is(err, sql.ErrNoRows) {
			return noObject(clientID)
		}
		return err
	})
	return a, err
}

// DeleteApplication removes an application with its service principal and all that
// hangs on either; existed is false when there was none.
func (d *Directory) DeleteApplication(ctx context.Context, by *Operation, objectID string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM application WHERE object_id = ?`, fold(objectID)))
		return err
	})
	return existed, err
}

func (d *Directory) loadApplication(ctx context.Context, tx *sql.Tx, objectID string) (Application, error) {
	a, err := d.scanApplication(ctx, tx, tx.QueryRowContext(ctx, applicationQuery+`WHERE object_id = ?`, fold(objectID)))
	if errors.Is(err, sql.ErrNoRows) {
		return Application{}, noObject(objectID)
	}
	return a, err
}

func (d *Directory) scanApplication(ctx context.Context, tx *sql.Tx, row interface{ Scan(...any) error }) (Application, error) {
	var a Application
	var body string
	var created, changed int64
	if err := row.Scan(&a.ObjectID, &a.ClientID, &a.Name, &body, &created, &changed); err != nil {
		return a, err
	}
	a.Body, a.Created, a.Changed = json.RawMessage(body), moment(created), moment(changed)
	uris, err := column(ctx, tx, `SELECT uri FROM identifier_uri WHERE application = ? ORDER BY key`, a.ObjectID)
	a.IdentifierURIs = uris
	return a, err
}
