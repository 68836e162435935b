package directory

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/guid"
)

// maxLogin is the longest user name of MySQL, in characters.
const maxLogin = 32

// Administrator is the one Microsoft Entra administrator of a server.
type Administrator struct {
	midas.Administrator
	// IdentityID is the ARM id of the user-assigned identity with which Azure's server
	// looks principals up. midas needs none, so it may be empty.
	IdentityID string
}

// SetAdministrator makes a the server's administrator in place of any other. An empty
// tenant is the directory's own. Errors are NotFound (the server, or ErrNoIdentity)
// or Invalid.
func (d *Directory) SetAdministrator(ctx context.Context, by *Operation, group, server string, a Administrator) (out Administrator, created bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, serverKind, group, server)
		if err != nil {
			return err
		}
		before, err := d.loadServer(ctx, tx, r)
		if err != nil {
			return err
		}
		created = before.Admin == nil
		if err := d.storeAdministrator(ctx, tx, r, a); err != nil {
			return err
		}
		after, err := d.loadServer(ctx, tx, r)
		if err == nil {
			out = *after.Admin
		}
		return err
	})
	return out, created, err
}

// DeleteAdministrator leaves the server without one; existed is false when it had
// none. A server that does not exist is NotFound.
func (d *Directory) DeleteAdministrator(ctx context.Context, by *Operation, group, server string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, serverKind, group, server)
		if err != nil {
			return err
		}
		existed, err = affected(tx.ExecContext(ctx, `UPDATE server SET admin_login = NULL, admin_object_id = NULL, admin_tenant_id = NULL, admin_identity = NULL
WHERE resource = ? AND admin_object_id IS NOT NULL`, r.row))
		return err
	})
	return existed, err
}

func (d *Directory) storeAdministrator(ctx context.Context, tx *sql.Tx, r Resource, a Administrator) error {
	if a.TenantID == "" {
		a.TenantID = d.tenantID
	}
	a.ObjectID, a.TenantID = guid.Tidy(a.ObjectID), guid.Tidy(a.TenantID)
	for property, value := range map[string]string{"sid": a.ObjectID, "tenantId": a.TenantID} {
		if !guid.Valid(value) {
			return midas.Errorf(midas.Invalid, "The value '%s' of the property '%s' is invalid. It must be a GUID.", clip.Text(value), property)
		}
	}
	if !strings.EqualFold(a.TenantID, d.tenantID) {
		return midas.Errorf(midas.Invalid, "The value '%s' of the property 'tenantId' is invalid. It must be the server's own tenant, '%s'.", a.TenantID, d.tenantID)
	}
	control := func(c rune) bool { return c < ' ' || c == 0x7f }
	if n := utf8.RuneCountInString(a.Login); n == 0 || n > maxLogin || !utf8.ValidString(a.Login) || strings.ContainsFunc(a.Login, control) {
		return midas.Errorf(midas.Invalid, "The value '%s' of the property 'login' is invalid. It must have 1 to %d characters, as MySQL user names do.", clip.Text(a.Login), maxLogin)
	}
	if a.IdentityID != "" {
		if _, err := d.identityRow(ctx, tx, a.IdentityID); errors.Is(err, sql.ErrNoRows) {
			return noIdentity(r.ID, a.IdentityID)
		} else if err != nil {
			return err
		}
		has, err := d.assignedTo(ctx, tx, r)
		if err != nil {
			return err
		}
		if !serves(has, a.IdentityID) {
			return midas.Errorf(midas.Invalid, "The value '%s' of the property 'identityResourceId' is invalid. It must be one of the server's identities: assign it to the server '%s' first.", a.IdentityID, r.Name)
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE server SET admin_login = ?, admin_object_id = ?, admin_tenant_id = ?, admin_identity = ? WHERE resource = ?`,
		a.Login, fold(a.ObjectID), fold(a.TenantID), a.IdentityID, r.row)
	return err
}

// serves reports whether the identity is among those of a server.
func serves(has []midas.Identity, identityID string) bool {
	return slices.ContainsFunc(has, func(one midas.Identity) bool { return strings.EqualFold(one.ResourceID, identityID) })
}

// keepsServing refuses a change that takes from a server the identity of its administrator.
func keepsServing(before, after Server) error {
	if before.Admin == nil || !serves(before.UserAssigned, before.Admin.IdentityID) || serves(after.UserAssigned, before.Admin.IdentityID) {
		return nil
	}
	return midas.Errorf(midas.Invalid, "The identity '%s' cannot be taken from the server '%s': it serves the Microsoft Entra administrator '%s'. "+
		"Delete the administrator first, or set it with another identity.", before.Admin.IdentityID, after.Name, before.Admin.Login)
}

// Parameter is a server parameter ("configuration" in ARM's words).
type Parameter struct {
	Name        string
	Value       string
	Default     string
	Set         bool // someone set it, be it to the default
	Allowed     []string
	Description string
}

// Only parameters that change what midas does are known: one that could be set and
// had no effect would be a lie.
var parameters = []Parameter{{
	Name: "aad_auth_only", Default: "OFF", Allowed: []string{"ON", "OFF"},
	Description: "Allow Microsoft Entra authentication only: no sign-in with a password.",
}}

// Parameters returns all parameters of the server, by name, or NotFound.
func (d *Directory) Parameters(ctx context.Context, group, server string) ([]Parameter, error) {
	var all []Parameter
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, serverKind, group, server)
		if err != nil {
			return err
		}
		for _, p := range parameters {
			if p, err = d.loadParameter(ctx, tx, r, p); err != nil {
				return err
			}
			all = append(all, p)
		}
		return nil
	})
	return all, err
}

// Parameter returns one parameter; NotFound when there is no such server or name.
func (d *Directory) Parameter(ctx context.Context, group, server, name string) (Parameter, error) {
	all, err := d.Parameters(ctx, group, server)
	if err != nil {
		return Parameter{}, err
	}
	i := slices.IndexFunc(all, func(p Parameter) bool { return strings.EqualFold(p.Name, name) })
	if i < 0 {
		return Parameter{}, noParameter(name)
	}
	return all[i], nil
}

// SetParameter sets a parameter, or returns it to its default when value is "".
// Errors are NotFound (server or name) or Invalid.
func (d *Directory) SetParameter(ctx context.Context, by *Operation, group, server, name, value string) (out Parameter, err error) {
	i := slices.IndexFunc(parameters, func(p Parameter) bool { return strings.EqualFold(p.Name, name) })
	if i < 0 {
		return Parameter{}, noParameter(name)
	}
	p := parameters[i]
	value = strings.ToUpper(value)
	if value != "" && !slices.Contains(p.Allowed, value) {
		return Parameter{}, midas.Errorf(midas.Invalid, "The value '%s' of the parameter '%s' is invalid. Allowed values are '%s'.", clip.Text(value), p.Name, strings.Join(p.Allowed, "', '"))
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, serverKind, group, server)
		if err != nil {
			return err
		}
		if value == "" {
			_, err = tx.ExecContext(ctx, `DELETE FROM parameter WHERE server = ? AND name = ?`, r.row, p.Name)
		} else {
			_, err = tx.ExecContext(ctx, `INSERT INTO parameter (server, name, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, r.row, p.Name, value)
		}
		if err != nil {
			return err
		}
		out, err = d.loadParameter(ctx, tx, r, p)
		return err
	})
	return out, err
}

// BackendParameters returns the parameters that were set of the database behind a server, by name.
// What they mean is not for the directory to know.
func (d *Directory) BackendParameters(ctx context.Context, uniqueID string) (map[string]string, error) {
	all := map[string]string{}
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var name, value string
		return each(ctx, tx, `SELECT p.name, p.value FROM parameter p JOIN server s ON s.resource = p.server WHERE s.unique_id = ?`,
			[]any{uniqueID}, []any{&name, &value}, func() { all[name] = value })
	})
	for _, p := range parameters {
		delete(all, p.Name)
	}
	return all, err
}

// SetBackendParameter keeps a parameter of the database behind a server, or forgets it when value
// is "". A server that does not exist is NotFound, and the name of one of Parameters is Invalid.
func (d *Directory) SetBackendParameter(ctx context.Context, by *Operation, uniqueID, name, value string) error {
	if slices.ContainsFunc(parameters, func(p Parameter) bool { return strings.EqualFold(p.Name, name) }) {
		return midas.Errorf(midas.Invalid, "The configuration '%s' is not the database's.", clip.Text(name))
	}
	return d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		var row int64
		err := tx.QueryRowContext(ctx, `SELECT resource FROM server WHERE unique_id = ?`, uniqueID).Scan(&row)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return midas.Errorf(midas.NotFound, "no server has the id %q", clip.Text(uniqueID))
		case err != nil:
			return err
		case value == "":
			_, err = tx.ExecContext(ctx, `DELETE FROM parameter WHERE server = ? AND name = ?`, row, strings.ToLower(name))
		default:
			_, err = tx.ExecContext(ctx, `INSERT INTO parameter (server, name, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, row, strings.ToLower(name), value)
		}
		return err
	})
}

func noParameter(name string) error {
	return midas.Errorf(midas.NotFound, "The configuration '%s' does not exist.", clip.Text(name))
}

func (d *Directory) loadParameter(ctx context.Context, tx *sql.Tx, r Resource, p Parameter) (Parameter, error) {
	p.Value, p.Set, p.Allowed = p.Default, false, slices.Clone(p.Allowed)
	err := tx.QueryRowContext(ctx, `SELECT value FROM parameter WHERE server = ? AND name = ?`, r.row, p.Name).Scan(&p.Value)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	p.Set = err == nil
	return p, err
}
