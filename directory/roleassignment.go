package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Reasons to refuse a role assignment, found with errors.Is.
var (
	// ErrNoRole: the role definition does not exist.
	ErrNoRole = errors.New("role definition not found")
	// ErrNoPrincipal: no object of the directory has the principal's id.
	ErrNoPrincipal = errors.New("principal not found")
	// ErrPrincipalType: the principal is of another kind than the request says.
	ErrPrincipalType = errors.New("principal of another kind")
	// ErrAssignmentExists: the principal has the role at the scope under another name.
	ErrAssignmentExists = errors.New("role assignment exists")
	// ErrAssignmentFixed: the name is that of another assignment.
	ErrAssignmentFixed = errors.New("role assignment cannot be changed")
	// ErrLastAdministrator: nobody could manage access any more.
	ErrLastAdministrator = errors.New("last administrator of access")
	// ErrNoAssignment: the role assignment does not exist.
	ErrNoAssignment = errors.New("role assignment not found")
)

// maxDescription is how many characters of a description Azure takes.
const maxDescription = 1024

// RoleAssignment gives a principal a role at a scope and below.
type RoleAssignment struct {
	Name          string // GUID
	PrincipalID   string
	PrincipalType midas.PrincipalKind
	RoleID        string // GUID of the role definition
	Scope         string // ARM id
	Description   string
	Created       time.Time
	Changed       time.Time
	CreatedBy     string // object id, "" for midas itself
	ChangedBy     string
}

// PutRoleAssignment makes the assignment, or changes the description of the one that is
// there under its name; all else of one that exists is fixed. An empty PrincipalType is
// the principal's own. Errors are ErrNoRole, ErrNoPrincipal, ErrPrincipalType,
// ErrAssignmentExists, ErrAssignmentFixed, NotFound (the scope), or Invalid.
func (d *Directory) PutRoleAssignment(ctx context.Context, by *Operation, a RoleAssignment, creator string) (out RoleAssignment, created bool, err error) {
	if len(a.Description) > maxDescription {
		return out, false, midas.Errorf(midas.Invalid, "The description has %d characters, more than %d.", len(a.Description), maxDescription)
	}
	if err := noNUL("description", a.Description); err != nil {
		return out, false, err
	}
	role, err := d.Role(a.RoleID)
	if err != nil {
		return out, false, err
	}
	a.RoleID, a.Name, a.PrincipalID = role.ID, fold(a.Name), fold(a.PrincipalID)
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		at, err := d.findScope(ctx, tx, a.Scope)
		if err != nil {
			return err
		}
		if err := d.checkPrincipal(ctx, tx, &a); err != nil {
			return err
		}
		old, err := d.loadAssignment(ctx, tx, `a.name = ?`, a.Name)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			created = true
			err = d.insertAssignment(ctx, tx, at, a, creator)
		case err != nil:
		case scopeKey(old.Scope) != at.key || old.PrincipalID != a.PrincipalID || old.RoleID != a.RoleID:
			return &midas.Error{Code: midas.Conflict, Err: ErrAssignmentFixed, Message: "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."}
		default:
			_, err = tx.ExecContext(ctx, `UPDATE role_assignment SET description = ?, changed = ?, changed_by = ? WHERE name = ?`, a.Description, d.millis(), fold(creator), a.Name)
		}
		if err != nil {
			return err
		}
		out, err = d.loadAssignment(ctx, tx, `a.name = ?`, a.Name)
		return err
	})
	return out, created, err
}

func (d *Directory) checkPrincipal(ctx context.Context, tx *sql.Tx, a *RoleAssignment) error {
	kind, err := d.kindOf(ctx, tx, a.PrincipalID)
	switch {
	case err != nil:
		return err
	case kind == "":
		return &midas.Error{Code: midas.NotFound, Err: ErrNoPrincipal, Message: fmt.Sprintf(
			"Principal %s does not exist in the directory %s. Check that you have the correct principal ID.", clip.Text(a.PrincipalID), d.tenantID)}
	case a.PrincipalType != "" && a.PrincipalType != kind:
		return &midas.Error{Code: midas.Invalid, Err: ErrPrincipalType, Message: fmt.Sprintf(
			"The PrincipalId '%s' has type '%s', which is different from specified PrincipalType '%s'.", a.PrincipalID, kind, clip.Text(string(a.PrincipalType)))}
	}
	a.PrincipalType = kind
	return nil
}

func (d *Directory) insertAssignment(ctx context.Context, tx *sql.Tx, at scope, a RoleAssignment, by string) error {
	if uuid.Validate(a.Name) != nil || len(a.Name) != 36 {
		return midas.Errorf(midas.Invalid, "The role assignment ID '%s' is not valid. The role assignment ID must be a GUID.", clip.Text(a.Name))
	}
	made, err := affected(tx.ExecContext(ctx, `INSERT OR IGNORE INTO role_assignment
(name, principal, principal_type, role, scope, group_key, resource, description, created, created_by, changed, changed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Name, a.PrincipalID, a.PrincipalType, a.RoleID, at.key, at.group, at.resource, a.Description, d.millis(), fold(by), d.millis(), fold(by)))
	if err == nil && !made {
		return &midas.Error{Code: midas.Conflict, Err: ErrAssignmentExists, Message: "The role assignment already exists."}
	}
	return err
}

// DeleteRoleAssignment removes the assignment of that name at that scope and returns what
// it was; existed is false when there was none. The last one that lets somebody manage
// access to the subscription stays: ErrLastAdministrator.
func (d *Directory) DeleteRoleAssignment(ctx context.Context, by *Operation, at, name string) (a RoleAssignment, existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		a, err = d.loadAssignment(ctx, tx, `a.name = ? AND a.scope = ?`, fold(name), scopeKey(at))
		if errors.Is(err, sql.ErrNoRows) {
			a = RoleAssignment{}
			return nil
		}
		if err != nil {
			return err
		}
		if existed, err = affected(tx.ExecContext(ctx, `DELETE FROM role_assignment WHERE name = ?`, a.Name)); err != nil {
			return err
		}
		var left bool
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM role_assignment WHERE role IN (?, ?) AND scope = ?)`,
			ownerRole, userAccessAdministratorRole, d.subscriptionScope()).Scan(&left)
		if err == nil && !left {
			return &midas.Error{Code: midas.Conflict, Err: ErrLastAdministrator, Message: "Cannot delete the last RBAC admin assignment."}
		}
		return err
	})
	return a, existed && err == nil, err
}

// GetRoleAssignment returns the assignment of that name at that scope, or
// ErrNoAssignment.
func (d *Directory) GetRoleAssignment(ctx context.Context, at, name string) (a RoleAssignment, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err = d.loadAssignment(ctx, tx, `a.name = ? AND a.scope = ?`, fold(name), scopeKey(at))
		if errors.Is(err, sql.ErrNoRows) {
			return &midas.Error{Code: midas.NotFound, Err: ErrNoAssignment, Message: "The role assignment '" + clip.Text(name) + "' is not found."}
		}
		return err
	})
	return a, err
}

// AssignmentFilter says which role assignments to list.
type AssignmentFilter struct {
	Scope       string // those at it and above it
	Below       bool   // and those below it
	PrincipalID string // only this principal's, unless ""
	Groups      bool   // and those of the groups that it is in
}

// RoleAssignments returns role assignments by name. A scope that does not exist is
// NotFound.
func (d *Directory) RoleAssignments(ctx context.Context, f AssignmentFilter) ([]RoleAssignment, error) {
	var all []RoleAssignment
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		at, err := d.findScope(ctx, tx, f.Scope)
		if err != nil {
			return err
		}
		who := []string{fold(f.PrincipalID)}
		if f.Groups {
			if who, err = d.identitiesOf(ctx, tx, f.PrincipalID); err != nil {
				return err
			}
		}
		rows, err := tx.QueryContext(ctx, assignmentQuery+`ORDER BY a.name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			a, err := d.scanAssignment(rows)
			if err != nil {
				return err
			}
			key := scopeKey(a.Scope)
			here := covers(key, at.key) || f.Below && covers(at.key, key)
			if here && (f.PrincipalID == "" || slices.Contains(who, a.PrincipalID)) {
				all = append(all, a)
			}
		}
		return rows.Err()
	})
	return all, err
}

const assignmentQuery = `SELECT a.name, a.principal, a.principal_type, a.role, a.scope, g.name, r.kind, r.name,
  a.description, a.created, a.created_by, a.changed, a.changed_by
FROM role_assignment a LEFT JOIN resource_group g ON g.key = a.group_key LEFT JOIN resource r ON r.id = a.resource `

func (d *Directory) loadAssignment(ctx context.Context, tx *sql.Tx, where string, args ...any) (RoleAssignment, error) {
	return d.scanAssignment(tx.QueryRowContext(ctx, assignmentQuery+`WHERE `+where, args...))
}

func (d *Directory) scanAssignment(row interface{ Scan(...any) error }) (RoleAssignment, error) {
	var a RoleAssignment
	var key string
	var group, kind, name sql.NullString
	var created, changed int64
	err := row.Scan(&a.Name, &a.PrincipalID, &a.PrincipalType, &a.RoleID, &key, &group, &kind, &name,
		&a.Description, &created, &a.CreatedBy, &changed, &a.ChangedBy)
	a.Scope = d.shownScope(key, group, kind, name)
	a.Created, a.Changed = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return a, err
}
