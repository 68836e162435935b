package directory

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/midas-mysql/midas"
)

// KeepGrant notes the digest of a refresh token with what it stands for. Grants that have
// ended are dropped on the way. It is NotFound when the person is gone.
func (d *Directory) KeepGrant(ctx context.Context, digest [32]byte, g midas.Grant) error {
	return d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE ends < ?`, d.millis()); err != nil {
			return err
		}
		kept, err := affected(tx.ExecContext(ctx, `INSERT INTO refresh_grant (digest, family, client_id, user, begun, ends)
SELECT ?, ?, ?, object_id, ?, ? FROM user WHERE object_id = ?`,
			digest[:], g.Family, fold(g.ClientID), g.Begun.UnixMilli(), g.Ends.UnixMilli(), fold(g.UserID)))
		if err == nil && !kept {
			return noObject(g.UserID)
		}
		return err
	})
}

// TakeGrant returns what a refresh token stands for and notes that it was used now,
// unless it was before: then first says when, and stays. One that is not known, or was
// revoked, is NotFound.
func (d *Directory) TakeGrant(ctx context.Context, digest [32]byte, now time.Time) (g midas.Grant, first time.Time, err error) {
	err = d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var begun, ends int64
		var used sql.NullInt64
		err := tx.QueryRowContext(ctx, `SELECT family, client_id, user, begun, ends, used FROM refresh_grant WHERE digest = ?`, digest[:]).
			Scan(&g.Family, &g.ClientID, &g.UserID, &begun, &ends, &used)
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "no such refresh token")
		}
		if err != nil {
			return err
		}
		g.Begun, g.Ends = moment(begun), moment(ends)
		if used.Valid {
			first = moment(used.Int64)
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE refresh_grant SET used = ? WHERE digest = ?`, now.UnixMilli(), digest[:])
		return err
	})
	return g, first, err
}

// RevokeGrants ends all refresh tokens that one sign-in led to.
func (d *Directory) RevokeGrants(ctx context.Context, family string) error {
	return d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE family = ?`, family)
		return err
	})
}

// RevokeUserGrants ends all refresh tokens of a person.
func (d *Directory) RevokeUserGrants(ctx context.Context, userID string) error {
	return d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM refresh_grant WHERE user = ?`, fold(userID))
		return err
	})
}
