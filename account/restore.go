package account

import (
	"context"
	"database/sql"

	"github.com/midas-mysql/midas"
)

// Restored is what Restore did about one row that was refused.
type Restored struct {
	Account Account
	// Restored is true when the account opens again. Reason is why it was refused, or why
	// it still is.
	Restored bool
	Reason   string
}

// Restore believes rows that were refused because their copy is newer or does not know
// them: an operator has confirmed that a backup of the backend was restored. It is for one
// user name, or for all (""). An account that was dropped since, or whose row only a key that was
// replaced vouches for, opens again only when it is named.
//
// A row opens an account only if that is on the backend and was made for it. The account
// gets a new secret and the row a higher generation than any copy has seen, so what was
// restored counts everywhere and cannot be put back a second time.
func (s *Store) Restore(ctx context.Context, user string) ([]Restored, error) {
	var done []Restored
	err := s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		rows, err := readRows(ctx, conn, "`server` = ?", s.server)
		if err != nil {
			return err
		}
		for _, r := range rows {
			v := s.judge(r)
			if (user != "" && r.User != user) || !v.confirmable() {
				continue
			}
			one := Restored{Account: r.Account, Reason: string(v)}
			if v.unconfirmed() || user != "" {
				if one, err = s.confirm(ctx, conn, r, v); err != nil {
					return err
				}
			}
			done = append(done, one)
			s.Forget(r.User)
		}
		return nil
	})
	return done, err
}

// Rows returns the mapping rows of the server, as they are kept outside its backend.
func (s *Store) Rows() []Account { return s.copies.All() }

// confirm makes a refused row the latest state of its mapping.
func (s *Store) confirm(ctx context.Context, q querier, r mappingRow, v verdict) (Restored, error) {
	before := r.Account
	ours, err := s.stands(ctx, q, before)
	if err != nil {
		return Restored{}, err
	}
	if !ours {
		err := s.deleteRow(ctx, before)
		return Restored{Account: before, Reason: "the backend has no such account that midas made for this row; the row is deleted"}, err
	}
	kept, known, dropped := s.copies.state(before.Mapping)
	after := before
	if known { // those who knew a former key could have sealed another principal's row
		after.Kind, after.ID, after.DirectoryName, after.Admin = kept.Kind, kept.ID, kept.DirectoryName, kept.Admin
	}
	after.Issuer, after.Tenant = s.issuer, s.tenant // a row of a former midas has none
	after.Generation = max(before.Generation, kept.Generation, dropped.Generation) + 1
	if err := s.giveSecret(ctx, q, before, after); err != nil {
		return Restored{}, err
	}
	// The name may since have been given to an account that the backup does not have.
	for _, other := range s.copies.of(after.User) {
		if other.Host == after.Host && other.Mapping != after.Mapping {
			if err := s.copies.Delete(other); err != nil {
				return Restored{}, err
			}
		}
	}
	if err := s.updateRow(ctx, after); err != nil {
		return Restored{}, err
	}
	s.log.WarnContext(ctx, "a refused row of midas.aaduser is restored by the operator", "account", after.String(), "id", after.ID, "was refused because", string(v))
	return Restored{Account: after, Restored: true, Reason: string(v)}, nil
}

// closedCopy is what a client whose token held is told where ErrCopy stands in the way.
// The reason names a path, which is for the log.
func closedCopy(err error) error {
	return &midas.Error{
		Code: midas.Unavailable, Public: true, Err: err,
		Message: "midas's copy of this server's account rows is refused, and no account opens until its operator has looked at it",
		Hint:    "the reason and the way back are in midas's log",
	}
}
