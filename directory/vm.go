package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// VM is a virtual machine: a workload that may have identities.
type VM struct {
	Resource
	VMID         string          // new for each creation
	System       *midas.Identity // nil when there is no system-assigned identity
	UserAssigned []midas.Identity
}

// Workload returns the machine as the metadata endpoint knows it.
func (v VM) Workload() midas.Workload {
	return midas.Workload{
		ResourceID: v.ID, VMID: v.VMID, Name: v.Name, Location: v.Location,
		System: v.System, UserAssigned: v.UserAssigned, Tags: v.Tags, Body: v.Body,
	}
}

// PutVM makes the machine or sets it to c. When c has Identity, identities that it does
// not name are taken away; without, they stay. Errors are NotFound (the group, or ErrNoIdentity), Invalid, or
// Conflict (another location).
func (d *Directory) PutVM(ctx context.Context, by *Operation, group, name string, c Change) (v VM, created bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, isNew, err := d.putResource(ctx, tx, vmKind, group, name, c)
		if err != nil {
			return err
		}
		if created = isNew; created {
			if _, err := tx.ExecContext(ctx, `INSERT INTO vm (resource, vm_id) VALUES (?, ?)`, r.row, uuid.NewString()); err != nil {
				return err
			}
		}
		if c.Identity != nil {
			if err := d.clearIdentity(ctx, tx, r); err != nil {
				return err
			}
			if err := d.assign(ctx, tx, r, c.Identity.orNone()); err != nil {
				return err
			}
		}
		v, err = d.loadVM(ctx, tx, r)
		return err
	})
	return v, created, err
}

// PatchVM changes what c names of the machine. Errors are NotFound (the machine, or
// ErrNoIdentity), Invalid, or Conflict (another location).
func (d *Directory) PatchVM(ctx context.Context, by *Operation, group, name string, c Change) (v VM, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.patchResource(ctx, tx, vmKind, group, name, c)
		if err != nil {
			return err
		}
		if c.Identity != nil {
			if err := d.assign(ctx, tx, r, *c.Identity); err != nil {
				return err
			}
		}
		v, err = d.loadVM(ctx, tx, r)
		return err
	})
	return v, err
}

// UpdateVMIdentity changes only the identities of the machine with ARM id id.
func (d *Directory) UpdateVMIdentity(ctx context.Context, id string, p IdentityPatch) (VM, error) {
	group, name, ok := d.parseID(vmKind, id)
	if !ok {
		return VM{}, noVM(id)
	}
	return d.PatchVM(ctx, nil, group, name, Change{Identity: &p})
}

// GetVM returns the machine, or NotFound.
func (d *Directory) GetVM(ctx context.Context, group, name string) (v VM, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.loadResource(ctx, tx, vmKind, group, name)
		if err != nil {
			return err
		}
		v, err = d.loadVM(ctx, tx, r)
		return err
	})
	return v, err
}

// ListVMs returns the machines of a group by name, of all groups when group is "". A
// group that does not exist is NotFound.
func (d *Directory) ListVMs(ctx context.Context, group string) ([]VM, error) {
	return d.PageVMs(ctx, group, Span{})
}

// PageVMs returns a part of ListVMs.
func (d *Directory) PageVMs(ctx context.Context, group string, part Span) ([]VM, error) {
	s := span{vmKind, group, part}
	var all []VM
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		list, err := d.loadResources(ctx, tx, s)
		if err != nil {
			return err
		}
		more, err := d.loadListing(ctx, tx, s)
		if err != nil {
			return err
		}
		for _, r := range list {
			all = append(all, VM{Resource: r, System: more.principal(r), UserAssigned: more.assigned[r.row]})
		}
		at := make(map[int64]int, len(all))
		for i := range all {
			at[all[i].row] = i
		}
		var row int64
		var id string
		return each(ctx, tx, s.with(`SELECT v.resource, v.vm_id FROM span JOIN vm v ON v.resource = span.id`), s.args(), []any{&row, &id}, func() {
			all[at[row]].VMID = id
		})
	})
	return all, err
}

// DeleteVM removes the machine and its system-assigned identity; existed is false
// when there was none.
func (d *Directory) DeleteVM(ctx context.Context, by *Operation, group, name string) (existed bool, err error) {
	return d.deleteResource(ctx, by, vmKind, group, name)
}

// WorkloadByVMID returns the machine whose VMID it is, or NotFound.
func (d *Directory) WorkloadByVMID(ctx context.Context, vmID string) (w midas.Workload, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := d.scanResource(vmKind, tx.QueryRowContext(ctx,
			resourceQuery+`JOIN vm v ON v.resource = r.id WHERE v.vm_id = ?`, fold(vmID)))
		if errors.Is(err, sql.ErrNoRows) {
			return noVM(vmID)
		}
		if err != nil {
			return err
		}
		v, err := d.loadVM(ctx, tx, r)
		w = v.Workload()
		return err
	})
	return w, err
}

// WorkloadByID returns the machine with ARM id resourceID, or NotFound.
func (d *Directory) WorkloadByID(ctx context.Context, resourceID string) (midas.Workload, error) {
	group, name, ok := d.parseID(vmKind, resourceID)
	if !ok {
		return midas.Workload{}, noVM(resourceID)
	}
	v, err := d.GetVM(ctx, group, name)
	return v.Workload(), err
}

func noVM(id string) error {
	return midas.Errorf(midas.NotFound, "The virtual machine '%s' was not found.", clip.Text(id))
}

// loadVM completes a resource of the vm kind.
func (d *Directory) loadVM(ctx context.Context, tx *sql.Tx, r Resource) (VM, error) {
	v := VM{Resource: r}
	if err := tx.QueryRowContext(ctx, `SELECT vm_id FROM vm WHERE resource = ?`, r.row).Scan(&v.VMID); err != nil {
		return VM{}, err
	}
	system, err := d.principalOf(ctx, tx, r)
	switch {
	case err == nil:
		v.System = &system
	case !errors.Is(err, sql.ErrNoRows):
		return VM{}, err
	}
	v.UserAssigned, err = d.assignedTo(ctx, tx, r)
	return v, err
}
