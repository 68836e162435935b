package directory

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

const (
	// maxFamily is how many refresh tokens of one sign-in are kept. A client that has many
	// threads may trade one for as many at once, and goes on with any of them.
	maxFamily = 256
	// maxFamilies is how many sign-ins of one person last at a time.
	maxFamilies = 256
)

// Grant is what a person let a client program do in their name, until it ends or is revoked.
// A refresh token is the proof of it.
type Grant struct {
	Family   string // all refresh tokens that one sign-in led to
	ClientID string // the program
	UserID   string // object id of the person
	Begun    time.Time
	Ends     time.Time
}

// KeepGrant notes the digest of a refresh token with what it stands for, for the person of
// that stamp. parent is the digest of the one that it was traded for, nil for a sign-in's
// first. Grants that have ended are dropped on the way, and those that are too many: of a
// family the ones that were used before spare, then the oldest that were not used; of a
// person the family that was longest not gone on with. It is NotFound when the parent was
// revoked meanwhile, or the person is gone or has another stamp: what ends a grant must
// not be outrun by a trade that had begun before.
func (d *Directory) KeepGrant(ctx context.Context, digest [32]byte, g Grant, stamp int64, parent *[32]byte, spare time.Time) error {
	var before []byte
	if parent != nil {
		before = parent[:]
	}
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE ends < ?`, d.millis()); err != nil {
			return err
		}
		kept, err := affected(tx.ExecContext(ctx, `INSERT INTO refresh_grant (digest, family, client_id, user, begun, ends)
SELECT ?, ?, ?, object_id, ?, ? FROM user
WHERE object_id = ?6 AND stamp = ?7 AND (?8 IS NULL OR EXISTS (SELECT 1 FROM refresh_grant WHERE digest = ?8 AND family = ?2))`,
			digest[:], g.Family, fold(g.ClientID), g.Begun.UnixMilli(), g.Ends.UnixMilli(), fold(g.UserID), stamp, before))
		if err == nil && !kept {
			return midas.Errorf(midas.NotFound, "the sign-in of user %s was revoked", clip.Text(g.UserID))
		}
		if err != nil {
			return err
		}
		if parent == nil {
			return dropFamilies(ctx, tx, fold(g.UserID))
		}
		return dropGrants(ctx, tx, g.Family, digest, spare)
	})
}

// dropGrants forgets what a family has beyond maxFamily, but for the one just made. A token
// that is forgotten still names its family, so that TakeGrant knows it.
func dropGrants(ctx context.Context, tx *sql.Tx, family string, made [32]byte, spare time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE digest IN (
  SELECT digest FROM refresh_grant WHERE family = ?1 AND digest <> ?2
  ORDER BY CASE WHEN used < ?3 THEN 0 WHEN used IS NULL THEN 1 ELSE 2 END, ends, rowid
  LIMIT max(0, (SELECT count(*) FROM refresh_grant WHERE family = ?1) - ?4))`, family, made[:], spare.UnixMilli(), maxFamily)
	return err
}

// dropFamilies forgets the sign-ins that a person has beyond maxFamilies.
func dropFamilies(ctx context.Context, tx *sql.Tx, user string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE family IN (
  SELECT family FROM refresh_grant WHERE user = ?1 GROUP BY family
  ORDER BY max(ends) DESC, max(rowid) DESC LIMIT -1 OFFSET ?2)`, user, maxFamilies)
	return err
}

// TakeGrant returns what a refresh token stands for and notes that it was used now,
// unless it was before: then first says when, and stays. One that is not known, or was
// revoked, is NotFound; but a Conflict, with the grant of another, when the family that it
// names is there: it was one of them, and is forgotten.
func (d *Directory) TakeGrant(ctx context.Context, digest [32]byte, family string, now time.Time) (g Grant, first time.Time, err error) {
	// What strangers make up is looked for by a reader: only who holds a token takes the
	// one writer.
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		g, first, err = loadGrant(ctx, tx, digest, family)
		return err
	})
	if err != nil || !first.IsZero() {
		return g, first, err
	}
	err = d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		if g, first, err = loadGrant(ctx, tx, digest, family); err != nil || !first.IsZero() {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE refresh_grant SET used = ? WHERE digest = ?`, now.UnixMilli(), digest[:])
		return err
	})
	return g, first, err
}

func loadGrant(ctx context.Context, tx *sql.Tx, digest [32]byte, family string) (g Grant, first time.Time, err error) {
	const query = `SELECT family, client_id, user, begun, ends, used FROM refresh_grant WHERE `
	var begun, ends int64
	var used sql.NullInt64
	into := []any{&g.Family, &g.ClientID, &g.UserID, &begun, &ends, &used}
	err = tx.QueryRowContext(ctx, query+`digest = ?`, digest[:]).Scan(into...)
	forgotten := false
	if errors.Is(err, sql.ErrNoRows) && family != "" {
		err = tx.QueryRowContext(ctx, query+`family = ? LIMIT 1`, family).Scan(into...)
		forgotten = err == nil
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return g, first, midas.Errorf(midas.NotFound, "no such refresh token")
	case err != nil:
		return g, first, err
	}
	g.Begun, g.Ends = moment(begun), moment(ends)
	if forgotten {
		return g, first, midas.Errorf(midas.Conflict, "a refresh token of that sign-in is not among those that are kept")
	}
	if used.Valid {
		first = moment(used.Int64)
	}
	return g, first, nil
}

// RevokeGrants ends all refresh tokens that one sign-in led to.
func (d *Directory) RevokeGrants(ctx context.Context, family string) error {
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE family = ?`, family)
		return err
	})
}

// RevokeUserGrants ends all refresh tokens of a person, and sign-ins that have not come to
// one yet.
func (d *Directory) RevokeUserGrants(ctx context.Context, userID string) error {
	return d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE user SET stamp = stamp + 1 WHERE object_id = ?`, fold(userID)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE user = ?`, fold(userID))
		return err
	})
}
