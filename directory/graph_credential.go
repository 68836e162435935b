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
	"github.com/midas-mysql/midas/internal/clip"
)

const (
	// secretBytes of randomness make a client secret.
	secretBytes = 32
	// hintLength is how much of a secret is shown, to tell it from others.
	hintLength = 3
	// maxCredentials of each kind on one object. Entra bounds their total size instead.
	maxCredentials = 100
	// secretYears is how long a secret is good for when nobody says.
	// Source: reference of Graph's application: addPassword.
	secretYears = 2
)

// Secret is a client secret as it may be shown.
type Secret struct {
	KeyID  string
	Name   string
	Hint   string    // its first characters
	Starts time.Time // it is refused before
	Ends   time.Time // and from then on; zero for never
}

// CreateApplication makes an application with its service principal and returns a
// secret that never ends and cannot be had a second time: only its digest is kept.
// Names need not be unique.
func (d *Directory) CreateApplication(ctx context.Context, name string) (p ServicePrincipal, secret string, err error) {
	err = d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		a, err := d.registerApplication(ctx, tx, ApplicationChange{Name: &name})
		if err != nil {
			return err
		}
		if p, err = d.createServicePrincipal(ctx, tx, a); err != nil {
			return err
		}
		_, secret, err = d.addSecret(ctx, tx, a.ObjectID, Secret{})
		return err
	})
	return p, secret, err
}

// ResetSecret gives the application a new secret, which never ends, in place of all
// others, or returns NotFound.
func (d *Directory) ResetSecret(ctx context.Context, clientID string) (secret string, err error) {
	err = d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		var object string
		err := tx.QueryRowContext(ctx, `SELECT object_id FROM application WHERE client_id = ?`, fold(clientID)).Scan(&object)
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "application %q does not exist", clip.Text(clientID))
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM secret WHERE owner = ?1 OR owner IN (SELECT object_id FROM principal WHERE client_id = ?2)`, object, fold(clientID)); err != nil {
			return err
		}
		_, secret, err = d.addSecret(ctx, tx, object, Secret{})
		return err
	})
	return secret, err
}

// AddSecret gives an application or its service principal, by object id, one more
// secret, and returns its text, which cannot be had a second time. Without a start it
// begins now, without an end it lasts two years. Errors are NotFound or Invalid.
func (d *Directory) AddSecret(ctx context.Context, by *Operation, ownerID, name string, starts, ends time.Time) (s Secret, text string, err error) {
	s = Secret{Name: name, Starts: starts, Ends: ends}
	if s.Starts.IsZero() {
		s.Starts = d.now()
	}
	if s.Ends.IsZero() {
		s.Ends = s.Starts.AddDate(secretYears, 0, 0)
	}
	if err := checkPeriod(s.Starts, s.Ends); err != nil {
		return Secret{}, "", err
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		owner, err := d.credentialOwner(ctx, tx, ownerID)
		if err != nil {
			return err
		}
		s, text, err = d.addSecret(ctx, tx, owner, s)
		return err
	})
	return s, text, err
}

func (d *Directory) addSecret(ctx context.Context, tx *sql.Tx, owner string, s Secret) (Secret, string, error) {
	if err := checkText("PasswordCredential", "displayName", s.Name, false, 120); err != nil {
		return s, "", err
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM secret WHERE owner = ?`, owner).Scan(&n); err != nil {
		return s, "", err
	}
	if n >= maxCredentials {
		return s, "", tooManyCredentials("passwordCredentials")
	}
	text, digest := newSecret()
	if s.Starts.IsZero() {
		s.Starts = d.now()
	}
	s.KeyID, s.Hint = uuid.NewString(), text[:hintLength]
	_, err := tx.ExecContext(ctx, `INSERT INTO secret (key_id, owner, name, hint, digest, begins, ends) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		s.KeyID, owner, s.Name, s.Hint, digest, s.Starts.UnixMilli(), sql.NullInt64{Int64: s.Ends.UnixMilli(), Valid: !s.Ends.IsZero()})
	return s, text, err
}

func tooManyCredentials(property string) error {
	return midas.Errorf(midas.Invalid, "The %s of one object are at most %d.", property, maxCredentials).WithHint("remove those that have expired")
}

func checkPeriod(starts, ends time.Time) error {
	if !ends.After(starts) || ends.Year() > 9999 || starts.Year() < 1970 {
		return midas.Errorf(midas.Invalid, "Credential lifetime is invalid: the start date must be before the end date.")
	}
	return nil
}

// RemoveSecret takes a secret away from an application or service principal. Errors
// are NotFound (the object), or Invalid when it has no such secret.
func (d *Directory) RemoveSecret(ctx context.Context, by *Operation, ownerID, keyID string) error {
	return d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		owner, err := d.credentialOwner(ctx, tx, ownerID)
		if err != nil {
			return err
		}
		existed, err := affected(tx.ExecContext(ctx, `DELETE FROM secret WHERE owner = ? AND key_id = ?`, owner, fold(keyID)))
		if err == nil && !existed {
			return midas.Errorf(midas.Invalid, "No password credential found with keyId '%s'.", clip.Text(keyID))
		}
		return err
	})
}

// Secrets returns the secrets of an application or service principal, oldest first.
func (d *Directory) Secrets(ctx context.Context, ownerID string) ([]Secret, error) {
	all := []Secret{}
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT key_id, name, hint, begins, ends FROM secret WHERE owner = ? ORDER BY begins, rowid`, fold(ownerID))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s Secret
			var begins int64
			var ends sql.NullInt64
			if err := rows.Scan(&s.KeyID, &s.Name, &s.Hint, &begins, &ends); err != nil {
				return err
			}
			s.Starts = moment(begins)
			if ends.Valid {
				s.Ends = moment(ends.Int64)
			}
			all = append(all, s)
		}
		return rows.Err()
	})
	return all, err
}

// credentialOwner returns the object id under which credentials are kept. A managed identity has
// none: that is Invalid.
func (d *Directory) credentialOwner(ctx context.Context, tx *sql.Tx, id string) (string, error) {
	if _, err := d.loadApplication(ctx, tx, id); !errors.Is(err, ErrNoObject) {
		return fold(id), err
	}
	p, err := d.loadServicePrincipal(ctx, tx, id)
	if err == nil && p.ResourceID != "" {
		return "", managed(p)
	}
	return fold(id), err
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

// credentials selects those of a client id: its application's and its service
// principal's. A client without a service principal has none that are good.
func credentials(table, columns string) string {
	return `SELECT ` + columns + ` FROM principal p LEFT JOIN application a ON a.client_id = p.client_id
JOIN ` + table + ` c ON c.owner IN (p.object_id, a.object_id) WHERE p.client_id = ?1 AND p.resource IS NULL AND p.enabled `
}

// CheckSecret returns the application that secret belongs to. Any refusal is
// Unauthenticated, with one text for a wrong secret and for an unknown client; only
// who knows a secret is told that it is not valid now: that error is Public.
func (d *Directory) CheckSecret(ctx context.Context, clientID, secret string) (midas.Identity, error) {
	id := midas.Identity{TenantID: d.tenantID, ClientID: fold(clientID)}
	// The digest of what was sent is compared even when there is nothing to compare
	// with, in constant time: neither the answer nor its delay names the clients.
	sum := sha256.Sum256([]byte(secret))
	var found bool
	var begins int64
	var ends sql.NullInt64
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, credentials("secret", `p.object_id, c.digest, c.begins, c.ends`), id.ClientID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var digest []byte
			var from int64
			var to sql.NullInt64
			if err := rows.Scan(&id.PrincipalID, &digest, &from, &to); err != nil {
				return err
			}
			if subtle.ConstantTimeCompare(sum[:], digest) == 1 {
				found, begins, ends = true, from, to
			}
		}
		return rows.Err()
	})
	switch {
	case err != nil:
		return midas.Identity{}, err
	case !found || secret == "":
		return midas.Identity{}, midas.Errorf(midas.Unauthenticated, "invalid client secret for application %q", clip.Text(clientID))
	case d.millis() < begins:
		return midas.Identity{}, notNow("the client secret of application %q is not valid before %s", clientID, moment(begins))
	case ends.Valid && d.millis() >= ends.Int64:
		return midas.Identity{}, notNow("the client secret of application %q expired on %s", clientID, moment(ends.Int64))
	}
	return id, nil
}

func notNow(text, clientID string, when time.Time) error {
	refusal := midas.Errorf(midas.Unauthenticated, text, clip.Text(clientID), when.Format(time.DateOnly)).
		WithHint("make a new one: midas ad app credential reset --id %s", clip.Text(clientID))
	refusal.Public = true
	return refusal
}
