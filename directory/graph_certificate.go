package directory

import (
	"context"
	"crypto/sha1" //nolint:gosec // a name for a certificate, which proves nothing
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/keystrength"
)

const maxCertificate = 8 << 10 // bytes of DER

// Certificate is a certificate whose key an application may sign its assertions with.
type Certificate struct {
	KeyID      string
	Name       string
	Thumbprint string // SHA-1 of DER, in upper-case hexadecimal, as assertions name it
	DER        []byte
	Starts     time.Time
	Ends       time.Time
}

// SetCertificates replaces the certificates of an application or its service
// principal, by object id. One without DER is kept as it is, found by KeyID. Starts and
// Ends, when given, narrow the certificate's own period. Errors are NotFound or Invalid.
func (d *Directory) SetCertificates(ctx context.Context, ownerID string, list []Certificate) error {
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		owner, err := d.credentialOwner(ctx, tx, ownerID)
		if err != nil {
			return err
		}
		return setCertificates(ctx, tx, owner, list)
	})
}

func setCertificates(ctx context.Context, tx *sql.Tx, owner string, list []Certificate) error {
	if len(list) > maxCredentials {
		return tooManyCredentials("keyCredentials")
	}
	old, err := loadCertificates(ctx, tx, owner)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM certificate WHERE owner = ?`, owner); err != nil {
		return err
	}
	for _, c := range list {
		if c, err = complete(c, old); err != nil {
			return err
		}
		added, err := affected(tx.ExecContext(ctx, `INSERT OR IGNORE INTO certificate (key_id, owner, name, thumbprint, der, begins, ends) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			c.KeyID, owner, c.Name, c.Thumbprint, c.DER, c.Starts.UnixMilli(), c.Ends.UnixMilli()))
		if err != nil {
			return err
		}
		if !added {
			return midas.Errorf(midas.Invalid, "Key credential is invalid: the keyId '%s' is taken.", c.KeyID)
		}
	}
	return nil
}

// complete checks a certificate that is to be kept and fills in what was not said.
func complete(c Certificate, old []Certificate) (Certificate, error) {
	if len(c.DER) == 0 {
		for _, have := range old {
			if strings.EqualFold(have.KeyID, c.KeyID) {
				return have, nil
			}
		}
		return c, midas.Errorf(midas.Invalid, "The property 'key' of the keyCredential '%s' is missing.", clip.Text(c.KeyID))
	}
	if err := checkText("KeyCredential", "displayName", c.Name, false, 120); err != nil {
		return c, err
	}
	if len(c.DER) > maxCertificate {
		return c, midas.Errorf(midas.Invalid, "Key credential is invalid: a certificate has at most %d bytes.", maxCertificate)
	}
	parsed, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return c, midas.Errorf(midas.Invalid, "Key credential is invalid: it is not one X.509 certificate in DER: %w", err)
	}
	if err := keystrength.Check(parsed.PublicKey); err != nil {
		return c, midas.Errorf(midas.Invalid, "Key credential is invalid: %w.", err)
	}
	if c.KeyID == "" {
		c.KeyID = uuid.NewString()
	}
	if uuid.Validate(c.KeyID) != nil || len(c.KeyID) != 36 {
		return c, badProperty("KeyCredential", "keyId")
	}
	c.KeyID, c.Thumbprint = fold(c.KeyID), fmt.Sprintf("%X", sha1.Sum(c.DER)) //nolint:gosec // as above
	if c.Starts.Before(parsed.NotBefore) {
		c.Starts = parsed.NotBefore
	}
	if c.Ends.IsZero() || c.Ends.After(parsed.NotAfter) {
		c.Ends = parsed.NotAfter
	}
	return c, checkPeriod(c.Starts, c.Ends)
}

// CertificatesOf returns the certificates of an application or service principal, by
// object id.
func (d *Directory) CertificatesOf(ctx context.Context, ownerID string) (all []Certificate, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err = loadCertificates(ctx, tx, fold(ownerID))
		return err
	})
	return all, err
}

func loadCertificates(ctx context.Context, tx *sql.Tx, owner string) ([]Certificate, error) {
	rows, err := tx.QueryContext(ctx, `SELECT key_id, name, thumbprint, der, begins, ends FROM certificate WHERE owner = ? ORDER BY begins, rowid`, owner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []Certificate{}
	for rows.Next() {
		var c Certificate
		var begins, ends int64
		if err := rows.Scan(&c.KeyID, &c.Name, &c.Thumbprint, &c.DER, &begins, &ends); err != nil {
			return nil, err
		}
		c.Starts, c.Ends = moment(begins), moment(ends)
		all = append(all, c)
	}
	return all, rows.Err()
}

// Certificates returns who a client id is, and the certificates in DER that are valid
// now: one of their keys must have signed its assertion. Errors are NotFound for an
// unknown or disabled client.
func (d *Directory) Certificates(ctx context.Context, clientID string) (midas.Identity, [][]byte, error) {
	id := midas.Identity{TenantID: d.tenantID, ClientID: fold(clientID)}
	var all [][]byte
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT object_id FROM principal WHERE client_id = ? AND resource IS NULL AND enabled`, id.ClientID).Scan(&id.PrincipalID)
		if errors.Is(err, sql.ErrNoRows) {
			return noObject(clientID)
		}
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, credentials("certificate", `c.der`)+`AND c.begins <= ?2 AND ?2 < c.ends ORDER BY c.begins, c.key_id`, id.ClientID, d.millis())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var der []byte
			if err := rows.Scan(&der); err != nil {
				return err
			}
			all = append(all, der)
		}
		return rows.Err()
	})
	if err != nil {
		return midas.Identity{}, nil, err
	}
	return id, all, nil
}
