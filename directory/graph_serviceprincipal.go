package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// ServicePrincipal is who an application or a managed identity is in the directory.
type ServicePrincipal struct {
	ObjectID string
	ClientID string
	Name     string
	Enabled  bool
	// ResourceID is the ARM id of the managed identity, or of the machine whose own
	// identity this is; "" for an application's.
	ResourceID string
	// UserAssigned tells the two apart.
	UserAssigned bool
	// IdentifierURIs are those of the application; never nil when read.
	IdentifierURIs []string
	Body           json.RawMessage // a JSON object: what its client sent and midas has no word for
	Created        time.Time
}

// ServicePrincipalChange is what a client asks of an application's service principal:
// nil leaves alone.
type ServicePrincipalChange struct {
	Enabled      *bool
	Certificates *[]Certificate  // as of SetCertificates
	Body         json.RawMessage // merged as RFC 7396 says
}

const principalQuery = `SELECT p.object_id, p.client_id, p.name, p.enabled, p.body, p.created, coalesce(r.kind, ''), coalesce(r.name, ''), coalesce(g.name, '')
FROM principal p LEFT JOIN resource r ON r.id = p.resource LEFT JOIN resource_group g ON g.key = r.group_key `

// CreateServicePrincipal gives an application the service principal with which it can
// sign in. Errors are NotFound (the application) or Conflict (it has one).
func (d *Directory) CreateServicePrincipal(ctx context.Context, by *Operation, clientID string, c ServicePrincipalChange) (p ServicePrincipal, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		a, err := d.scanApplication(ctx, tx, tx.QueryRowContext(ctx, applicationQuery+`WHERE client_id = ?`, fold(clientID)))
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "The appId '%s' of the service principal does not reference a valid application object.", clip.Text(clientID))
		}
		if err != nil {
			return err
		}
		if p, err = d.createServicePrincipal(ctx, tx, a); err != nil {
			return err
		}
		p, err = d.changeServicePrincipal(ctx, tx, p, c)
		return err
	})
	return p, err
}

func (d *Directory) createServicePrincipal(ctx context.Context, tx *sql.Tx, a Application) (ServicePrincipal, error) {
	id := uuid.NewString()
	added, err := affected(tx.ExecContext(ctx, `INSERT OR IGNORE INTO principal (object_id, client_id, key, name, created) VALUES (?, ?, ?, ?, ?)`,
		id, a.ClientID, fold(a.Name), a.Name, d.millis()))
	if err != nil {
		return ServicePrincipal{}, err
	}
	if !added {
		return ServicePrincipal{}, midas.Errorf(midas.Conflict,
			"The service principal cannot be created, updated, or restored because the service principal name %s is already in use.", a.ClientID)
	}
	return d.loadServicePrincipal(ctx, tx, id)
}

// UpdateServicePrincipal changes an application's service principal. Errors are
// NotFound or Invalid; that of a managed identity changes with its resource alone.
func (d *Directory) UpdateServicePrincipal(ctx context.Context, by *Operation, objectID string, c ServicePrincipalChange) (p ServicePrincipal, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		if p, err = d.loadServicePrincipal(ctx, tx, objectID); err != nil {
			return err
		}
		if p.ResourceID != "" {
			return managed(p)
		}
		p, err = d.changeServicePrincipal(ctx, tx, p, c)
		return err
	})
	return p, err
}

func (d *Directory) changeServicePrincipal(ctx context.Context, tx *sql.Tx, p ServicePrincipal, c ServicePrincipalChange) (ServicePrincipal, error) {
	set(&p.Enabled, c.Enabled)
	body, err := mergeBody(p.Body, c.Body)
	if err != nil {
		return p, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE principal SET enabled = ?, body = ? WHERE object_id = ?`, p.Enabled, string(body), p.ObjectID); err != nil {
		return p, err
	}
	if c.Certificates != nil {
		if err := setCertificates(ctx, tx, p.ObjectID, *c.Certificates); err != nil {
			return p, err
		}
	}
	return d.loadServicePrincipal(ctx, tx, p.ObjectID)
}

// DeleteServicePrincipal removes an application's service principal with its
// memberships, roles and credentials; the application stays. existed is false when
// there was none. That of a managed identity goes with its resource alone.
func (d *Directory) DeleteServicePrincipal(ctx context.Context, by *Operation, objectID string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		p, err := d.loadServicePrincipal(ctx, tx, objectID)
		switch {
		case errors.Is(err, ErrNoObject):
			return nil
		case err != nil:
			return err
		case p.ResourceID != "":
			return managed(p)
		}
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM principal WHERE object_id = ?`, p.ObjectID))
		return err
	})
	return existed, err
}

func managed(p ServicePrincipal) error {
	return midas.Errorf(midas.Invalid, "The service principal '%s' belongs to a managed identity and cannot be changed here.", p.ObjectID).
		WithHint("change or delete the resource instead: %s", p.ResourceID)
}

// GetServicePrincipal finds a service principal by object id, or returns NotFound.
func (d *Directory) GetServicePrincipal(ctx context.Context, objectID string) (p ServicePrincipal, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		p, err = d.loadServicePrincipal(ctx, tx, objectID)
		return err
	})
	return p, err
}

// ServicePrincipalByClientID finds a service principal by client id, or returns
// NotFound.
func (d *Directory) ServicePrincipalByClientID(ctx context.Context, clientID string) (p ServicePrincipal, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		p, err = d.scanServicePrincipal(ctx, tx, tx.QueryRowContext(ctx, principalQuery+`WHERE p.client_id = ?`, fold(clientID)))
		if errors.Is(err, sql.ErrNoRows) {
			return noObject(clientID)
		}
		return err
	})
	return p, err
}

func (d *Directory) loadServicePrincipal(ctx context.Context, tx *sql.Tx, objectID string) (ServicePrincipal, error) {
	p, err := d.scanServicePrincipal(ctx, tx, tx.QueryRowContext(ctx, principalQuery+`WHERE p.object_id = ?`, fold(objectID)))
	if errors.Is(err, sql.ErrNoRows) {
		return ServicePrincipal{}, noObject(objectID)
	}
	return p, err
}

func (d *Directory) scanServicePrincipal(ctx context.Context, tx *sql.Tx, row interface{ Scan(...any) error }) (ServicePrincipal, error) {
	var p ServicePrincipal
	var body, kindName, resource, group string
	var created int64
	if err := row.Scan(&p.ObjectID, &p.ClientID, &p.Name, &p.Enabled, &body, &created, &kindName, &resource, &group); err != nil {
		return p, err
	}
	p.Body, p.Created = json.RawMessage(body), moment(created)
	if kindName != "" {
		p.ResourceID, p.UserAssigned = d.resourceID(kind(kindName), group, resource), kind(kindName) == identityKind
	}
	uris, err := column(ctx, tx, `SELECT u.uri FROM identifier_uri u JOIN application a ON a.object_id = u.application WHERE a.client_id = ? ORDER BY u.key`, p.ClientID)
	p.IdentifierURIs = uris
	return p, err
}
