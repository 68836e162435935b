package directory

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/midas-mysql/midas"
)

// KeepGrant notes the digest of a refresh token with what it stands for, for the person of
// that stamp. parent is the digest of the one that it was traded for, nil for a sign-in's
// first. Grants that have ended are dropped on the way. It is NotFound when the parent was
// revoked meanwhile, or the person is gone or has another stamp: what ends a grant must
// not be outrun by a trade that had begun before.
func (d *Directory) KeepGrant(ctx context.Context, digest [32]byte, g midas.Grant, stamp int64, parent *[32]byte) error {
	var before []byte
	if parent != nil {
		before = parent[:]
	}
	return d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE ends < ?`, d.millis()); err != nil {
			return err
		}
		kept, err := affected(tx.ExecContext(ctx, `INSERT INTO refresh_grant (digest, family, client_id, user, begun, ends)
SELECT ?, ?, ?, object_id, ?, ? FROM user
WHERE object_id = ?6 AND stamp = ?7 AND (?8 IS NULL OR EXISTS (SELECT 1 FROM refresh_grant WHERE digest = ?8 AND family = ?2))`,
			digest[:], g.Family, fold(g.ClientID), g.Begun.UnixMilli(), g.Ends.UnixMilli(), fold(g.UserID), stamp, before))
		if err == nil && !kept {
			return midas.Errorf(midas.NotFound, "the sign-in of user %s was revoked", clip(g.UserID))
		}
		return err
	})
}

// TakeGrant returns what a refresh token stands for and notes that it was used now,
// unless it was before: then first says when, and stays. One that is not known, or was
// revoked, is NotFound.
func (d *Directory) TakeGrant(ctx context.Context, digest [32]byte, now time.Time) (g midas.Grant, first time.Time, err error) {
	// What strangers make up is looked for by a reader: only who holds a token takes the
	// one writer.
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		g, first, err = loadGrant(ctx, tx, digest)
		return err
	})
	if err != nil || !first.IsZero() {
		return g, first, err
	}
	err = d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if g, first, err = loadGrant(ctx, tx, digest); err != nil || !first.IsZero() {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE refresh_grant SET used = ? WHERE digest = ?`, now.UnixMilli(), digest[:])
		return err
	})
	return g, first, err
}

func loadGrant(ctx context.Context, tx *sql.Tx, digest [32]byte) (g midas.Grant, first time.Time, err error) {
	var begun, ends int64
	var used sql.NullInt64
	err = tx.QueryRowContext(ctx, `SELECT family, client_id, user, begun, ends, used FROM refresh_grant WHERE digest = ?`, digest[:]).
		Scan(&g.Family, &g.ClientID, &g.UserID, &begun, &ends, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return g, first, midas.Errorf(midas.NotFound, "no such refresh token")
	}
	if used.Valid {
		first = moment(used.Int64)
	}
	g.Begun, g.Ends = moment(begun), moment(ends)
	return g, first, err
}

// RevokeGrants ends all refresh tokens that one sign-in led to.
func (d *Directory) RevokeGrants(ctx context.Context, family string) error {
	return d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE family = ?`, family)
		return err
	})
}

// RevokeUserGrants ends all refresh tokens of a person, and sign-ins that have not come to
// one yet.
func (d *Directory) RevokeUserGrants(ctx context.Context, userID string) error {
	return d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE user SET stamp = stamp + 1 WHERE object_id = ?`, fold(userID)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE user = ?`, fold(userID))
		return err
	})
}
