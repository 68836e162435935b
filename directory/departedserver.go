package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// DepartedServer is a server that was deleted and may have left accounts behind.
type DepartedServer struct {
	UniqueID string
	Name     string
	Unsealed bool // as of Unsealed
}

// DepartedServers returns the deleted servers that ForgetServer has not been told of, by
// name.
func (d *Directory) DepartedServers(ctx context.Context) ([]DepartedServer, error) {
	var all []DepartedServer
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT unique_id, name, unsealed FROM departed_server ORDER BY name, unique_id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s DepartedServer
			if err := rows.Scan(&s.UniqueID, &s.Name, &s.Unsealed); err != nil {
				return err
			}
			all = append(all, s)
		}
		return rows.Err()
	})
	return all, err
}

// ForgetServer takes a server off DepartedServers: nothing of it is left.
func (d *Directory) ForgetServer(ctx context.Context, uniqueID string) error {
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM departed_server WHERE unique_id = ?`, uniqueID)
		return err
	})
}

// Unsealed tells whether the server was made by a midas that did not seal the records of
// accounts, and Seal has not been called since. It is NotFound when there is none.
func (d *Directory) Unsealed(ctx context.Context, uniqueID string) (unsealed bool, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT unsealed FROM server WHERE unique_id = ?`, uniqueID).Scan(&unsealed)
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "no server has the id %q", clip.Text(uniqueID))
		}
		return err
	})
	return unsealed, err
}

// Seal notes that the records of the server's accounts are sealed. From then on, one
// without a seal is somebody else's work.
func (d *Directory) Seal(ctx context.Context, uniqueID string) error {
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE server SET unsealed = 0 WHERE unique_id = ?`, uniqueID)
		return err
	})
}
