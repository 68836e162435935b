package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// Limits of federated credentials.
// Source: Microsoft Entra, "Important considerations and restrictions for federated
// identity credentials", and the reference of Graph's federatedIdentityCredential.
const (
	maxFederated    = 20
	maxFederatedURL = 600
	maxAudiences    = 1
)

// FederatedCredential is a federated credential as it is kept.
type FederatedCredential struct {
	ID string
	midas.FederatedCredential
	Description string
}

const federatedQuery = `SELECT id, name, issuer, subject, audiences, description FROM federated_credential `

// FederatedCredentials returns the application or user-assigned identity of a client id,
// and the outside tokens that stand for it. Errors are NotFound for an unknown or disabled
// client.
func (d *Directory) FederatedCredentials(ctx context.Context, clientID string) (midas.Identity, []midas.FederatedCredential, error) {
	id := midas.Identity{TenantID: d.tenantID, ClientID: fold(clientID)}
	var all []midas.FederatedCredential
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var group, name sql.NullString
		err := tx.QueryRowContext(ctx, `SELECT p.object_id, g.name, r.name FROM principal p
LEFT JOIN resource r ON r.id = p.resource LEFT JOIN resource_group g ON g.key = r.group_key
WHERE p.client_id = ? AND p.enabled AND (p.resource IS NULL OR r.kind = 'identity')`, id.ClientID).Scan(&id.PrincipalID, &group, &name)
		if errors.Is(err, sql.ErrNoRows) {
			return noObject(clientID)
		}
		if err != nil {
			return err
		}
		if name.Valid {
			id.ResourceID = d.resourceID(identityKind, group.String, name.String)
		}
		kept, err := d.loadFederated(ctx, tx, id.ClientID)
		for _, c := range kept {
			all = append(all, c.FederatedCredential)
		}
		return err
	})
	if err != nil {
		return midas.Identity{}, nil, err
	}
	return id, all, nil
}

// IdentityFederation returns the federated credentials of a user-assigned identity by
// name, or NotFound.
func (d *Directory) IdentityFederation(ctx context.Context, group, identity string) (all []FederatedCredential, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		clientID, err := d.federatedIdentity(ctx, tx, group, identity)
		if err != nil {
			return err
		}
		all, err = d.loadFederated(ctx, tx, clientID)
		return err
	})
	return all, err
}

// PutIdentityFederation makes a federated credential of a user-assigned identity, or
// replaces the one of that name. Errors are NotFound (the identity), Invalid, or Conflict
// when another one has the issuer and subject.
func (d *Directory) PutIdentityFederation(ctx context.Context, group, identity string, c FederatedCredential) (kept FederatedCredential, created bool, err error) {
	err = d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		clientID, err := d.federatedIdentity(ctx, tx, group, identity)
		if err != nil {
			return err
		}
		kept, created, err = d.putFederated(ctx, tx, clientID, "Managed Identity", c)
		return err
	})
	return kept, created, err
}

// DeleteIdentityFederation removes a federated credential of a user-assigned identity;
// existed is false when there was none.
func (d *Directory) DeleteIdentityFederation(ctx context.Context, group, identity, name string) (existed bool, err error) {
	err = d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		clientID, err := d.federatedIdentity(ctx, tx, group, identity)
		if err != nil {
			return err
		}
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM federated_credential WHERE client_id = ? AND key = ?`, clientID, fold(name)))
		return err
	})
	return existed, err
}

// ApplicationFederation returns the federated credentials of an application, by the object
// id of the application object, or NotFound.
func (d *Directory) ApplicationFederation(ctx context.Context, objectID string) (all []FederatedCredential, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err := d.loadApplication(ctx, tx, objectID)
		if err != nil {
			return err
		}
		all, err = d.loadFederated(ctx, tx, a.ClientID)
		return err
	})
	return all, err
}

// PutApplicationFederation makes a federated credential of an application, or replaces the
// one of that name. Errors are those of PutIdentityFederation.
func (d *Directory) PutApplicationFederation(ctx context.Context, objectID string, c FederatedCredential) (kept FederatedCredential, created bool, err error) {
	err = d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err := d.loadApplication(ctx, tx, objectID)
		if err != nil {
			return err
		}
		kept, created, err = d.putFederated(ctx, tx, a.ClientID, "application", c)
		return err
	})
	return kept, created, err
}

// DeleteApplicationFederation removes a federated credential of an application, by its id
// or name; existed is false when there was none.
func (d *Directory) DeleteApplicationFederation(ctx context.Context, objectID, which string) (existed bool, err error) {
	err = d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err := d.loadApplication(ctx, tx, objectID)
		if err != nil {
			return err
		}
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM federated_credential WHERE client_id = ?1 AND (key = ?2 OR id = ?2)`, a.ClientID, fold(which)))
		return err
	})
	return existed, err
}

// federatedIdentity returns the client id of a user-assigned identity.
func (d *Directory) federatedIdentity(ctx context.Context, tx *sql.Tx, group, identity string) (string, error) {
	r, err := d.loadResource(ctx, tx, identityKind, group, identity)
	if err != nil {
		return "", err
	}
	id, err := d.principalOf(ctx, tx, r)
	return id.ClientID, err
}

func (d *Directory) loadFederated(ctx context.Context, tx *sql.Tx, clientID string) ([]FederatedCredential, error) {
	rows, err := tx.QueryContext(ctx, federatedQuery+`WHERE client_id = ? ORDER BY key`, clientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []FederatedCredential{}
	for rows.Next() {
		var c FederatedCredential
		var audiences string
		if err := rows.Scan(&c.ID, &c.Name, &c.Issuer, &c.Subject, &audiences, &c.Description); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(audiences), &c.Audiences); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

func (d *Directory) putFederated(ctx context.Context, tx *sql.Tx, clientID, owner string, c FederatedCredential) (FederatedCredential, bool, error) {
	if err := checkFederated(c); err != nil {
		return c, false, err
	}
	all, err := d.loadFederated(ctx, tx, clientID)
	if err != nil {
		return c, false, err
	}
	same := func(o FederatedCredential) bool { return fold(o.Name) == fold(c.Name) }
	for _, other := range all {
		if !same(other) && other.Issuer == c.Issuer && other.Subject == c.Subject {
			return c, false, midas.Errorf(midas.Conflict, "Issuer and subject combination already exists for this %s.", owner)
		}
	}
	audiences, err := json.Marshal(c.Audiences)
	if err != nil {
		return c, false, err
	}
	if at := slices.IndexFunc(all, same); at >= 0 {
		c.ID, c.Name = all[at].ID, all[at].Name
		_, err := tx.ExecContext(ctx, `UPDATE federated_credential SET issuer = ?, subject = ?, audiences = ?, description = ?, changed = ? WHERE id = ?`,
			c.Issuer, c.Subject, string(audiences), c.Description, d.millis(), c.ID)
		return c, false, err
	}
	if len(all) >= maxFederated {
		return c, false, midas.Errorf(midas.Conflict, "Too many Federated Identity Credentials are configured on this %s: at most %d are allowed.", owner, maxFederated)
	}
	c.ID = uuid.NewString()
	_, err = tx.ExecContext(ctx, `INSERT INTO federated_credential (id, client_id, key, name, issuer, subject, audiences, description, created, changed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, clientID, fold(c.Name), c.Name, c.Issuer, c.Subject, string(audiences), c.Description, d.millis(), d.millis())
	return c, true, err
}

// checkFederated refuses what could match no token, or too many.
func checkFederated(c FederatedCredential) error {
	if !within(c.Name, 3, 120, "-_") || !alphanumeric(c.Name[0]) {
		return midas.Errorf(midas.Invalid, "The federated identity credential name '%s' is invalid. "+
			"The name must be 3 to 120 characters of letters, digits, '-' or '_', and begin with a letter or digit.", clip(c.Name))
	}
	if c.Issuer == "" || c.Subject == "" || len(c.Audiences) == 0 {
		return midas.Errorf(midas.Invalid, "The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and 'audiences'.")
	}
	if u, err := url.Parse(c.Issuer); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Issuer, "#") || len(c.Issuer) > maxFederatedURL {
		return midas.Errorf(midas.Invalid, "The issuer '%s' is invalid: it must be the URL that its tokens name as 'iss', of up to %d characters.", clip(c.Issuer), maxFederatedURL)
	}
	if len(c.Audiences) > maxAudiences {
		return midas.Errorf(midas.Invalid, "The number of audiences %d exceeds the maximum of %d.", len(c.Audiences), maxAudiences)
	}
	for what, text := range map[string]string{"subject": c.Subject, "audience": c.Audiences[0], "description": c.Description} {
		if len(text) > maxFederatedURL || what != "description" && text == "" || !printable(text) {
			return midas.Errorf(midas.Invalid, "The %s of a federated identity credential has up to %d characters, none of them a control character.", what, maxFederatedURL)
		}
	}
	return nil
}

func printable(text string) bool {
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return false
		}
	}
	return true
}
