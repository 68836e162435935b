package directory

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// What those ask who run the databases behind servers.

// ServersByAge returns every server as the gateway knows it, in the order in which they were
// made.
func (d *Directory) ServersByAge(ctx context.Context) ([]midas.Server, error) {
	age := map[string]int{}
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var id string
		return each(ctx, tx, `SELECT unique_id FROM server ORDER BY resource`, nil, []any{&id}, func() { age[id] = len(age) })
	})
	if err != nil {
		return nil, err
	}
	all, err := d.Servers(ctx)
	of := func(s midas.Server) int {
		if n, known := age[s.UniqueID]; known {
			return n
		}
		return len(age) // it was made meanwhile
	}
	slices.SortStableFunc(all, func(a, b midas.Server) int { return of(a) - of(b) })
	return all, err
}

// ServerVersion returns the version that was asked for of a server, by its unique id.
func (d *Directory) ServerVersion(ctx context.Context, uniqueID string) (version string, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT version FROM server WHERE unique_id = ?`, uniqueID).Scan(&version)
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "no server has the id %q", clip.Text(uniqueID))
		}
		return err
	})
	return version, err
}
