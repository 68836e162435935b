package directory

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/midas-mysql/midas"
)

// Migrations run in the order of their names and are never edited once released:
// a directory remembers in user_version how many it has seen.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date inside tx, whole or not at all.
func (d *Directory) migrate(ctx context.Context, tx *sql.Tx) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	var version int
	if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version > len(names) {
		return midas.Errorf(midas.Invalid, "directory has schema %d and this midas knows %d", version, len(names)).
			WithHint("a newer midas wrote it: use that one, or another state directory")
	}
	for i, name := range names[version:] {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.log.InfoContext(ctx, "directory migrated", "schema", version+i+1)
	}
	if version == len(names) {
		return nil
	}
	// What a migration writes is not recorded row by row.
	if _, err := tx.ExecContext(ctx, `INSERT INTO change (kind, id) VALUES (?, '')`, midas.ChangeAll); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, len(names)))
	return err
}
