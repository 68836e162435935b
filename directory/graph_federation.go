package directory

import (
	"context"
	"database/sql"
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// ofApplication is what errors call the owner of an application's federated credentials.
const ofApplication = "application"

// ApplicationFederation returns the federated credentials of an application, by the object
// id of the application object, or NotFound.
func (d *Directory) ApplicationFederation(ctx context.Context, objectID string) (all []FederatedCredential, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, all, err = d.applicationFederation(ctx, tx, objectID)
		return err
	})
	return all, err
}

func (d *Directory) applicationFederation(ctx context.Context, tx *sql.Tx, objectID string) (clientID string, all []FederatedCredential, err error) {
	a, err := d.loadApplication(ctx, tx, objectID)
	if err != nil {
		return "", nil, err
	}
	all, err = d.loadFederated(ctx, tx, a.ClientID)
	return a.ClientID, all, err
}

// FindFederated returns which credential of an application has that id or, when none has,
// that name; -1 when there is none. A name may look like the id of another.
func FindFederated(all []FederatedCredential, which string) int {
	if at := slices.IndexFunc(all, func(c FederatedCredential) bool { return c.ID == fold(which) }); at >= 0 {
		return at
	}
	return federatedNamed(all, which)
}

// CreateApplicationFederation makes a federated credential of an application. Errors are
// NotFound (the application), Invalid, or Conflict when another one has the name, or the
// issuer and subject.
func (d *Directory) CreateApplicationFederation(ctx context.Context, by *Operation, objectID string, c FederatedCredential) (kept FederatedCredential, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		clientID, all, err := d.applicationFederation(ctx, tx, objectID)
		if err != nil {
			return err
		}
		if federatedNamed(all, c.Name) >= 0 {
			return midas.Errorf(midas.Conflict, "FederatedIdentityCredential with name %s already exists.", clip.Text(c.Name))
		}
		kept, err = d.insertFederated(ctx, tx, clientID, ofApplication, all, c)
		return err
	})
	return kept, err
}

// UpdateApplicationFederation changes a federated credential of an application, found by
// its id or name, by what change makes of it; its id and name stay. change gets the
// credential as it is in the transaction that writes it: no other change is undone. Errors are NotFound, those
// of change, Invalid, or Conflict when another one has the issuer and subject.
func (d *Directory) UpdateApplicationFederation(ctx context.Context, by *Operation, objectID, which string, change func(*FederatedCredential) error) (kept FederatedCredential, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		_, all, err := d.applicationFederation(ctx, tx, objectID)
		if err != nil {
			return err
		}
		at := FindFederated(all, which)
		if at < 0 {
			return noObject(which)
		}
		kept = all[at]
		if err := change(&kept); err != nil {
			return err
		}
		kept.ID, kept.Name = all[at].ID, all[at].Name
		return d.storeFederated(ctx, tx, ofApplication, all, kept)
	})
	return kept, err
}

// DeleteApplicationFederation removes a federated credential of an application, by its id
// or name; existed is false when there was none.
func (d *Directory) DeleteApplicationFederation(ctx context.Context, by *Operation, objectID, which string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		clientID, all, err := d.applicationFederation(ctx, tx, objectID)
		if err != nil {
			return err
		}
		at := FindFederated(all, which)
		if at < 0 {
			return nil
		}
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM federated_credential WHERE client_id = ? AND id = ?`, clientID, all[at].ID))
		return err
	})
	return existed, err
}
