package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// IdentityPatch is the identity member of a request, as ARM's PATCH means it.
//
// Type replaces the kinds of identity that the resource has: "SystemAssigned" alone
// takes every user-assigned identity away, "None" takes all. It is one of None,
// SystemAssigned, UserAssigned, or both with a comma, with or without a blank; ""
// leaves the kinds as they are.
//
// UserAssigned adds the identities whose value is true and takes away those whose
// value is false (null in JSON); others stay. Its keys are ARM ids in any case.
type IdentityPatch struct {
	Type         string
	UserAssigned map[string]bool
}

// kindsOf reads Type; given is false when it says nothing.
func (p IdentityPatch) kindsOf() (system, user, given bool, err error) {
	if strings.TrimSpace(p.Type) == "" {
		return false, false, false, nil
	}
	none := false
	words := strings.Split(p.Type, ",")
	for _, word := range words {
		switch fold(strings.TrimSpace(word)) {
		case "systemassigned":
			system = true
		case "userassigned":
			user = true
		case "none":
			none = true
		default:
			return false, false, false, badType(p.Type)
		}
	}
	if none && len(words) > 1 {
		return false, false, false, badType(p.Type)
	}
	return system, user, true, nil
}

// orNone is what a Put means by p: no type is no identity.
func (p IdentityPatch) orNone() IdentityPatch {
	if strings.TrimSpace(p.Type) == "" {
		return IdentityPatch{Type: "None", UserAssigned: p.UserAssigned}
	}
	return p
}

func badType(text string) error {
	return midas.Errorf(midas.Invalid, "The identity type '%s' is invalid. Supported types are 'None', 'SystemAssigned', 'UserAssigned' and 'SystemAssigned, UserAssigned'.", clip.Text(text))
}

// assign carries p out on the machine or server r.
func (d *Directory) assign(ctx context.Context, tx *sql.Tx, r Resource, p IdentityPatch) error {
	system, user, given, err := p.kindsOf()
	if err != nil {
		return err
	}
	if given && !user {
		if _, err := tx.ExecContext(ctx, `DELETE FROM assigned WHERE host = ?`, r.row); err != nil {
			return err
		}
	}
	for id, wanted := range p.UserAssigned {
		if wanted && given && !user {
			return midas.Errorf(midas.Invalid, "The identity type '%s' does not allow userAssignedIdentities; use 'UserAssigned' or 'SystemAssigned, UserAssigned'.", p.Type)
		}
		if err := d.assignOne(ctx, tx, r, id, wanted); err != nil {
			return err
		}
	}
	if user && len(p.UserAssigned) == 0 { // one that takes the last away says enough
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM assigned WHERE host = ?`, r.row).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return missingIdentities(p.Type)
		}
	}
	if given {
		return d.setSystem(ctx, tx, r, system)
	}
	return nil
}

// missingIdentities is for a type that means identities of which none are left.
func missingIdentities(kinds string) error {
	return &midas.Error{
		Code: midas.Invalid, Err: ErrNoIdentityIDs, Property: "identity",
		Message: fmt.Sprintf("The identity ids must not be null or empty for '%s' identity type.", clip.Text(kinds)),
	}
}

// assignOne gives r the user-assigned identity id, or takes it away. Taking away
// what is not there is nothing; giving what does not exist is ErrNoIdentity.
func (d *Directory) assignOne(ctx context.Context, tx *sql.Tx, r Resource, id string, wanted bool) error {
	row, err := d.identityRow(ctx, tx, id)
	switch {
	case errors.Is(err, sql.ErrNoRows) && !wanted:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return noIdentity(r.ID, id)
	case err != nil:
		return err
	case wanted:
		_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO assigned (host, identity) VALUES (?, ?)`, r.row, row)
	default:
		_, err = tx.ExecContext(ctx, `DELETE FROM assigned WHERE host = ? AND identity = ?`, r.row, row)
	}
	return err
}

// identityRow finds a user-assigned identity by ARM id, or returns sql.ErrNoRows.
func (d *Directory) identityRow(ctx context.Context, tx *sql.Tx, id string) (row int64, err error) {
	group, name, ok := d.parseID(identityKind, id)
	if !ok {
		return 0, sql.ErrNoRows
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM resource WHERE kind = ? AND group_key = ? AND key = ?`, identityKind, fold(group), fold(name)).Scan(&row)
	return row, err
}

// setSystem switches the system-assigned identity on or off. One that is switched on
// again is a new one.
func (d *Directory) setSystem(ctx context.Context, tx *sql.Tx, r Resource, on bool) error {
	if !on {
		_, err := tx.ExecContext(ctx, `DELETE FROM principal WHERE resource = ?`, r.row)
		return err
	}
	_, err := d.principalOf(ctx, tx, r)
	if errors.Is(err, sql.ErrNoRows) {
		return d.newPrincipal(ctx, tx, r.row, r.Name)
	}
	return err
}

// clearIdentity takes all user-assigned identities away before a Put sets them.
func (d *Directory) clearIdentity(ctx context.Context, tx *sql.Tx, r Resource) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM assigned WHERE host = ?`, r.row)
	return err
}

// assignedTo returns the user-assigned identities of r by ARM id.
func (d *Directory) assignedTo(ctx context.Context, tx *sql.Tx, r Resource) ([]midas.Identity, error) {
	rows, err := tx.QueryContext(ctx, `SELECT g.name, i.name, p.client_id, p.object_id
FROM assigned a JOIN resource i ON i.id = a.identity JOIN resource_group g ON g.key = i.group_key JOIN principal p ON p.resource = i.id
WHERE a.host = ? ORDER BY i.group_key, i.key`, r.row)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []midas.Identity
	for rows.Next() {
		var group, name string
		id := midas.Identity{TenantID: d.tenantID}
		if err := rows.Scan(&group, &name, &id.ClientID, &id.PrincipalID); err != nil {
			return nil, err
		}
		id.ResourceID = d.resourceID(identityKind, group, name)
		all = append(all, id)
	}
	return all, rows.Err()
}
