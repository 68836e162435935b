package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// secretBytes of randomness make a client secret.
const secretBytes = 32

// ownerRole at the scope of the subscription may do everything.
const ownerRole = "Owner"

// Application is a service principal that signs in with a secret.
type Application struct {
	Name     string
	ClientID string
	ObjectID string
	Created  time.Time
}

// CreateApplication makes an application and returns its secret, which cannot be had
// a second time: only its digest is kept. Names need not be unique.
func (d *Directory) CreateApplication(ctx context.Context, name string) (Application, string, error) {
	if name == "" || len(name) > 120 {
		return Application{}, "", midas.Errorf(midas.Invalid, "the name of an application has 1 to 120 characters, not %d", len(name))
	}
	secret, digest := newSecret()
	created := d.now().UTC().Truncate(time.Millisecond)
	a := Application{Name: name, ClientID: uuid.NewString(), ObjectID: uuid.NewString(), Created: created}
	err := d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO principal (object_id, client_id, key, name, digest, created) VALUES (?, ?, ?, ?, ?, ?)`,
			a.ObjectID, a.ClientID, fold(name), name, digest, created.UnixMilli())
		return err
	})
	if err != nil {
		return Application{}, "", err
	}
	return a, secret, nil
}

// ResetSecret gives the application a new secret in place of the old, or returns
// NotFound.
func (d *Directory) ResetSecret(ctx context.Context, clientID string) (string, error) {
	secret, digest := newSecret()
	err := d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err := affected(tx.ExecContext(ctx, `UPDATE principal SET digest = ? WHERE client_id = ? AND resource IS NULL`, digest, fold(clientID)))
		if err == nil && !found {
			return midas.Errorf(midas.NotFound, "application %q does not exist", clip(clientID))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// newSecret returns a client secret and what is kept of it. A plain SHA-256 suffices
// where a password would need a slow, salted hash: the secret is 256 random bits of
// our own making, so there is no dictionary to try and no two are alike.
func newSecret() (secret string, digest []byte) {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails
	secret = hex.EncodeToString(raw)
	sum := sha256.Sum256([]byte(secret))
	return secret, sum[:]
}

// CheckSecret returns the application that secret belongs to. Any refusal is
// Unauthenticated, with one text for a wrong secret and for an unknown client.
func (d *Directory) CheckSecret(ctx context.Context, clientID, secret string) (midas.Identity, error) {
	id := midas.Identity{TenantID: d.tenantID, ClientID: fold(clientID)}
	var digest []byte
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT object_id, digest FROM principal WHERE client_id = ? AND resource IS NULL`, id.ClientID).Scan(&id.PrincipalID, &digest)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return midas.Identity{}, err
	}
	// The digest of what was sent is compared even when there is nothing to compare
	// with, in constant time: neither the answer nor its delay names the clients.
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], digest) != 1 || secret == "" {
		return midas.Identity{}, midas.Errorf(midas.Unauthenticated, "invalid client secret for application %q", clip(clientID))
	}
	return id, nil
}

const objectQuery = `SELECT object_id, client_id, name FROM principal `

// ObjectByID finds a service principal by object id or client id, in any case, or
// returns NotFound.
func (d *Directory) ObjectByID(ctx context.Context, id string) (midas.DirectoryObject, error) {
	found, err := d.objects(ctx, objectQuery+`WHERE object_id = ?1 OR client_id = ?1`, fold(id))
	if err == nil && len(found) == 0 {
		err = midas.Errorf(midas.NotFound, "no object with id %q in tenant %s", clip(id), d.tenantID)
	}
	if err != nil {
		return midas.DirectoryObject{}, err
	}
	return found[0], nil
}

// ObjectByName finds a service principal by display name, in any case; a
// system-assigned identity has the name of its machine. Errors are NotFound, or
// Conflict when several have the name.
func (d *Directory) ObjectByName(ctx context.Context, name string) (midas.DirectoryObject, error) {
	found, err := d.objects(ctx, objectQuery+`WHERE key = ?1 LIMIT 2`, fold(name))
	switch {
	case err != nil:
		return midas.DirectoryObject{}, err
	case len(found) == 0:
		return midas.DirectoryObject{}, midas.Errorf(midas.NotFound, "no object named %q in tenant %s", clip(name), d.tenantID)
	case len(found) > 1:
		return midas.DirectoryObject{}, midas.Errorf(midas.Conflict, "several objects are named %q", clip(name)).
			WithHint("name the one you mean by its client id")
	}
	return found[0], nil
}

func (d *Directory) objects(ctx context.Context, query, key string) ([]midas.DirectoryObject, error) {
	var found []midas.DirectoryObject
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, query, key)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			o := midas.DirectoryObject{Kind: midas.KindService}
			if err := rows.Scan(&o.ObjectID, &o.ClientID, &o.Name); err != nil {
				return err
			}
			found = append(found, o)
		}
		return rows.Err()
	})
	return found, err
}

// AssignOwner gives the principal with that object id the role Owner over the
// subscription. Doing so again changes nothing.
func (d *Directory) AssignOwner(ctx context.Context, principalID string) error {
	if uuid.Validate(principalID) != nil {
		return midas.Errorf(midas.Invalid, "principal id %q is not a GUID", clip(principalID))
	}
	return d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO role_assignment (principal, role, scope, created) VALUES (?, ?, ?, ?)`,
			fold(principalID), ownerRole, d.subscriptionScope(), d.millis())
		return err
	})
}

// IsOwner reports whether the principal has the role Owner over the subscription. On
// any doubt or error it is false.
func (d *Directory) IsOwner(ctx context.Context, principalID string) (owner bool, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM role_assignment WHERE principal = ? AND role = ? AND scope = ?)`,
			fold(principalID), ownerRole, d.subscriptionScope()).Scan(&owner)
	})
	return owner && err == nil, err
}

func (d *Directory) subscriptionScope() string { return "/subscriptions/" + d.subscriptionID }
