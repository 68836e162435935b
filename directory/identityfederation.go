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
	"github.com/midas-mysql/midas/internal/clip"
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
func (d *Directory) PutIdentityFederation(ctx context.Context, by *Operation, group, identity string, c FederatedCredential) (kept FederatedCredential, created bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
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
func (d *Directory) DeleteIdentityFederation(ctx context.Context, by *Operation, group, identity, name string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		clientID, err := d.federatedIdentity(ctx, tx, group, identity)
		if err != nil {
			return err
		}
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM federated_credential WHERE client_id = ? AND key = ?`, clientID, fold(name)))
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

// putFederated makes the credential or replaces the one of its name.
func (d *Directory) putFederated(ctx context.Context, tx *sql.Tx, clientID, owner string, c FederatedCredential) (FederatedCredential, bool, error) {
	all, err := d.loadFederated(ctx, tx, clientID)
	if err != nil {
		return c, false, err
	}
	if at := federatedNamed(all, c.Name); at >= 0 {
		c.ID, c.Name = all[at].ID, all[at].Name
		return c, false, d.storeFederated(ctx, tx, owner, all, c)
	}
	c, err = d.insertFederated(ctx, tx, clientID, owner, all, c)
	return c, true, err
}

// federatedNamed is where among all the one of that name is, or -1.
func federatedNamed(all []FederatedCredential, name string) int {
	return slices.IndexFunc(all, func(c FederatedCredential) bool { return fold(c.Name) == fold(name) })
}

// insertFederated adds a credential to all that its owner has, none of that name.
func (d *Directory) insertFederated(ctx context.Context, tx *sql.Tx, clientID, owner string, all []FederatedCredential, c FederatedCredential) (FederatedCredential, error) {
	c.ID = uuid.NewString()
	audiences, err := fitFederated(owner, all, c)
	if err != nil {
		return c, err
	}
	if len(all) >= maxFederated {
		return c, midas.Errorf(midas.Conflict, "Too many Federated Identity Credentials are configured on this %s: at most %d are allowed.", owner, maxFederated)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO federated_credential (id, client_id, key, name, issuer, subject, audiences, description, created, changed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, clientID, fold(c.Name), c.Name, c.Issuer, c.Subject, audiences, c.Description, d.millis(), d.millis())
	return c, err
}

// storeFederated changes the one among all that has c's id.
func (d *Directory) storeFederated(ctx context.Context, tx *sql.Tx, owner string, all []FederatedCredential, c FederatedCredential) error {
	audiences, err := fitFederated(owner, all, c)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE federated_credential SET issuer = ?, subject = ?, audiences = ?, description = ?, changed = ? WHERE id = ?`,
		c.Issuer, c.Subject, audiences, c.Description, d.millis(), c.ID)
	return err
}

// fitFederated checks a credential by itself and beside the others of its owner, and
// returns its audiences as they are kept.
func fitFederated(owner string, all []FederatedCredential, c FederatedCredential) (audiences string, err error) {
	if err := checkFederated(c); err != nil {
		return "", err
	}
	for _, other := range all {
		if other.ID != c.ID && other.Issuer == c.Issuer && other.Subject == c.Subject {
			return "", midas.Errorf(midas.Conflict, "Issuer and subject combination already exists for this %s.", owner)
		}
	}
	text, err := json.Marshal(c.Audiences)
	return string(text), err
}

// checkFederated refuses what could match no token, or too many.
func checkFederated(c FederatedCredential) error {
	if !within(c.Name, 3, 120, "-_") || !alphanumeric(c.Name[0]) {
		return midas.Errorf(midas.Invalid, "The federated identity credential name '%s' is invalid. "+
			"The name must be 3 to 120 characters of letters, digits, '-' or '_', and begin with a letter or digit.", clip.Text(c.Name))
	}
	if c.Issuer == "" || c.Subject == "" || len(c.Audiences) == 0 {
		return midas.Errorf(midas.Invalid, "The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and 'audiences'.")
	}
	if u, err := url.Parse(c.Issuer); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Issuer, "#") || len(c.Issuer) > maxFederatedURL {
		return midas.Errorf(midas.Invalid, "The issuer '%s' is invalid: it must be the URL that its tokens name as 'iss', of up to %d characters.", clip.Text(c.Issuer), maxFederatedURL)
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
